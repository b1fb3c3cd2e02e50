use proto::webrtc::send::Batch;

use crate::gateway::Gateway;

/// What a shard lends to the session that it runs.
pub(crate) struct Tools {
    pub(crate) gateway: Gateway,
    /// Which shard it is.
    pub(crate) shard: usize,
    /// One buffer for what any session sends.
    pub(crate) batch: Batch,
}
