use bytes::BytesMut;

/// Sealed datagrams in one buffer, which is used again and again.
#[derive(Debug)]
pub struct Batch {
    bytes: BytesMut,
    /// Where each datagram ends.
    ends: Vec<usize>,
    max_bytes: usize,
}

/// Datagrams of equal size, the last of which may be shorter: one call with UDP segmentation offload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Burst<'a> {
    /// One behind the other.
    pub bytes: &'a [u8],
    /// Bytes of each but the last.
    pub segment: usize,
}

/// The kernel takes no more segments in one call.
const MAX_SEGMENTS: usize = 64;
/// And no more bytes than fit an IP packet.
const MAX_BURST: usize = 65_000;

impl Default for Batch {
    fn default() -> Self {
        Self::new(128 * 1024)
    }
}

impl Batch {
    /// A batch that is full when another datagram could exceed `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(max_bytes), ends: Vec::with_capacity(max_bytes / 1024), max_bytes }
    }

    /// Forgets its datagrams and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Holds nothing to send.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many datagrams.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// One by one, as ICE-TCP wants them.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(begin, &end)| self.bytes.get(begin..end))
    }

    /// As few calls as segmentation offload allows.
    pub fn bursts(&self) -> impl Iterator<Item = Burst<'_>> {
        let (mut next, mut begin) = (0, 0);
        std::iter::from_fn(move || {
            let mut end = *self.ends.get(next)?;
            let (segment, first) = (end - begin, begin);
            next += 1;
            let mut count = 1;
            while let Some(&further) = self.ends.get(next) {
                let len = further - end;
                if len > segment || count == MAX_SEGMENTS || further - first > MAX_BURST {
                    break;
                }
                (end, next, count) = (further, next + 1, count + 1);
                if len < segment {
                    break;
                }
            }
            begin = end;
            Some(Burst { bytes: self.bytes.get(first..end)?, segment })
        })
    }

    /// Another datagram of the largest size may not fit.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() + 1500 > self.max_bytes
    }

    /// Writes one datagram; nothing is kept of it when `write` says false. The buffer and where it begins are handed
    /// over as sealing wants them.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut BytesMut, usize) -> bool) -> Option<usize> {
        let begin = self.bytes.len();
        if !write(&mut self.bytes, begin) {
            self.bytes.truncate(begin);
            return None;
        }
        self.ends.push(self.bytes.len());
        Some(self.bytes.len() - begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(sizes: &[usize]) -> Batch {
        let mut batch = Batch::default();
        for &size in sizes {
            batch.push(|out, begin| {
                out.resize(begin + size, 0);
                true
            });
        }
        batch
    }

    #[test]
    fn equal_sizes_and_a_shorter_end_leave_together() {
        let batch = batch(&[100, 100, 60, 60, 80, 80, 80]);
        let bursts: Vec<_> = batch.bursts().map(|burst| (burst.bytes.len(), burst.segment)).collect();
        assert_eq!(bursts, [(260, 100), (60, 60), (240, 80)]);
        assert_eq!(batch.datagrams().map(<[u8]>::len).collect::<Vec<_>>(), [100, 100, 60, 60, 80, 80, 80]);
    }

    #[test]
    fn a_burst_ends_where_the_kernel_ends_it() {
        let many = batch(&[1000; 130]);
        let bursts: Vec<_> = many.bursts().map(|burst| burst.bytes.len() / burst.segment).collect();
        assert_eq!(bursts, [64, 64, 2]);
        let large = batch(&[1400; 60]);
        assert!(large.bursts().all(|burst| burst.bytes.len() <= MAX_BURST));
    }

    #[test]
    fn what_could_not_be_sealed_leaves_no_trace() {
        let mut batch = batch(&[10]);
        assert_eq!(
            batch.push(|out, _| {
                out.extend_from_slice(b"half");
                false
            }),
            None
        );
        assert_eq!((batch.len(), batch.bursts().map(|burst| burst.bytes.len()).sum::<usize>()), (1, 10));
    }
}
