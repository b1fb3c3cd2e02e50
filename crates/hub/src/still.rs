use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::broadcast::Broadcast;

/// Makes stills of what is live, for people who have not begun to watch.
pub trait Stills: Send + Sync {
    /// A picture of now, or of some seconds ago: all who ask at the same time share one.
    fn still<'a>(&'a self, broadcast: &'a Broadcast) -> StillFuture<'a>;

    /// Whether there are any to be had of it, without making one: for those who tell others where to ask.
    fn can(&self, broadcast: &Broadcast) -> bool {
        let _ = broadcast;
        false
    }
}

/// What [`Stills::still`] will say.
pub type StillFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<Still>, NoStill>> + Send + 'a>>;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// As JPEG.
    pub jpeg: Bytes,
    /// When it was in front of the camera.
    pub taken: SystemTime,
}

/// Why there is no still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStill {
    /// Nobody makes any here.
    #[error("no pictures are made here")]
    NoWorker,
    /// The stream has sound alone.
    #[error("this stream has no picture")]
    NoPicture,
    /// No keyframe has come yet.
    #[error("no picture has come yet")]
    NotYet,
    /// So many others ask.
    #[error("too many pictures are asked for at once")]
    Busy,
    /// It could not be decoded.
    #[error("the picture could not be made")]
    Failed,
}

/// Nobody makes any here.
impl Stills for () {
    fn still<'a>(&'a self, _: &'a Broadcast) -> StillFuture<'a> {
        Box::pin(async { Err(NoStill::NoWorker) })
    }
}
