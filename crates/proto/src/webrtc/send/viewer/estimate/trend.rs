use std::collections::VecDeque;

/// Packets sent within this long are one group.
const GROUP_US: i64 = 5_000;
/// Groups that the line is laid through.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
/// A trend must last this long to count, ms.
const LASTING_MS: f64 = 10.0;
/// How the threshold follows the trend, up and down, per ms.
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;

/// Whether the queue before the viewer grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Normal,
    /// It grows.
    Overused,
    /// It drains.
    Underused,
}

/// The trend of one-way delays (draft-ietf-rmcat-gcc-02 §5, with the line of libwebrtc in place of the filter).
#[derive(Debug)]
pub(super) struct Trend {
    group: Option<Group>,
    former: Option<Group>,
    delay_ms: f64,
    smoothed_ms: f64,
    points: VecDeque<(f64, f64)>,
    begin_us: Option<i64>,
    count: u32,
    threshold: f64,
    last_update_ms: Option<f64>,
    over_ms: f64,
    former_trend: f64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent_us: i64,
    sent_us: i64,
    arrived_us: i64,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            group: None,
            former: None,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            points: VecDeque::with_capacity(WINDOW + 1),
            begin_us: None,
            count: 0,
            threshold: 12.5,
            last_update_ms: None,
            over_ms: 0.0,
            former_trend: 0.0,
            state: State::Normal,
        }
    }
}

impl Trend {
    /// Bytes that it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.points.capacity() * size_of::<(f64, f64)>()
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// What was told is answered; it takes new evidence to tell it again.
    pub(super) fn forgive(&mut self) {
        self.over_ms = 0.0;
        self.state = State::Normal;
    }

    /// A packet, in the order of sending.
    pub(super) fn on_packet(&mut self, sent_us: i64, arrived_us: i64) {
        match &mut self.group {
            Some(group) if sent_us - group.first_sent_us <= GROUP_US => {
                group.sent_us = group.sent_us.max(sent_us);
                group.arrived_us = group.arrived_us.max(arrived_us);
            }
            group => {
                let complete = group.replace(Group { first_sent_us: sent_us, sent_us, arrived_us });
                if let Some(complete) = complete {
                    self.on_group(complete);
                }
            }
        }
    }

    fn on_group(&mut self, group: Group) {
        let Some(former) = self.former.replace(group) else { return };
        let sent_ms = (group.sent_us - former.sent_us) as f64 / 1000.0;
        let arrived_ms = (group.arrived_us - former.arrived_us) as f64 / 1000.0;
        if !(-100.0..=3000.0).contains(&arrived_ms) {
            // The receiver's clock was set, or it slept.
            *self = Self { former: Some(group), threshold: self.threshold, ..Self::default() };
            return;
        }
        self.count = (self.count + 1).min(60);
        self.delay_ms += arrived_ms - sent_ms;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * self.delay_ms;
        let begin = *self.begin_us.get_or_insert(group.arrived_us);
        let at_ms = (group.arrived_us - begin) as f64 / 1000.0;
        self.points.push_back((at_ms, self.smoothed_ms));
        if self.points.len() > WINDOW {
            self.points.pop_front();
        }
        if self.points.len() == WINDOW {
            let trend = slope(&self.points) * f64::from(self.count) * GAIN;
            self.judge(trend, at_ms, sent_ms);
        }
    }

    fn judge(&mut self, trend: f64, at_ms: f64, sent_ms: f64) {
        self.state = if trend > self.threshold {
            self.over_ms += sent_ms;
            // Only while it still gets worse.
            if self.over_ms > LASTING_MS && trend >= self.former_trend { State::Overused } else { self.state }
        } else {
            self.over_ms = 0.0;
            if trend < -self.threshold { State::Underused } else { State::Normal }
        };
        self.former_trend = trend;
        let elapsed = self.last_update_ms.map_or(0.0, |last| (at_ms - last).clamp(0.0, 100.0));
        self.last_update_ms = Some(at_ms);
        // One wild value does not move it.
        if trend.abs() <= self.threshold + 15.0 {
            let follow = if trend.abs() < self.threshold { FOLLOW_DOWN } else { FOLLOW_UP };
            self.threshold += follow * (trend.abs() - self.threshold) * elapsed;
            self.threshold = self.threshold.clamp(6.0, 600.0);
        }
    }
}

/// Of the line of least squares.
fn slope(points: &VecDeque<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - mean_x) * (y - mean_y), below + (x - mean_x) * (x - mean_x))
    });
    if below == 0.0 { 0.0 } else { above / below }
}
