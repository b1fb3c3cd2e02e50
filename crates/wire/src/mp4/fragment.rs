use bytes::{BufMut, Bytes};

use super::init::TRACK;

/// A CMAF chunk: consecutive samples of one track, written as `moof` and `mdat`.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// Rises from fragment to fragment of a track (`mfhd`).
    pub sequence: u32,
    /// Decode time of the first sample, in ticks of the track's timescale (`tfdt`).
    pub decode_time: u64,
    /// The samples, in decode order.
    pub samples: &'a [Sample],
    /// All samples are sync samples of one kind, as with audio: flags are written once, not per sample.
    pub all_sync: bool,
}

/// One sample of a fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time to the next sample's decode time, in ticks. Never 0 (conformance C6).
    pub duration: u32,
    /// Presentation minus decode time, in ticks; may be negative (conformance C5).
    pub composition: i32,
    /// A decoder may start here.
    pub is_sync: bool,
    /// The encoded bytes.
    pub payload: Bytes,
}

/// `depends on no other sample`.
const SYNC: u32 = 0x0200_0000;
/// `depends on others`, `is no sync sample`.
const NO_SYNC: u32 = 0x0101_0000;

// `tfhd` flags.
const DEFAULT_DURATION: u32 = 0x08;
const DEFAULT_FLAGS: u32 = 0x20;
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;

// `trun` flags.
const DATA_OFFSET: u32 = 0x001;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;
const COMPOSITIONS: u32 = 0x800;

impl Fragment<'_> {
    /// Writes the boxes into one buffer of exactly their size, payloads included (conformance C2 to C6).
    pub fn to_bytes(&self) -> Bytes {
        let first_duration = self.samples.first().map_or(0, |sample| sample.duration);
        let one_duration = self.samples.iter().all(|sample| sample.duration == first_duration);
        let composed = self.samples.iter().any(|sample| sample.composition != 0);

        let mut tfhd_flags = DEFAULT_BASE_IS_MOOF;
        let mut trun_flags = DATA_OFFSET | SIZES;
        let mut columns = 1;
        if one_duration {
            tfhd_flags |= DEFAULT_DURATION;
        } else {
            trun_flags |= DURATIONS;
            columns += 1;
        }
        if self.all_sync {
            tfhd_flags |= DEFAULT_FLAGS;
        } else {
            trun_flags |= FLAGS;
            columns += 1;
        }
        if composed {
            trun_flags |= COMPOSITIONS;
            columns += 1;
        }

        let tfhd = 16 + 4 * (usize::from(one_duration) + usize::from(self.all_sync));
        let trun = 20 + 4 * columns * self.samples.len();
        let traf = 8 + tfhd + 20 + trun;
        let moof = 8 + 16 + traf;
        let mdat = 8 + self.samples.iter().map(|sample| sample.payload.len()).sum::<usize>();

        let mut out = Vec::with_capacity(moof + mdat);
        put_header(&mut out, moof, b"moof");
        put_header(&mut out, 16, b"mfhd");
        out.put_u32(0);
        out.put_u32(self.sequence);
        put_header(&mut out, traf, b"traf");
        put_header(&mut out, tfhd, b"tfhd");
        out.put_u32(tfhd_flags);
        out.put_u32(TRACK);
        if one_duration {
            out.put_u32(first_duration);
        }
        if self.all_sync {
            out.put_u32(SYNC);
        }
        put_header(&mut out, 20, b"tfdt");
        out.put_u32(0x0100_0000); // version 1: 64 bits
        out.put_u64(self.decode_time);
        put_header(&mut out, trun, b"trun");
        out.put_u32(0x0100_0000 | trun_flags); // version 1: signed composition offsets
        out.put_u32(self.samples.len() as u32);
        out.put_u32((moof + 8) as u32);
        for sample in self.samples {
            if !one_duration {
                out.put_u32(sample.duration);
            }
            out.put_u32(sample.payload.len() as u32);
            if !self.all_sync {
                out.put_u32(if sample.is_sync { SYNC } else { NO_SYNC });
            }
            if composed {
                out.put_i32(sample.composition);
            }
        }
        put_header(&mut out, mdat, b"mdat");
        for sample in self.samples {
            out.put_slice(&sample.payload);
        }
        out.into()
    }
}

fn put_header(out: &mut Vec<u8>, size: usize, kind: &[u8; 4]) {
    out.put_u32(u32::try_from(size).unwrap_or(u32::MAX));
    out.put_slice(kind);
}
