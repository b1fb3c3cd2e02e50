//! Looks into CMAF bytes: which samples a fragment holds and when they are due.

/// One `moof` with its `mdat`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// `mfhd` sequence number.
    pub sequence: u32,
    /// `tfdt`, in ticks of the track.
    pub start: u64,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In ticks.
    pub duration: u32,
    /// In bytes.
    pub size: u32,
    /// Presentation minus decode time, in ticks.
    pub offset: i32,
    /// A decoder may start here.
    pub sync: bool,
}

impl Fragment {
    /// Ticks from its first sample to the end of its last.
    pub fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }
}

/// Ticks a second, from the `mdhd` of an init segment.
pub fn timescale(init: &[u8]) -> u32 {
    let mdhd = find(init, &[b"moov", b"trak", b"mdia", b"mdhd"]).expect("an mdhd");
    u32_at(mdhd, if mdhd[0] == 1 { 20 } else { 12 })
}

/// The tick of the media that is shown at time zero, from the `elst` of an init segment (14496-12 §8.6.6).
pub fn edit_start(init: &[u8]) -> u64 {
    let Some(elst) = find(init, &[b"moov", b"trak", b"edts", b"elst"]) else { return 0 };
    assert_eq!((elst[0], u32_at(elst, 4)), (1, 1), "one edit, in 64 bits");
    u64::from(u32_at(elst, 16)) << 32 | u64::from(u32_at(elst, 20))
}

/// All fragments of a segment or part, in order; panics where a box lies about its length.
pub fn fragments(bytes: &[u8]) -> Vec<Fragment> {
    let mut found = Vec::new();
    for (name, moof, len) in boxes(bytes) {
        if name != *b"moof" {
            continue;
        }
        let mfhd = find(moof, &[b"mfhd"]).expect("an mfhd");
        let tfhd = find(moof, &[b"traf", b"tfhd"]).expect("a tfhd");
        let tfdt = find(moof, &[b"traf", b"tfdt"]).expect("a tfdt");
        let trun = find(moof, &[b"traf", b"trun"]).expect("a trun");
        assert_eq!(tfdt[0], 1, "C3: tfdt of 64 bits");
        let start = u64::from(u32_at(tfdt, 4)) << 32 | u64::from(u32_at(tfdt, 8));
        found.push(Fragment { sequence: u32_at(mfhd, 4), start, samples: samples(tfhd, trun, len) });
    }
    found
}

/// Reads `trun` (14496-12 §8.8.8) with the defaults of `tfhd`; `moof_len` is where data begins.
fn samples(tfhd: &[u8], trun: &[u8], moof_len: usize) -> Vec<Sample> {
    let defaults = u32_at(tfhd, 0) & 0xff_ffff;
    assert!(defaults & 0x02_0000 != 0 && defaults & 1 == 0, "C2: default-base-is-moof alone");
    let mut at = 8;
    let mut default = |bit: u32, len: usize| {
        let here = at;
        (defaults & bit != 0).then(|| {
            at += len;
            u32_at(tfhd, here)
        })
    };
    let _description = default(0x02, 4);
    let (duration, size, flags) = (default(0x08, 4), default(0x10, 4), default(0x20, 4));

    let what = u32_at(trun, 0) & 0xff_ffff;
    let count = u32_at(trun, 4) as usize;
    let mut at = 8;
    let mut next = || {
        at += 4;
        u32_at(trun, at - 4)
    };
    assert!(what & 1 != 0, "C2: a data offset");
    assert_eq!(next() as usize, moof_len + 8, "C2: the data begins where the offset says");
    let first_flags = (what & 4 != 0).then(&mut next);
    (0..count)
        .map(|i| {
            let duration = if what & 0x100 != 0 { Some(next()) } else { duration };
            let size = if what & 0x200 != 0 { Some(next()) } else { size };
            let own = if what & 0x400 != 0 { Some(next()) } else { first_flags.filter(|_| i == 0).or(flags) };
            let offset = if what & 0x800 != 0 { next() as i32 } else { 0 };
            let sync = own.expect("flags of every sample (C4)") & 0x1_0000 == 0;
            Sample { duration: duration.expect("a duration"), size: size.expect("a size"), offset, sync }
        })
        .collect()
}

/// The top-level boxes: name, contents, length of the whole box.
pub fn boxes(mut bytes: &[u8]) -> Vec<([u8; 4], &[u8], usize)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let len = u32_at(bytes, 0) as usize;
        let name = [bytes[4], bytes[5], bytes[6], bytes[7]];
        assert!(len >= 8 && len <= bytes.len(), "box {:?} claims {len} bytes", String::from_utf8_lossy(&name));
        all.push((name, &bytes[8..len], len));
        bytes = &bytes[len..];
    }
    all
}

/// The contents of the first box at the end of that path.
pub fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    let (first, rest) = path.split_first()?;
    let inside = boxes(bytes).into_iter().find(|(name, ..)| name == *first)?.1;
    if rest.is_empty() { Some(inside) } else { find(inside, rest) }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).expect("four more bytes");
    u32::from_be_bytes([four[0], four[1], four[2], four[3]])
}
