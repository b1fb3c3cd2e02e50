use std::time::Instant;

use media::{Span, Time};
use wire::rtcp::SenderInfo;

/// A timestamp this far from where it was due is a jump of the publisher's clock, not a gap.
const JUMP: Span = Span(5_000_000_000);
/// Reordered pictures lie less far back than this.
const REORDER: Span = Span(-1_000_000_000);
/// Two streams that belong together lie no further apart; a report that says so comes from another clock.
const APART: Span = Span(10_000_000_000);
/// Reports are taken this exactly.
const TOLERANCE: Span = Span(3_000_000);
/// More pictures in a row are never shown in another order.
const MAX_REORDER: usize = 4;

/// Puts a source's RTP timestamps on the session's clock.
///
/// Time is a whole number of ticks of the RTP clock apart from the timestamp, so distances between frames stay exact.
/// That number is an estimate from arrival first (A5), and follows the sender's reports then.
#[derive(Debug)]
pub(super) struct Clock {
    rate: u32,
    epoch: Instant,
    /// The last timestamp, unwrapped; `None` before the first.
    near: Option<i64>,
    /// When the last frame came.
    came: Option<Instant>,
    /// To be added to an unwrapped timestamp.
    offset: i64,
    /// What `offset` is still to change by.
    owed: i64,
    report: Option<Report>,
    /// The last decode time given out.
    last: Option<Time>,
    /// Presentation times whose decode turn is still to come, where pictures are reordered.
    ahead: Vec<Time>,
    depth: usize,
}

/// A moment on the sender's wall clock, and on its RTP clock.
#[derive(Clone, Copy, Debug)]
struct Report {
    ntp: Time,
    ticks: i64,
}

impl Clock {
    /// For a clock of `rate` ticks a second, in a session that began at `epoch`.
    pub(super) fn new(rate: u32, epoch: Instant) -> Self {
        Self {
            rate: rate.max(1),
            epoch,
            near: None,
            came: None,
            offset: 0,
            owed: 0,
            report: None,
            last: None,
            ahead: Vec::new(),
            depth: 0,
        }
    }

    /// A packet with that timestamp has come: the first one of all is the estimate to begin with.
    pub(super) fn observe(&mut self, now: Instant, timestamp: u32) {
        if self.near.is_none() {
            self.anchor(now, timestamp);
        }
    }

    /// Another source, whose timestamps have nothing to do with those before.
    pub(super) fn restart(&mut self) {
        self.near = None;
        self.report = None;
        self.owed = 0;
        self.ahead.clear();
    }

    /// Begins to count at `timestamp`: as long after the last frame as this one came after it.
    fn anchor(&mut self, now: Instant, timestamp: u32) {
        let tick = Span::from_ticks(1, self.rate);
        let at = match (self.last, self.came) {
            (Some(last), Some(came)) => last + Span::from(now.saturating_duration_since(came)).max(tick),
            _ => Time::ZERO + Span::from(now.saturating_duration_since(self.epoch)),
        };
        let ticks = i64::from(timestamp);
        self.near = Some(ticks);
        self.offset = at.to_ticks(self.rate) - ticks;
    }

    fn time(&self, ticks: i64) -> Time {
        Time::from_ticks(ticks.saturating_add(self.offset), self.rate)
    }

    /// Decode time of the next frame in order, and how much later it is shown. Never goes back (P18).
    pub(super) fn stamp(&mut self, now: Instant, timestamp: u32) -> (Time, Span) {
        self.observe(now, timestamp);
        let near = self.near.unwrap_or(timestamp.into());
        let step = i64::from(timestamp.wrapping_sub(near as u32) as i32);
        let passed = self.came.map_or(Span::ZERO, |came| now.saturating_duration_since(came).into());
        let span = Span::from_ticks(step, self.rate);
        if span > passed + JUMP || span < REORDER {
            self.restart();
            self.anchor(now, timestamp);
        } else {
            // Nothing is ever pulled by more than half of what lies between two frames.
            let room = step.abs() / 2;
            let part = self.owed.clamp(-room, room);
            self.owed -= part;
            self.offset = self.offset.saturating_add(part);
            self.near = Some(near.saturating_add(step));
        }
        self.came = Some(now);
        let shown = self.time(self.near.unwrap_or_default());
        let dts = self.turn(shown);
        (dts, shown.since(dts).max(Span::ZERO))
    }

    /// When a picture is decoded that is shown then: pictures are shown in another order only once one has been.
    fn turn(&mut self, shown: Time) -> Time {
        let least = self.last.map(|last| last + Span::from_ticks(1, self.rate));
        if least.is_some_and(|least| shown < least) {
            self.depth = (self.depth + 1).min(MAX_REORDER);
        }
        self.ahead.push(shown);
        self.ahead.sort_unstable();
        let mut dts = self.ahead.first().copied().unwrap_or(shown);
        if self.ahead.len() > self.depth {
            self.ahead.remove(0);
        } else if let Some(least) = least {
            dts = dts.min(least);
        }
        let dts = least.map_or(dts, |least| dts.max(least));
        self.last = Some(dts);
        dts
    }

    /// The sender has said what its wall clock was at a timestamp. False if it makes no sense.
    pub(super) fn report(&mut self, info: &SenderInfo) -> bool {
        let Some(near) = self.near else { return false };
        let step = i64::from(info.rtp_timestamp.wrapping_sub(near as u32) as i32);
        if info.ntp == 0 || Span::from_ticks(step, self.rate).abs() > APART {
            return false;
        }
        self.report = Some(Report { ntp: from_ntp(info.ntp), ticks: near.saturating_add(step) });
        true
    }

    /// A moment on the sender's wall clock, and when that was by this clock.
    pub(super) fn moment(&self) -> Option<(Time, Time)> {
        self.report.map(|report| (report.ntp, self.time(report.ticks)))
    }

    /// Moves towards where the sender's wall clock puts this source beside another, of which a moment is known, in
    /// steps that no one sees (A5).
    pub(super) fn follow(&mut self, (ntp, time): (Time, Time)) {
        let Some(own) = self.report else { return };
        let due = time + own.ntp.since(ntp);
        let error = due.since(self.time(own.ticks));
        self.owed = match error.abs() {
            error if error <= TOLERANCE || error > APART => 0,
            _ => error.to_ticks(self.rate),
        };
    }
}

/// NTP format as nanoseconds since 1900.
fn from_ntp(ntp: u64) -> Time {
    let nanos = (u128::from(ntp) * 1_000_000_000) >> 32;
    Time(i64::try_from(nanos).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn ms(span: (Time, Span)) -> (i64, i64) {
        (span.0.to_ticks(1000), span.1.to_ticks(1000))
    }

    fn info(seconds: f64, rtp_timestamp: u32) -> SenderInfo {
        let ntp = ((3_900_000_000u64) << 32) + (seconds * 4_294_967_296.0) as u64;
        SenderInfo { ntp, rtp_timestamp, packets: 0, octets: 0 }
    }

    /// A1, A3.
    #[test]
    fn distances_stay_exact_over_a_wrap_whatever_the_arrival() {
        let start = Instant::now();
        let mut clock = Clock::new(90_000, start);
        let begin = u32::MAX - 3003 * 100;
        let (mut last, mut now) = (None, start + 7 * MS);
        for frame in 0..1000u32 {
            let (dts, _) = clock.stamp(now, begin.wrapping_add(frame * 3003));
            if let Some(last) = last.replace(dts) {
                assert_eq!(dts.to_ticks(90_000) - last.to_ticks(90_000), 3003, "{frame}");
            }
            now += MS * (20 + frame * 7919 % 27);
        }
    }

    /// A4, A5: sound is the one that others follow.
    #[test]
    fn pictures_move_beside_the_sound_in_steps_smaller_than_a_frame() {
        let start = Instant::now();
        let (mut sound, mut video) = (Clock::new(48_000, start), Clock::new(90_000, start));
        sound.observe(start + 40 * MS, 1000);
        // Captured when the sound was, came 120 ms later.
        video.observe(start + 160 * MS, 777);
        assert!(sound.report(&info(5.0, 1000)) && video.report(&info(5.0, 777)));
        video.follow(sound.moment().unwrap());
        let mut last = None;
        for frame in 0..30u32 {
            let (dts, _) = video.stamp(start + 160 * MS + 33 * MS * frame, 777 + frame * 3000);
            if let Some(last) = last.replace(dts) {
                let step = dts.since(last).to_ticks(90_000);
                assert!((1500..=3000).contains(&step), "{step}");
            }
        }
        let at = sound.time(1000 + 48_000);
        let (dts, _) = video.stamp(start + Duration::from_secs(1), 777 + 90_000);
        assert!(dts.since(at).abs() < Span::from_millis(1));
    }

    /// A6.
    #[test]
    fn a_stray_timestamp_and_a_jump_are_put_where_they_arrive() {
        let start = Instant::now();
        let mut clock = Clock::new(90_000, start);
        let mut at = |ms: u32, timestamp: u32| clock.stamp(start + MS * ms, timestamp).0.to_ticks(1000);
        assert_eq!((at(0, 0), at(33, 2970), at(66, 2_000_000_000), at(100, 9000)), (0, 33, 66, 100));
        // Over a gap time goes on as the sender says (A12).
        assert_eq!((at(3100, 9000 + 270_000), at(3133, 9000 + 272_970)), (3100, 3133));
    }

    /// P18.
    #[test]
    fn pictures_in_another_order_get_decode_times_that_never_go_back() {
        let start = Instant::now();
        let mut clock = Clock::new(90_000, start);
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        let mut last = None;
        for (at, shown) in order.into_iter().enumerate() {
            let (dts, reorder) = clock.stamp(start + MS * 33 * at as u32, 90_000 + shown * 3000);
            assert!(last.replace(dts).is_none_or(|last| dts > last));
            if at > 3 {
                assert_eq!((dts + reorder).to_ticks(90_000), i64::from(shown) * 3000, "{at}");
            }
        }
        let plain = ms(Clock::new(90_000, start).stamp(start, 5));
        assert_eq!(plain, (0, 0));
    }

    #[test]
    fn another_source_goes_on_where_the_one_before_left_off() {
        // P24.
        let start = Instant::now();
        let mut clock = Clock::new(48_000, start);
        clock.stamp(start, 5);
        clock.stamp(start + 20 * MS, 965);
        clock.restart();
        assert_eq!(ms(clock.stamp(start + 60 * MS, 3_000_000_000)).0, 60);
        assert_eq!(ms(clock.stamp(start + 60 * MS, 3_000_000_960)).0, 80);
    }
}
