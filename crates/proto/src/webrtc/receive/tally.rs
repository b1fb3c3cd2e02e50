use std::time::{Duration, Instant};

use wire::rtcp::{Block, SenderInfo};

const SECOND: Duration = Duration::from_secs(1);

/// What is counted about a source, for its sender (RFC 3550 §6.4.1, A.3, A.8) and for people.
#[derive(Debug)]
pub(super) struct Tally {
    rate: u32,
    /// Of this source: the number of its first packet, and how many came that were no retransmissions.
    base: Option<i64>,
    came: i64,
    /// Both as of the last report.
    expected_before: i64,
    came_before: i64,
    /// In ticks, and the spacing it is computed from.
    jitter: f64,
    last: Option<(Instant, u32)>,
    /// The middle of the last sender report's NTP time, and when it came.
    report: Option<(u32, Instant)>,
    window: Option<Instant>,
    window_bytes: u64,
    bitrate_bps: u64,
    pub(super) loss: f32,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) lost: u64,
    pub(super) repaired: u64,
}

impl Tally {
    /// For a source whose clock makes `rate` ticks a second.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate,
            base: None,
            came: 0,
            expected_before: 0,
            came_before: 0,
            jitter: 0.0,
            last: None,
            report: None,
            window: None,
            window_bytes: 0,
            bitrate_bps: 0,
            loss: 0.0,
            packets: 0,
            bytes: 0,
            lost: 0,
            repaired: 0,
        }
    }

    /// Another source, or one that counts anew, takes the place of this one; what people see goes on.
    pub(super) fn restart(&mut self) {
        (self.base, self.came, self.expected_before, self.came_before) = (None, 0, 0, 0);
        (self.last, self.report, self.jitter) = (None, None, 0.0);
    }

    /// Something has come: an original, or a retransmission.
    pub(super) fn on_bytes(&mut self, now: Instant, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
        let begin = *self.window.get_or_insert(now);
        self.window_bytes += bytes as u64;
        let passed = now.saturating_duration_since(begin);
        if passed >= SECOND {
            self.bitrate_bps = (self.window_bytes as f64 * 8.0 / passed.as_secs_f64()) as u64;
            (self.window, self.window_bytes) = (Some(now), 0);
        }
    }

    /// A packet has come as it was sent at first.
    pub(super) fn on_original(&mut self, now: Instant, timestamp: u32, highest: i64) {
        self.base.get_or_insert(highest);
        self.came += 1;
        let Some((before, last)) = self.last else {
            self.last = Some((now, timestamp));
            return;
        };
        // One frame is sent as fast as can be: only the first packet of each tells of the path.
        if timestamp == last {
            return;
        }
        self.last = Some((now, timestamp));
        let passed = now.saturating_duration_since(before).as_secs_f64() * f64::from(self.rate);
        let late = (passed - f64::from(timestamp.wrapping_sub(last) as i32)).abs();
        // A pause of the sender is no jitter.
        if late < f64::from(self.rate) {
            self.jitter += (late - self.jitter) / 16.0;
        }
    }

    /// The sender has said what time it is.
    pub(super) fn on_report(&mut self, now: Instant, info: &SenderInfo) {
        self.report = Some((info.compact_ntp(), now));
    }

    /// What to tell the sender; `highest` is the highest number seen.
    pub(super) fn block(&mut self, now: Instant, ssrc: u32, highest: i64) -> Option<Block> {
        let expected = highest - self.base? + 1;
        let (due, came) = (expected - self.expected_before, self.came - self.came_before);
        (self.expected_before, self.came_before) = (expected, self.came);
        let fraction = if due > 0 { (due - came).max(0) as f32 / due as f32 } else { 0.0 };
        self.loss = 0.5 * (self.loss + fraction);
        let since = |(_, at): (u32, Instant)| now.saturating_duration_since(at).as_secs_f64() * 65_536.0;
        Some(Block {
            ssrc,
            fraction_lost: (fraction * 256.0) as u8,
            lost: i32::try_from(expected - self.came).unwrap_or_default(),
            highest_sequence: highest as u32,
            jitter: self.jitter as u32,
            last_sr: self.report.map_or(0, |(ntp, _)| ntp),
            delay_since_sr: self.report.map_or(0.0, since) as u32,
        })
    }

    /// Interarrival jitter in seconds.
    pub(super) fn jitter(&self) -> Duration {
        Duration::try_from_secs_f64(self.jitter / f64::from(self.rate.max(1))).unwrap_or_default()
    }

    /// Over the last second; nothing if nothing has come since.
    pub(super) fn bitrate_bps(&self, now: Instant) -> u64 {
        let is_fresh = self.window.is_some_and(|begin| now.saturating_duration_since(begin) < 3 * SECOND);
        if is_fresh { self.bitrate_bps } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_of_loss_and_jitter_as_the_rfc_counts_them() {
        // P13.
        let start = Instant::now();
        let mut tally = Tally::new(48_000);
        assert_eq!(tally.block(start, 7, 0), None);
        for number in (0..100i64).filter(|number| number % 10 != 3) {
            let late = Duration::from_millis(if number % 2 == 0 { 0 } else { 4 });
            let at = start + Duration::from_millis(20) * number as u32 + late;
            tally.on_original(at, (number * 960) as u32, 65_500 + number);
        }
        tally.on_report(start, &SenderInfo { ntp: 0x0001_2345_6789_0000, ..SenderInfo::default() });
        let block = tally.block(start + Duration::from_secs(2), 7, 65_599).unwrap();
        assert_eq!((block.lost, block.fraction_lost, block.highest_sequence), (10, 25, 65_599));
        assert_eq!((block.last_sr, block.delay_since_sr), (0x2345_6789, 2 * 65_536));
        assert!((150..200).contains(&block.jitter), "{}", block.jitter);
        let again = tally.block(start + Duration::from_secs(3), 7, 65_599).unwrap();
        assert_eq!((again.lost, again.fraction_lost), (10, 0));
    }
}
