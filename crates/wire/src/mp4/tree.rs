use std::fmt;

/// The boxes of a file, for people and tests: displays as an indented tree with what each box says.
///
/// Total: bytes that are no boxes end the branch they stand in with a word of complaint.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a>(pub &'a [u8]);

/// Boxes that hold boxes, and after how many bytes of their own.
const PARENTS: [(&[u8; 4], usize); 17] = [
    (b"moov", 0),
    (b"trak", 0),
    (b"edts", 0),
    (b"mdia", 0),
    (b"minf", 0),
    (b"dinf", 0),
    (b"dref", 8),
    (b"stbl", 0),
    (b"stsd", 8),
    (b"avc1", 78),
    (b"hvc1", 78),
    (b"av01", 78),
    (b"vp09", 78),
    (b"mp4a", 28),
    (b"mvex", 0),
    (b"moof", 0),
    (b"traf", 0),
];

/// Further sample entries of sound.
const SOUND_ENTRIES: [&[u8; 4]; 4] = [b"Opus", b"fLaC", b"ac-3", b"ec-3"];

/// No file nests deeper.
const DEEPEST: usize = 12;

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        level(f, self.0, 0)
    }
}

fn level(f: &mut fmt::Formatter<'_>, mut rest: &[u8], depth: usize) -> fmt::Result {
    while !rest.is_empty() {
        let Some((kind, body, after)) = split(rest).filter(|_| depth < DEEPEST) else {
            return writeln!(f, "{:indent$}? {} bytes", "", rest.len(), indent = 2 * depth);
        };
        rest = after;
        write!(f, "{:indent$}{} {}", "", kind.escape_ascii(), body.len() + 8, indent = 2 * depth)?;
        match inner(kind) {
            Some(own) => {
                let (own, children) = body.split_at_checked(own).unwrap_or((body, &[]));
                describe(f, kind, own)?;
                f.write_str("\n")?;
                level(f, children, depth + 1)?;
            }
            None => {
                describe(f, kind, body)?;
                f.write_str("\n")?;
            }
        }
    }
    Ok(())
}

fn split(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let len = (u32::from_be_bytes(*size) as usize).checked_sub(8)?;
    let (body, after) = rest.split_at_checked(len)?;
    Some((kind, body, after))
}

fn inner(kind: &[u8; 4]) -> Option<usize> {
    let parent = PARENTS.iter().find(|(parent, _)| *parent == kind).map(|(_, own)| *own);
    parent.or_else(|| SOUND_ENTRIES.contains(&kind).then_some(28))
}

fn describe(f: &mut fmt::Formatter<'_>, kind: &[u8; 4], body: &[u8]) -> fmt::Result {
    match kind {
        b"ftyp" | b"styp" => {
            for brand in body.chunks(4).enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| brand) {
                write!(f, " {}", brand.escape_ascii())?;
            }
            Ok(())
        }
        b"hdlr" => write!(f, " {}", body.get(8..12).unwrap_or_default().escape_ascii()),
        b"mdhd" | b"mvhd" => write!(f, " timescale={} duration={}", word(body, 12), word(body, 16)),
        b"tkhd" => write!(
            f,
            " flags={} id={} duration={} width={} height={}",
            word(body, 0) & 0xff_ffff,
            word(body, 12),
            word(body, 20),
            f64::from(word(body, 76)) / 65536.0,
            f64::from(word(body, 80)) / 65536.0
        ),
        b"avc1" | b"hvc1" | b"av01" | b"vp09" => write!(f, " {}x{}", word(body, 24) >> 16, word(body, 24) & 0xffff),
        b"mp4a" | b"Opus" | b"fLaC" | b"ac-3" | b"ec-3" => {
            write!(f, " channels={} rate={}", word(body, 16) >> 16, word(body, 24) >> 16)
        }
        b"mfhd" => write!(f, " sequence={}", word(body, 4)),
        b"tfhd" => {
            write!(f, " flags={:06x} track={}", word(body, 0) & 0xff_ffff, word(body, 4))?;
            body.get(8..).unwrap_or_default().chunks(4).try_for_each(|field| write!(f, " {:x}", word(field, 0)))
        }
        b"tfdt" => {
            let time = u64::from(word(body, 4)) << 32 | u64::from(word(body, 8));
            write!(f, " version={} time={time}", word(body, 0) >> 24)
        }
        b"trun" => trun(f, body),
        b"mdat" | b"mvex" | b"free" => Ok(()),
        _ if inner(kind).is_some() && body.is_empty() => Ok(()),
        _ => {
            f.write_str(" ")?;
            body.iter().take(96).try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
}

/// Each sample in the columns that its run has.
fn trun(f: &mut fmt::Formatter<'_>, body: &[u8]) -> fmt::Result {
    let flags = word(body, 0) & 0xff_ffff;
    let version = word(body, 0) >> 24;
    write!(f, " version={version} flags={flags:06x} samples={} offset={}", word(body, 4), word(body, 8))?;
    let columns = (flags >> 8 & 0xf).count_ones() as usize;
    if columns == 0 {
        return Ok(());
    }
    for row in body.get(12..).unwrap_or_default().chunks(4 * columns) {
        f.write_str(" [")?;
        for (column, field) in row.chunks(4).enumerate() {
            let gap = if column == 0 { "" } else { " " };
            let is_composition = flags & 0x800 != 0 && column + 1 == columns;
            match (is_composition, flags & 0x400 != 0 && column + 1 + usize::from(flags & 0x800 != 0) == columns) {
                (true, _) => write!(f, "{gap}{:+}", word(field, 0) as i32)?,
                (_, true) => write!(f, "{gap}{:08x}", word(field, 0))?,
                _ => write!(f, "{gap}{}", word(field, 0))?,
            }
        }
        f.write_str("]")?;
    }
    Ok(())
}

/// The 32 bits at `at`, zero beyond the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}
