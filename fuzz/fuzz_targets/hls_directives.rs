//! Whatever a query asks, there is a decision; and what is served once is served for ever.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::Span;
use package::Window;
use package::hls::{Decision, Directives, decide};

fuzz_target!(|query: &str| {
    let Ok(directives) = Directives::parse(query) else { return };
    assert!(directives.part.is_none() || directives.msn.is_some());
    for part_target in [Span(i64::MIN), Span::ZERO, Span(1), Span::from_millis(200), Span(i64::MAX)] {
        let window = |ended| Window {
            version: 1,
            segments: Vec::new(),
            open: None,
            discontinuity_sequence: 0,
            target_duration_secs: 2,
            part_target,
            independent_segments: true,
            ended,
        };
        let _ = decide(&window(false), &directives);
        assert_eq!(decide(&window(true), &directives), Decision::Serve);
    }
});
