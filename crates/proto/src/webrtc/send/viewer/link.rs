use std::time::Duration;

use super::clock::Clock;
use super::estimate::Estimate;
use super::pacer::Pacer;

/// What all sources of a viewer share: they go over one transport and by one clock.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) clock: Clock,
    pub(super) estimate: Estimate,
    pub(super) pacer: Pacer,
    pub(super) round_trip: Option<Duration>,
}
