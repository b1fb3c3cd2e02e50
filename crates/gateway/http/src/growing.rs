//! A segment on its way while it is made (D7): the bytes of its parts as they come, shared and never copied.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::package::{Found, Rendition, Window};
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use tokio::sync::watch;
use tokio::time::timeout;

/// One reader of an open segment.
struct Growing {
    rendition: Arc<Rendition>,
    windows: watch::Receiver<Arc<Window>>,
    msn: u64,
    /// The first part that was not given yet.
    next: usize,
    /// For how long to wait for a part.
    patience: Duration,
}

/// The segment `msn` from its first part to its last, which may be yet to come.
///
/// The body breaks off, so that nobody takes it for whole, when nothing comes for `patience` or the segment vanishes.
pub(crate) fn body(rendition: Arc<Rendition>, msn: u64, patience: Duration) -> Body {
    let windows = rendition.window.clone();
    let reader = Growing { rendition, windows, msn, next: 0, patience };
    Body::from_stream(try_unfold(reader, |mut reader| async move {
        let part = reader.part().await?;
        Ok::<_, io::Error>(part.map(|part| (part, reader)))
    }))
}

/// What a reader finds.
enum Step {
    Part(Bytes),
    End,
    Wait,
    Gone,
}

impl Growing {
    async fn part(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.look() {
                Step::Part(bytes) => {
                    self.next += 1;
                    return Ok(Some(bytes));
                }
                Step::End => return Ok(None),
                Step::Gone => return Err(io::ErrorKind::NotFound.into()),
                Step::Wait => {}
            }
            match timeout(self.patience, self.windows.changed()).await {
                Ok(Ok(())) => {}
                // The writer is gone, and what it left is not the whole segment.
                Ok(Err(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    fn look(&mut self) -> Step {
        let window = self.windows.borrow_and_update().clone();
        if let Some(open) = window.open.as_ref().filter(|open| open.msn == self.msn) {
            let part = open.parts.get(self.next);
            return part.map_or(Step::Wait, |part| Step::Part(part.bytes.clone()));
        }
        match self.rendition.segment(self.msn) {
            // Complete by now, and in one piece: what was not given yet is still to be had part by part.
            Found::Here(_) => match self.rendition.part(self.msn, self.next) {
                Found::Here(part) => Step::Part(part),
                Found::Next | Found::Nowhere => Step::End,
            },
            Found::Next => Step::Wait,
            Found::Nowhere => Step::Gone,
        }
    }
}
