//! Viewers of streams that never pause, whatever the protocol: what is counted of them.

use std::collections::BTreeMap;

use crate::plan::Merge;
use crate::stats::Samples;

/// How one viewer fared within the window of measurement.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Media came at all, before or within the window.
    pub connected: bool,
    /// Packets, messages or tags.
    pub packets: u64,
    /// Of those that there must have been, how many never came.
    pub lost: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Time from the first word to the first media, milliseconds.
    pub join_ms: Option<f32>,
    /// Of which signalling took so long.
    pub signal_ms: Option<f32>,
}

/// What all viewers of a thread saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each of them.
    pub tallies: Vec<Tally>,
    /// From the publisher's hand to the viewer's, milliseconds.
    pub delay_ms: Samples,
    /// The same of pictures' last packets: what a whole picture waited for.
    pub frame_ms: Samples,
    /// Why viewers were given up.
    pub failures: BTreeMap<String, u64>,
    /// What was agreed on, such as the cipher.
    pub agreed: Option<String>,
    /// Of a publisher: how often it was asked for a keyframe, and for a packet once more.
    pub asked: (u64, u64),
}

impl Merge for Seen {
    fn merge(&mut self, other: Self) {
        self.tallies.extend(other.tallies);
        self.delay_ms.merge(other.delay_ms);
        self.frame_ms.merge(other.frame_ms);
        for (why, count) in other.failures {
            *self.failures.entry(why).or_default() += count;
        }
        self.agreed = self.agreed.take().or(other.agreed);
        self.asked = (self.asked.0 + other.asked.0, self.asked.1 + other.asked.1);
    }
}
