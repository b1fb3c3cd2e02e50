use media::{Span, Time};

/// No encoder shows a picture further from its decoding than this.
const MAX_COMPOSITION_MS: i32 = 10_000;

/// Turns FLV's composition times into a reorder that is never negative.
///
/// Encoders that count from presentation send negative ones for B-frames (R15). The first that does moves the whole
/// track's decode times back by as much, for good, so that every picture keeps its presentation time.
#[derive(Default)]
pub(super) struct Order {
    shift: Span,
    last: Option<Time>,
}

impl Order {
    pub(super) fn place(&mut self, dts: Time, composition_ms: i32) -> (Time, Span) {
        let is_sane = composition_ms.unsigned_abs() <= MAX_COMPOSITION_MS.unsigned_abs();
        let composition = Span::from_millis(if is_sane { composition_ms.into() } else { 0 });
        let pts = dts + composition;
        self.shift = self.shift.max(-composition);
        let mut shifted = dts - self.shift;
        // Just moved back: decode times stand still until the publisher's have caught up. Those pictures alone show
        // a little late. A jump back by more than the shift is the publisher's own, and the timeline's to judge.
        if let Some(last) = self.last
            && shifted <= last
            && last.since(shifted) < self.shift
        {
            shifted = last + Span::from_millis(1);
        }
        self.last = Some(shifted);
        (shifted, pts.since(shifted).max(Span::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(order: &mut Order, frames: &[(i64, i32)]) -> Vec<(i64, i64)> {
        let place = |&(dts, composition): &(i64, i32)| order.place(Time::from_ticks(dts, 1000), composition);
        let ms = |(dts, reorder): (Time, Span)| (dts.to_ticks(1000), reorder.to_ticks(1000));
        frames.iter().map(place).map(ms).collect()
    }

    #[test]
    fn ordinary_composition_times_pass_through() {
        let frames = [(0, 80), (40, 160), (80, 40), (120, 0)];
        assert_eq!(placed(&mut Order::default(), &frames), frames.map(|(dts, reorder)| (dts, reorder.into())));
    }

    /// R15: presentation stays where it was, decode times stay in order, reorder is never negative.
    #[test]
    fn negative_composition_times_move_decoding_back() {
        let frames = [(0, 0), (40, 80), (80, -40), (120, -40), (160, 80), (200, -40), (240, -40)];
        let placed = placed(&mut Order::default(), &frames);
        assert!(placed.windows(2).all(|pair| pair[0].0 < pair[1].0), "{placed:?}");
        assert!(placed.iter().all(|&(_, reorder)| reorder >= 0), "{placed:?}");
        let pts: Vec<_> = placed.iter().map(|(dts, reorder)| dts + reorder).collect();
        assert_eq!(pts, [0, 120, 41, 80, 240, 160, 200]);
        assert_eq!(placed[4], (120, 120), "back on the publisher's beat, moved by the shift");
    }

    #[test]
    fn absurd_composition_times_are_not_believed() {
        let placed = placed(&mut Order::default(), &[(0, -8_000_000), (40, 8_000_000), (80, 0)]);
        assert_eq!(placed, [(0, 0), (40, 0), (80, 0)]);
    }

    #[test]
    fn a_jump_back_of_the_publisher_is_left_to_the_timeline() {
        let mut order = Order::default();
        placed(&mut order, &[(10_000, 0), (10_040, -40)]);
        assert_eq!(placed(&mut order, &[(0, 0)]), [(-40, 40)]);
    }
}
