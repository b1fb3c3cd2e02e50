use std::time::{Duration, Instant, SystemTime};

use media::Time;

/// Seconds from 1900 to 1970.
const NTP_ERA: u64 = 2_208_988_800;

/// The one clock of a session: what sender reports and send times tell, for sound and pictures alike (P12).
#[derive(Debug)]
pub(super) struct Clock {
    begin: Instant,
    /// NTP format: seconds above, fractions below.
    begin_ntp: u64,
    /// A point of the broadcast's timeline and when it was there: the same for all sources, or lips would not match.
    anchor: Option<(Time, Instant)>,
}

impl Clock {
    pub(super) fn new(now: Instant, wall: SystemTime) -> Self {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let begin_ntp = (since.as_secs().wrapping_add(NTP_ERA) << 32).wrapping_add(fraction(since));
        Self { begin: now, begin_ntp, anchor: None }
    }

    pub(super) fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.begin);
        self.begin_ntp.wrapping_add(since.as_secs() << 32).wrapping_add(fraction(since))
    }

    /// The middle 32 bits, as reports name them.
    pub(super) fn compact(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }

    /// Six bits of seconds and eighteen of fractions.
    pub(super) fn abs_send_time(&self, now: Instant) -> [u8; 3] {
        let [_, bytes @ ..] = ((self.ntp(now) >> 14) as u32).to_be_bytes();
        bytes
    }

    /// The first pair stays.
    pub(super) fn anchor(&mut self, time: Time, at: Instant) {
        self.anchor.get_or_insert((time, at));
    }

    /// The point of the timeline that stands for this moment.
    pub(super) fn time(&self, now: Instant) -> Option<Time> {
        let (time, at) = self.anchor?;
        Some(time + now.saturating_duration_since(at).into())
    }
}

fn fraction(of: Duration) -> u64 {
    (u64::from(of.subsec_nanos()) << 32) / 1_000_000_000
}
