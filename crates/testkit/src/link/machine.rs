use std::time::{Duration, Instant};

/// Packets that come within so long share one draw of jitter, as what queues together does.
const SLOT: Duration = Duration::from_millis(5);
/// A packet that is held back comes at most so much later.
const BACK: Duration = Duration::from_millis(30);

/// What a link does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Per cent of packets that are lost, each by itself.
    pub loss: f64,
    /// One way.
    pub delay: Duration,
    /// At most so much is added, in order.
    pub jitter: Duration,
    /// Per cent of packets that come later than some sent after them.
    pub reorder: f64,
    /// Bits a second; none where there is no limit.
    pub width_bps: Option<u64>,
    /// What would have to wait longer than this for the limit is lost.
    pub queue: Duration,
    /// Nothing is carried, either way; connections are not read.
    pub hold: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let (delay, jitter, queue) = (Duration::ZERO, Duration::ZERO, Duration::from_millis(300));
        Self { loss: 0.0, delay, jitter, reorder: 0.0, width_bps: None, queue, hold: false }
    }
}

impl Settings {
    /// Changes what a line such as `loss=2 delay_ms=20 jitter_ms=50 reorder=5 width_kbps=1000 queue_ms=300 hold=1`
    /// names; `width_kbps=0` is no limit, and `clear` begins from nothing.
    pub fn apply(&mut self, line: &str) -> Result<(), String> {
        let mut changed = *self;
        for word in line.split_ascii_whitespace() {
            if word == "clear" {
                changed = Self::default();
                continue;
            }
            let (name, value) = word.split_once('=').ok_or_else(|| format!("`{word}` is no setting"))?;
            let value: f64 = value.parse().map_err(|_| format!("`{word}` has no number"))?;
            let span = || Duration::try_from_secs_f64(value / 1000.0).map_err(|_| format!("`{word}` is no time"));
            match name {
                "loss" => changed.loss = value,
                "delay_ms" => changed.delay = span()?,
                "jitter_ms" => changed.jitter = span()?,
                "reorder" => changed.reorder = value,
                "width_kbps" => changed.width_bps = (value > 0.0).then_some((value * 1000.0) as u64),
                "queue_ms" => changed.queue = span()?,
                "hold" => changed.hold = value > 0.0,
                _ => return Err(format!("there is no setting `{name}`")),
            }
        }
        *self = changed;
        Ok(())
    }
}

/// One direction of a link: says when a packet arrives, if it does. The same seed does the same again.
#[derive(Debug)]
pub struct Link {
    random: u64,
    free_at: Option<Instant>,
    newest: Option<Instant>,
    slot: Option<(Instant, Duration)>,
}

impl Link {
    /// Draws its luck from there.
    pub fn new(seed: u64) -> Self {
        Self { random: seed.wrapping_mul(2).wrapping_add(1), free_at: None, newest: None, slot: None }
    }

    /// When a packet of so many bytes that enters now comes out, if ever.
    pub fn carry(&mut self, settings: &Settings, now: Instant, bytes: usize) -> Option<Instant> {
        let (lost, held) = (self.draw() * 100.0 < settings.loss, self.draw() * 100.0 < settings.reorder);
        let back = BACK.mul_f64(self.draw());
        if lost || settings.hold {
            return None;
        }
        let mut at = now;
        if let Some(width) = settings.width_bps {
            let free = self.free_at.map_or(now, |free| free.max(now));
            if free - now > settings.queue {
                return None;
            }
            at = free + Duration::from_secs_f64(bytes as f64 * 8.0 / width as f64);
            self.free_at = Some(at);
        }
        let jitter = match self.slot {
            Some((until, jitter)) if now < until => jitter,
            _ => {
                let jitter = settings.jitter.mul_f64(self.draw());
                self.slot = Some((now + SLOT, jitter));
                jitter
            }
        };
        at += settings.delay + jitter.min(settings.jitter);
        if held {
            return Some(at + back);
        }
        at = self.newest.map_or(at, |newest| newest.max(at));
        self.newest = Some(at);
        Some(at)
    }

    /// Between zero and one.
    fn draw(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as f64 / f64::from(1u32 << 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn settings(line: &str) -> Settings {
        let mut settings = Settings::default();
        settings.apply(line).unwrap();
        settings
    }

    /// When each of a stream of packets comes out, a packet a millisecond.
    fn carried(line: &str, seed: u64) -> Vec<(Duration, Option<Duration>)> {
        let (begin, settings, mut link) = (Instant::now(), settings(line), Link::new(seed));
        let each = |at: u32| (at * MS, link.carry(&settings, begin + at * MS, 1250).map(|out| out - begin));
        (0..10_000).map(each).collect()
    }

    #[test]
    fn what_is_set_is_what_happens_and_a_seed_repeats_it() {
        let line = "loss=2 delay_ms=20 jitter_ms=50 reorder=5";
        let seen = carried(line, 7);
        assert_eq!(seen, carried(line, 7));
        assert_ne!(seen, carried(line, 8));
        let lost = seen.iter().filter(|(_, out)| out.is_none()).count();
        assert!((150..250).contains(&lost), "{lost}");
        let out: Vec<_> = seen.iter().filter_map(|(at, out)| out.map(|out| out - *at)).collect();
        assert!(out.iter().all(|late| (20 * MS..=100 * MS).contains(late)));
        let came: Vec<_> = seen.iter().filter_map(|(_, out)| *out).collect();
        let behind = came.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((200..700).contains(&behind), "{behind}");
    }

    #[test]
    fn a_narrow_link_queues_and_then_loses() {
        // Ten Mbit/s come, one passes.
        let seen = carried("width_kbps=1000 queue_ms=200", 1);
        let out: Vec<_> = seen.iter().filter_map(|(at, out)| out.map(|out| out - *at)).collect();
        assert!((990..1050).contains(&out.len()), "{}", out.len());
        assert!(out.iter().all(|late| *late <= 211 * MS));
    }

    #[test]
    fn a_setting_that_is_none_changes_nothing() {
        let mut settings = settings("loss=3");
        assert!(settings.apply("delay_ms=5 lots=4").is_err());
        assert_eq!((settings.loss, settings.delay), (3.0, Duration::ZERO));
        settings.apply("clear hold=1").unwrap();
        assert!(settings.hold && settings.loss == 0.0);
        assert_eq!(Link::new(1).carry(&settings, Instant::now(), 1), None);
    }
}
