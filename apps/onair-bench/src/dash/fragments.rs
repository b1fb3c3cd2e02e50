//! Seconds of media, counted while fragmented MP4 comes (ISO/IEC 14496-12 §8.8): of it only the movie fragments are read.

/// How one initialization segment's media counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Ticks a second, from `mdhd`.
    pub scale: u32,
    /// Ticks of a sample of which nothing else is said, from `trex`.
    pub sample_ticks: u32,
}

/// A segment in the making.
#[derive(Debug)]
pub struct Fragments {
    timing: Timing,
    stage: Stage,
    head: Vec<u8>,
    /// Ticks of the movie fragment whose data is still to come.
    announced: u64,
    /// Ticks that came whole and were not asked for yet.
    whole: u64,
}

#[derive(Debug)]
enum Stage {
    /// The header of a box.
    Head,
    /// A `moof`, so many bytes of it to come.
    Moof(usize),
    /// Another box, so many bytes of it to come; is it the data?
    Other(u64, bool),
    /// It is no fragmented MP4, or a kind of it that is not known here.
    Lost,
}

/// Size and name; a 64-bit size behind them where it is needed.
const HEAD: usize = 8;
const LONG_HEAD: usize = 16;
const MOOF_BYTES: usize = 1 << 20;

impl Timing {
    /// From an initialization segment of one track.
    pub fn of_init(bytes: &[u8]) -> Option<Self> {
        let moov = find(bytes, b"moov")?;
        let mdhd = find(find(find(moov, b"trak")?, b"mdia")?, b"mdhd")?;
        let scale = u32_at(mdhd, if mdhd.first() == Some(&1) { 20 } else { 12 }).filter(|scale| *scale > 0)?;
        let trex = find(moov, b"mvex").and_then(|mvex| find(mvex, b"trex"));
        Some(Self { scale, sample_ticks: trex.and_then(|trex| u32_at(trex, 12)).unwrap_or(0) })
    }
}

impl Fragments {
    /// Nothing has come yet.
    pub fn new(timing: Timing) -> Self {
        Self { timing, stage: Stage::Head, head: Vec::new(), announced: 0, whole: 0 }
    }

    /// How many of the next bytes need not be looked at.
    pub fn skippable(&self) -> u64 {
        match self.stage {
            Stage::Other(left, _) => left,
            Stage::Lost => u64::MAX,
            Stage::Head | Stage::Moof(_) => 0,
        }
    }

    /// Passes over bytes that were not looked at, at most [`Self::skippable`].
    pub fn skip(&mut self, bytes: u64) {
        let Stage::Other(left, is_data) = &mut self.stage else { return };
        *left = left.saturating_sub(bytes);
        if *left == 0 {
            if *is_data {
                self.whole = self.whole.saturating_add(std::mem::take(&mut self.announced));
            }
            self.stage = Stage::Head;
        }
    }

    /// Takes in bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let wanted = match self.stage {
                Stage::Head if self.head.starts_with(&[0, 0, 0, 1]) => LONG_HEAD - self.head.len(),
                Stage::Head => HEAD.saturating_sub(self.head.len()),
                Stage::Moof(left) => left,
                Stage::Other(..) | Stage::Lost => usize::try_from(self.skippable()).unwrap_or(usize::MAX),
            };
            let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            match &mut self.stage {
                Stage::Head => {
                    self.head.extend_from_slice(piece);
                    self.on_head();
                }
                Stage::Moof(left) => {
                    self.head.extend_from_slice(piece);
                    *left -= piece.len();
                    if *left == 0 {
                        self.announced =
                            self.announced.saturating_add(moof_ticks(&self.head, self.timing.sample_ticks));
                        self.head.clear();
                        self.stage = Stage::Head;
                    }
                }
                Stage::Other(..) => self.skip(piece.len() as u64),
                Stage::Lost => return,
            }
        }
    }

    /// Seconds of media that have come whole since the last call.
    pub fn take_secs(&mut self) -> f64 {
        std::mem::take(&mut self.whole) as f64 / f64::from(self.timing.scale.max(1))
    }

    fn on_head(&mut self) {
        let (Some(size), Some(name)) = (u32_at(&self.head, 0), self.head.get(4..HEAD)) else { return };
        let whole = match (size, self.head.len()) {
            (1, LONG_HEAD..) => {
                let (high, low) = (u32_at(&self.head, 8).unwrap_or(0), u32_at(&self.head, 12).unwrap_or(0));
                u64::from(high) << 32 | u64::from(low)
            }
            (1, _) => return,
            (size, _) => u64::from(size),
        };
        let left = whole.checked_sub(self.head.len() as u64);
        self.stage = match (name, left) {
            (_, None) => Stage::Lost,
            (b"moof", Some(left)) if left > 0 && left <= MOOF_BYTES as u64 => Stage::Moof(left as usize),
            (b"moof", _) => Stage::Lost,
            (_, Some(0)) => Stage::Head,
            (name, Some(left)) => Stage::Other(left, name == b"mdat"),
        };
        self.head.clear();
    }
}

/// Ticks of all samples of a `moof`, from its body.
fn moof_ticks(moof: &[u8], default: u32) -> u64 {
    let ticks = |traf: &[u8]| {
        let tfhd = find(traf, b"tfhd");
        let default = tfhd.and_then(tfhd_ticks).unwrap_or(default);
        let runs = boxes(traf).filter(|(name, _)| name == b"trun");
        runs.map(|(_, trun)| trun_ticks(trun, default)).fold(0, u64::saturating_add)
    };
    boxes(moof).filter(|(name, _)| name == b"traf").map(|(_, traf)| ticks(traf)).max().unwrap_or(0)
}

fn tfhd_ticks(tfhd: &[u8]) -> Option<u32> {
    let flags = u32_at(tfhd, 0)?;
    let before = 8 + if flags & 1 != 0 { 8 } else { 0 } + if flags & 2 != 0 { 4 } else { 0 };
    (flags & 8 != 0).then(|| u32_at(tfhd, before)).flatten()
}

fn trun_ticks(trun: &[u8], default: u32) -> u64 {
    let (Some(flags), Some(count)) = (u32_at(trun, 0), u32_at(trun, 4)) else { return 0 };
    if flags & 0x100 == 0 {
        return u64::from(count) * u64::from(default);
    }
    let first = 8 + [1, 4].iter().filter(|flag| flags & **flag != 0).count() * 4;
    let each = [0x100, 0x200, 0x400, 0x800].iter().filter(|flag| flags & **flag != 0).count() * 4;
    let samples = trun.get(first..).unwrap_or_default().chunks_exact(each).take(count as usize);
    samples.filter_map(|sample| u32_at(sample, 0)).map(u64::from).sum()
}

fn find<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == name).map(|(_, body)| body)
}

/// Boxes that follow each other, with their bodies; ends at one that is cut off.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32_at(bytes, 0)? as usize;
        let (whole, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some((whole.get(4..HEAD)?.try_into().ok()?, whole.get(HEAD..)?))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// An init of so many ticks a second.
    pub(in crate::dash) fn init(scale: u32) -> Vec<u8> {
        let mdia = boxed(b"mdia", &boxed(b"mdhd", &words(&[0, 0, 0, scale, 0])));
        let mvex = boxed(b"mvex", &boxed(b"trex", &words(&[0, 1, 1, 3000, 0, 0])));
        [boxed(b"ftyp", b"isom"), boxed(b"moov", &[boxed(b"trak", &mdia), mvex].concat())].concat()
    }

    fn fragment(tfhd: &[u32], trun: &[u32], data: usize) -> Vec<u8> {
        let traf = [boxed(b"tfhd", &words(tfhd)), boxed(b"trun", &words(trun))].concat();
        let moof = [boxed(b"mfhd", &words(&[0, 1])), boxed(b"traf", &traf)].concat();
        [boxed(b"moof", &moof), boxed(b"mdat", &vec![7; data])].concat()
    }

    /// Three samples by the track's default, two by the fragment's, two with durations of their own.
    fn segment() -> Vec<u8> {
        let styp = boxed(b"styp", b"msdh");
        let by_track = fragment(&[0x2_0000, 1], &[1, 3, 0], 500);
        let by_fragment = fragment(&[0x2_000a, 1, 1, 1500], &[1, 2, 0], 70);
        let own = fragment(&[0x2_0000, 1], &[0x301, 2, 0, 4500, 9, 1500, 9], 18);
        [styp, by_track, by_fragment, own].concat()
    }

    #[test]
    fn an_init_says_how_time_is_counted() {
        assert_eq!(Timing::of_init(&init(90_000)), Some(Timing { scale: 90_000, sample_ticks: 3000 }));
        assert_eq!(Timing::of_init(b"\x1aE\xdf\xa3 this is WebM"), None);
    }

    #[test]
    fn a_fragment_counts_once_its_data_is_there_whatever_the_pieces() {
        let (timing, segment) = (Timing { scale: 30_000, sample_ticks: 3000 }, segment());
        for step in [1, 7, 100, 5000] {
            let (mut fragments, mut seen) = (Fragments::new(timing), Vec::new());
            for piece in segment.chunks(step) {
                fragments.feed(piece);
                seen.push(fragments.take_secs());
            }
            assert!((seen.iter().sum::<f64>() - 0.6).abs() < 1e-9, "{seen:?}");
            let told: Vec<_> = seen.into_iter().filter(|secs| *secs > 0.0).collect();
            assert!(step >= 100 || told == [0.3, 0.1, 0.2], "{told:?}");
        }
    }

    #[test]
    fn data_may_be_skipped_unread() {
        let (mut fragments, segment) = (Fragments::new(Timing { scale: 30_000, sample_ticks: 3000 }), segment());
        let (mut at, mut looked_at, mut secs) = (0, 0, 0.0);
        while at < segment.len() {
            match fragments.skippable() as usize {
                0 => {
                    fragments.feed(&segment[at..=at]);
                    (at, looked_at) = (at + 1, looked_at + 1);
                }
                skip => {
                    fragments.skip(skip as u64);
                    at += skip;
                }
            }
            secs += fragments.take_secs();
        }
        assert!((secs - 0.6).abs() < 1e-9 && looked_at < segment.len() - 500, "{secs} {looked_at}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..300), at in 0usize..300) {
            let mut fragments = Fragments::new(Timing { scale: 1, sample_ticks: u32::MAX });
            let mut whole = segment();
            let at = at.min(whole.len());
            whole.splice(at..at, bytes.clone());
            whole.chunks(11).for_each(|piece| fragments.feed(piece));
            fragments.take_secs();
            Timing::of_init(&whole);
            moof_ticks(&bytes, 1);
        }
    }
}
