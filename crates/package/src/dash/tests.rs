use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;
use roxmltree::{Document, Node};

use super::sample::*;
use super::*;

fn look(schedule: &mut Schedule, run: &Run, now_ms: i64) -> Option<Arc<Manifest>> {
    let windows = run.windows(now_ms);
    let peak_bps = |name: &str| if name == "a2" { 131_072 } else { 4_123_456 };
    let shown: Vec<_> = windows.iter().map(|(name, window)| Shown { name, window, peak_bps: peak_bps(name) }).collect();
    let now = zero() + Duration::from_millis(now_ms.unsigned_abs());
    schedule.update(now, Place { path: &path(), era: "tqa1b0" }, &shown)
}

/// Every manifest from the beginning to the end of the run, looked for each `step_ms`, with the time
/// at which it was first seen.
pub(super) fn watch(run: &Run, step_ms: usize) -> Vec<(i64, Arc<Manifest>)> {
    let mut schedule = Schedule::default();
    let mut seen: Vec<(i64, Arc<Manifest>)> = Vec::new();
    for now_ms in (0..run.length_ms()).step_by(step_ms).chain([run.length_ms()]) {
        let Some(manifest) = look(&mut schedule, run, now_ms) else { continue };
        if seen.last().is_none_or(|(_, last)| !Arc::ptr_eq(last, &manifest)) {
            seen.push((now_ms, manifest));
        }
    }
    seen
}

fn at_end(run: &Run) -> String {
    watch(run, 200).last().unwrap().1.text(None).to_string()
}

fn all<'a, 'i>(root: &'a Document<'i>, name: &str) -> Vec<Node<'a, 'i>> {
    root.descendants().filter(|node| node.tag_name().name() == name).collect()
}

fn number(node: Node<'_, '_>, name: &str) -> i64 {
    node.attribute(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// What a timeline says: segment number, start and length in ticks.
fn timeline(template: Node<'_, '_>) -> Vec<(i64, i64, i64)> {
    let (mut msn, mut at) = (number(template, "startNumber"), None);
    let mut entries = Vec::new();
    for s in template.descendants().filter(|node| node.tag_name().name() == "S") {
        at = s.attribute("t").map(|t| t.parse().unwrap()).or(at);
        let length = number(s, "d");
        for _ in 0..=s.attribute("r").map_or(0, |r| r.parse::<i64>().unwrap()) {
            entries.push((msn, at.unwrap(), length));
            (msn, at) = (msn + 1, at.map(|at| at + length));
        }
    }
    entries
}

fn uneven() -> Run {
    Run::of([2000, 2000, 3300, 2000, 2700, 2100, 4000, 2000].map(|ms| Cut { ms, ..EVEN }))
}

/// D1, D10, D12.
#[test]
fn an_even_broadcast_is_numbered() {
    assert_snapshot!(at_end(&Run::of([EVEN; 4])));
}

/// D4.
#[test]
fn an_uneven_broadcast_gets_a_timeline() {
    assert_snapshot!(at_end(&uneven()));
}

/// D1: nothing can be promised before anything is complete.
#[test]
fn there_is_no_manifest_before_the_first_segment_is_complete() {
    let run = Run::of([EVEN; 2]);
    assert!(look(&mut Schedule::default(), &run, 1800).is_none());
    assert!(look(&mut Schedule::default(), &run, 2000).is_some());
}

/// D5: players and caches keep what they have.
#[test]
fn the_manifest_of_an_even_broadcast_stays_as_it_is() {
    let run = Run::of([EVEN; 60]);
    let seen = watch(&run, 200);
    let settled = seen.iter().filter(|(at_ms, _)| *at_ms > LISTED as i64 * EVEN.ms).count();
    assert_eq!(settled, 0, "only the depth of the time shift buffer may grow");
    assert!(seen.len() <= LISTED);
}

/// D6: new init, new period, same clock.
#[test]
fn a_change_of_parameters_begins_a_period_with_its_own_init() {
    let run = Run::of([EVEN, EVEN, Cut { init: 1, breaks: true, hole_ms: 3000, ..EVEN }, Cut { init: 1, ..EVEN }]);
    let text = at_end(&run);
    let xml = Document::parse(&text).unwrap();
    let periods = all(&xml, "Period");
    let of = |name| periods.iter().map(|period| period.attribute(name)).collect::<Vec<_>>();
    assert_eq!(of("start"), [Some("PT0S"), Some("PT7S")]);
    assert_eq!(of("duration"), [Some("PT4S"), None]);
    let second = periods[1].descendants().find(|node| node.has_tag_name(all(&xml, "SegmentTemplate")[0].tag_name()));
    let second = second.unwrap();
    assert_eq!(second.attribute("initialization"), Some("$RepresentationID$.i1.mp4"));
    assert_eq!(number(second, "presentationTimeOffset"), 7 * 90_000);
    assert_eq!(number(second, "startNumber"), FIRST as i64 + 2);
    assert!(all(&xml, "SupplementalProperty").is_empty(), "nothing continues from before");
}

#[test]
fn a_rendition_with_a_hole_is_left_out_until_it_is_back() {
    let silent = Cut { silent: true, ..EVEN };
    let text = at_end(&Run::of([EVEN, silent, silent, EVEN, EVEN]));
    let xml = Document::parse(&text).unwrap();
    let sets =
        |period: Node<'_, '_>| period.children().filter(|node| node.tag_name().name() == "AdaptationSet").count();
    assert_eq!(all(&xml, "Period").into_iter().map(sets).collect::<Vec<_>>(), [2, 1, 2]);
}

/// An RTMP publisher's clock counts milliseconds, and its crystal is a little off.
#[test]
fn a_slowly_drifting_clock_is_put_on_a_corrected_grid() {
    let text = at_end(&Run::of([Cut { ms: 2003, ..EVEN }; 50]));
    let xml = Document::parse(&text).unwrap();
    let last = all(&xml, "SegmentTemplate").pop().unwrap();
    // Whole frames make it 2 s at first; a long run tells better.
    assert_eq!(number(last, "duration") / 48, 2003);
    assert!(all(&xml, "SegmentTimeline").is_empty());
}

/// D3, D11: what the clock says is there stays there for hours, though the publisher's clock is slow or fast.
#[test]
fn a_publisher_whose_clock_goes_wrong_is_followed() {
    for ppm in [-3000, 3000] {
        let run = Run::of([EVEN; 300]);
        let mut schedule = Schedule::default();
        let mut starts = HashMap::new();
        for wall_ms in (0..590_000).step_by(200) {
            let media_ms = wall_ms + wall_ms * ppm / 1_000_000;
            let windows = run.windows(media_ms);
            let shown: Vec<_> = windows.iter().map(|(name, window)| Shown { name, window, peak_bps: 1 }).collect();
            let now = zero() + Duration::from_millis(wall_ms.unsigned_abs());
            let Some(manifest) = schedule.update(now, Place { path: &path(), era: "tqa1b0" }, &shown) else { continue };
            let last = manifest.body.periods.last().unwrap();
            let shift = last.start.since(last.origin);
            let known = *starts.entry(last.id).or_insert(last.start);
            assert_eq!(known, last.start, "what was announced stays");
            let due_ms = media_ms + shift.0 / 1_000_000;
            assert!((due_ms - wall_ms).abs() < 900, "{ppm}: {wall_ms} ms are presented at {due_ms} ms");
        }
        assert!((3..6).contains(&starts.len()), "{} periods", starts.len());
    }
}

/// D13.
#[test]
fn a_broadcast_that_is_over_says_how_long_it_was() {
    for cuts in [vec![EVEN; 4], [uneven().cuts, uneven().cuts].concat()] {
        let run = Run { over: true, ..Run::of(cuts) };
        let text = at_end(&run);
        let xml = Document::parse(&text).unwrap();
        let mpd = xml.root_element();
        let whole = format!("PT{}S", run.length_ms() as f64 / 1000.0);
        assert_eq!(mpd.attribute("mediaPresentationDuration"), Some(whole.as_str()));
        assert_eq!(mpd.attribute("minimumUpdatePeriod"), None);
        let counted = all(&xml, "SegmentTemplate").iter().any(|template| template.has_attribute("duration"));
        assert_eq!(mpd.attribute("type"), Some(if counted { "dynamic" } else { "static" }));
    }
}

/// D4: whatever a player was told of when a segment starts stays true; only the open one may turn out shorter.
#[test]
fn what_a_timeline_says_comes_true() {
    let run = Run::of([EVEN, Cut { ms: 2500, ..EVEN }].into_iter().chain([EVEN; 20]));
    let mut truth = HashMap::new();
    for (at_ms, manifest) in watch(&run, 200).into_iter().rev() {
        let text = manifest.text(None).to_string();
        let xml = Document::parse(&text).unwrap();
        for template in all(&xml, "SegmentTemplate").into_iter().filter(|template| !template.has_attribute("duration"))
        {
            let id = template.parent().unwrap().attribute("id").unwrap().to_owned();
            let listed = timeline(template);
            for (index, &(msn, start, length)) in listed.iter().enumerate() {
                let known = truth.entry((id.clone(), msn)).or_insert((start, length));
                assert_eq!(known.0, start, "{id} {msn} at {at_ms}");
                assert!(known.1 == length || index + 1 == listed.len() && known.1 < length, "{id} {msn} at {at_ms}");
            }
        }
    }
    assert!(truth.len() > 40);
}

#[test]
fn a_key_reaches_every_media_address() {
    let manifest = look(&mut Schedule::default(), &Run::of([EVEN; 2]), 4000).unwrap();
    let text = manifest.text(Some("a&b\"<$")).to_string();
    let xml = Document::parse(&text).unwrap();
    for template in all(&xml, "SegmentTemplate") {
        assert_eq!(template.attribute("media"), Some("$RepresentationID$.$Number$.m4s?key=a%26b%22%3C%24"));
        assert_eq!(template.attribute("initialization"), Some("$RepresentationID$.i0.mp4?key=a%26b%22%3C%24"));
    }
}

/// D14.
#[test]
fn caches_forget_twice_as_fast_as_players_ask() {
    for run in [uneven(), Run::of([EVEN; 4])] {
        let manifest = &watch(&run, 200).pop().unwrap().1;
        assert!(Duration::from_secs(u64::from(2 * manifest.max_age_secs())) <= manifest.update_period());
    }
}

fn cut() -> impl Strategy<Value = Cut> {
    let ms = prop_oneof![3 => Just(2000), 1 => 2000..4000i64];
    let rare = || prop_oneof![9 => Just(false), 1 => Just(true)];
    (ms, rare(), rare(), 0..3000i64, rare()).prop_map(|(ms, changes, breaks, hole_ms, silent)| Cut {
        ms,
        init: changes.into(),
        breaks: breaks || changes,
        hole_ms: if breaks { hole_ms } else { 0 },
        silent,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// D4, D5, D6, D9, D12 over whole lives, however often anybody looks.
    #[test]
    fn every_update_is_one_that_players_can_follow(cuts in prop::collection::vec(cut(), 2..40), step in 1..40usize) {
        let run = Run::of(cuts);
        let bounds = run.bounds();
        let mut starts: HashMap<String, String> = HashMap::new();
        let mut said: Option<(String, String)> = None;
        for (now_ms, manifest) in watch(&run, step * 100) {
            let text = manifest.text(None).to_string();
            let xml = Document::parse(&text).unwrap();
            let mpd = xml.root_element();

            // publishTime changes if and only if the content does.
            let published = mpd.attribute("publishTime").unwrap().to_owned();
            let rest = text.replacen(&published, "", 1);
            if let Some((before, content)) = &said {
                prop_assert!(before < &published && content != &rest);
            }
            said = Some((published, rest));

            prop_assert_eq!(mpd.attribute("availabilityStartTime"), Some("2026-11-21T03:15:00.000Z"));
            let periods = all(&xml, "Period");
            prop_assert!(!periods.is_empty());
            for (index, period) in periods.iter().enumerate() {
                let (id, start) = (period.attribute("id").unwrap(), period.attribute("start").unwrap());
                let known = starts.entry(id.to_owned()).or_insert_with(|| start.to_owned());
                prop_assert_eq!(&*known, start);
                prop_assert_eq!(period.attribute("duration").is_some(), index + 1 < periods.len());
            }
            for template in all(&xml, "SegmentTemplate") {
                let scale = number(template, "timescale");
                let offset: f64 = template.attribute("availabilityTimeOffset").map_or(0.0, |o| o.parse().unwrap());
                let ticks = |ms: i64| if scale == 48_000 { frames_until(ms) * 1024 } else { ms * 90 };
                let real = |msn: i64| bounds.get((msn - FIRST as i64) as usize).filter(|(_, end)| *end <= now_ms);
                let origin = number(template, "presentationTimeOffset");
                let (first, fixed) = (number(template, "startNumber"), template.attribute("duration"));
                if let Some(every) = fixed.map(|d| d.parse::<i64>().unwrap()) {
                    prop_assert!(offset <= every as f64 / scale as f64 - 0.2 + 1e-6);
                    prop_assert!((ticks(bounds[(first - FIRST as i64) as usize].0) - origin).abs() <= 1024);
                    continue;
                }
                let mut expected = None;
                let listed = timeline(template);
                for &(msn, start, length) in &listed {
                    prop_assert_eq!(expected.unwrap_or(start), start, "contiguous");
                    expected = Some(start + length);
                    prop_assert!(length > 0);
                    if real(msn).is_none() {
                        prop_assert!(offset <= length as f64 / scale as f64 - 0.2 + 1e-6, "asked for before it is there");
                    }
                    if let Some(&(start_ms, end_ms)) = real(msn) {
                        prop_assert_eq!(start, ticks(start_ms));
                        prop_assert_eq!(length, ticks(end_ms) - ticks(start_ms));
                    }
                }
            }
        }
    }
}
