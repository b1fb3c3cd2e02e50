use media::{Frame, Track, TrackId};

/// What the gateway must pass on to the hub, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A track is there, or its parameters are others from the next frame on. Comes before the track's first frame.
    Track(Track),
    /// A whole frame, stamped with the publisher's clock: one for all tracks, its zero where the session began.
    Frame(TrackId, Frame),
    /// A simulcast layer has gone silent while others go on (P10). A `Track` announces its return.
    Gone(TrackId),
    /// The publisher has said goodbye for every source that it had.
    Bye,
}
