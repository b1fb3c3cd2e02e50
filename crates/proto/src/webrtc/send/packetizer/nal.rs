use bytes::{BufMut, BytesMut};

use super::{Cut, MAX_PAYLOAD, pieces};

/// What H.264 and HEVC do differently when they put NAL units into packets.
pub(super) trait Format {
    /// Bytes of a NAL unit's header, which an aggregate has too.
    const HEADER: usize;
    /// Writes the header of a packet that holds these units.
    fn aggregate(units: &[&[u8]], out: &mut BytesMut);
    /// Writes what comes before a piece of a unit.
    fn fragment(unit: &[u8], is_first: bool, is_last: bool, out: &mut BytesMut);
}

/// Small units share packets, large ones are cut, the rest goes as it is.
pub(super) fn cut<'a, F: Format>(units: impl Iterator<Item = &'a [u8]>, cut: &mut Cut) {
    let mut small: Vec<&[u8]> = Vec::new();
    let mut small_bytes = F::HEADER;
    for unit in units.filter(|unit| unit.len() > F::HEADER) {
        if small_bytes + 2 + unit.len() > MAX_PAYLOAD {
            flush::<F>(&mut small, cut);
            small_bytes = F::HEADER;
        }
        if unit.len() <= MAX_PAYLOAD {
            small_bytes += 2 + unit.len();
            small.push(unit);
            continue;
        }
        let body = unit.get(F::HEADER..).unwrap_or_default();
        let mut rest = pieces(body, MAX_PAYLOAD - F::HEADER - 1).enumerate().peekable();
        while let Some((at, piece)) = rest.next() {
            let is_last = rest.peek().is_none();
            cut.packet(|out| {
                F::fragment(unit, at == 0, is_last, out);
                out.put_slice(piece);
            });
        }
    }
    flush::<F>(&mut small, cut);
}

fn flush<F: Format>(small: &mut Vec<&[u8]>, cut: &mut Cut) {
    match small[..] {
        [] => {}
        [unit] => cut.packet(|out| out.put_slice(unit)),
        ref units => cut.packet(|out| {
            F::aggregate(units, out);
            for unit in units {
                // None is longer than a packet.
                out.put_u16(unit.len() as u16);
                out.put_slice(unit);
            }
        }),
    }
    small.clear();
}
