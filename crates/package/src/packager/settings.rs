use media::Span;

/// How to cut a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a segment should be; it ends at the first keyframe from there on.
    pub segment: Span,
    /// How long a part should be.
    pub part: Span,
    /// How much of the past stays listed. At least six segments and three target durations always do (H9).
    pub window: Span,
    /// The most bytes that one rendition may keep, listed or not; beyond that it keeps less of the past.
    pub window_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment: Span::from_millis(2000),
            part: Span::from_millis(200),
            window: Span::from_millis(30_000),
            window_bytes: 256 << 20,
        }
    }
}
