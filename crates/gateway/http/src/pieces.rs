use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body of shared bytes in several pieces, sent as they lie, never joined.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    left: VecDeque<Bytes>,
}

impl Pieces {
    /// All of them.
    pub(crate) fn of(pieces: Vec<Bytes>) -> Self {
        Self { left: pieces.into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.iter().map(Bytes::len).sum()
    }

    /// Only the bytes of that range, which is cut to what there is.
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        let mut at = 0;
        let cut = |piece: Bytes| {
            let (from, to) = (at, at + piece.len());
            at = to;
            let (start, end) = (range.start.clamp(from, to) - from, range.end.clamp(from, to) - from);
            (start < end).then(|| piece.slice(start..end))
        };
        Self { left: self.left.into_iter().filter_map(cut).collect() }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_what_it_would_be_of_the_joined_bytes() {
        let pieces = ["abc", "", "defg", "h"];
        let joined = pieces.concat();
        for start in 0..=joined.len() {
            for end in start..=joined.len() {
                let pieces = Pieces::of(pieces.map(Bytes::from).to_vec()).slice(start..end);
                assert_eq!(pieces.len(), end - start);
                let sliced: Vec<u8> = pieces.left.into_iter().flatten().collect();
                assert_eq!(sliced, joined.as_bytes()[start..end]);
            }
        }
    }
}
