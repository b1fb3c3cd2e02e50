use bytes::{BufMut, Bytes, BytesMut};
use media::Frame;
use media::codec::av1::has_sequence_header;
use wire::rtp::payload::av1::{Aggregation, leb128, write_leb128};

use super::{Cut, MAX_PAYLOAD};

// `obu_type`s that are not sent (AV1 RTP §5).
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// What a length and the beginning of the next element take, lest a packet ends where a unit does.
const BEGIN: usize = 3;

/// Elements that one packet may hold with the last one's length left out.
const MAX_COUNTED: usize = 3;

/// One open bitstream unit as it is sent: without its size.
struct Element<'a> {
    header: [u8; 2],
    header_len: usize,
    body: &'a [u8],
}

impl Element<'_> {
    fn len(&self) -> usize {
        self.header_len + self.body.len()
    }

    /// Bytes `from` to `to` of header and body.
    fn write(&self, from: usize, to: usize, out: &mut BytesMut) {
        let header = self.header.get(from..to.min(self.header_len)).unwrap_or_default();
        out.put_slice(header);
        let body = self.body.get(from.saturating_sub(self.header_len)..to.saturating_sub(self.header_len));
        out.put_slice(body.unwrap_or_default());
    }
}

/// AV1 by the Alliance's payload specification: an aggregation header, then elements, the first and last of which may
/// be pieces. A keyframe begins with a sequence header, from the parameters if it has none of its own.
///
/// Where there is no dependency descriptor, Chromium takes the end of a packet that is the end of a unit for that of a frame:
/// so all packets of a frame end within one, but for the last.
pub(super) fn cut(sequence_header: &Bytes, frame: &Frame, cut: &mut Cut) -> Option<()> {
    let begins_sequence = frame.is_sync;
    let mut elements = Vec::new();
    if begins_sequence && !has_sequence_header(&frame.payload) {
        collect(sequence_header, &mut elements)?;
    }
    collect(&frame.payload, &mut elements)?;
    // Every packet but the last as long as this, lengths of elements included at their longest.
    let total: usize = elements.iter().map(|element| element.len() + 2 + 2 + BEGIN).sum::<usize>();
    let total = total.saturating_sub(2 + BEGIN);
    if total == 0 {
        return Some(());
    }
    let count = total.div_ceil(MAX_PAYLOAD - 1);
    let target = total.div_ceil(count);

    let (mut next, mut from) = (0, 0);
    while next < elements.len() {
        let (begins_inside, is_first) = (from > 0, next == 0 && from == 0);
        let mut room = target;
        let mut taken: Vec<(usize, usize, usize)> = Vec::new();
        while let Some(element) = elements.get(next) {
            let left = element.len() - from;
            // As long as more may follow, a length has to be paid for. A single byte cannot be cut.
            let is_last = next + 1 == elements.len();
            let is_whole =
                if is_last { left <= room } else { left + 2 + BEGIN <= room || left == 1 && left + 2 <= room };
            // What fits but for its length is cut short of its end, or left to the next packet.
            let own_length = if taken.len() >= MAX_COUNTED { 2 } else { 0 };
            let len = if is_whole { left } else { room.saturating_sub(own_length).min(left - 1) };
            if !is_whole && (room < 2 || len == 0) && !taken.is_empty() {
                break;
            }
            taken.push((next, from, from + len));
            if !is_whole {
                from += len;
                break;
            }
            room = room.saturating_sub(len + 2);
            (next, from) = (next + 1, 0);
            if room < 3 {
                break;
            }
        }
        let ends_inside = from > 0;
        let counted = if taken.len() <= MAX_COUNTED { taken.len() as u8 } else { 0 };
        cut.packet(|out| {
            let begins_sequence = is_first && begins_sequence;
            let header =
                Aggregation { continues: begins_inside, goes_on: ends_inside, count: counted, begins_sequence };
            out.put_u8(header.to_byte());
            for (at, &(index, from, to)) in taken.iter().enumerate() {
                if counted == 0 || at + 1 < taken.len() {
                    // A frame is bounded.
                    write_leb128((to - from) as u32, out);
                }
                if let Some(element) = elements.get(index) {
                    element.write(from, to, out);
                }
            }
        });
    }
    Some(())
}

/// Splits a temporal unit; `None` where a size lies.
fn collect<'a>(mut units: &'a [u8], elements: &mut Vec<Element<'a>>) -> Option<()> {
    while let Some((&first, rest)) = units.split_first() {
        let (extension, rest) =
            if first & 4 == 0 { (0, rest) } else { rest.split_first().map(|(&e, rest)| (e, rest))? };
        let (body, rest) = if first & 2 == 0 {
            (rest, &[][..])
        } else {
            let mut rest = rest;
            let len = usize::try_from(leb128(&mut rest)?).ok()?;
            rest.split_at_checked(len)?
        };
        units = rest;
        if !matches!(first >> 3 & 0xf, TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            let header_len = if first & 4 == 0 { 1 } else { 2 };
            elements.push(Element { header: [first & !2, extension], header_len, body });
        }
        if elements.len() > 4096 {
            return None;
        }
    }
    Some(())
}
