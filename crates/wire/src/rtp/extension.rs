use bytes::{BufMut, BytesMut};

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTE: u16 = 0x1000;

/// The header extensions of a packet: an iterator over (id, value).
///
/// What is cut short or of an unknown profile ends it early; the packet itself stays good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements<'a> {
    profile: u16,
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// A packet without.
    pub const fn none() -> Self {
        Self { profile: 0, rest: &[] }
    }

    pub(super) fn new(profile: u16, rest: &'a [u8]) -> Self {
        Self { profile, rest }
    }

    /// The value of the extension with that id; id 0 is never there.
    pub fn find(self, id: u8) -> Option<&'a [u8]> {
        let mut elements = self;
        elements.find_map(|(have, value)| (have == id && id != 0).then_some(value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            let (id, len, rest) = match self.profile {
                // Padding.
                _ if first == 0 => {
                    self.rest = rest;
                    continue;
                }
                // Id 15 ends the walk (RFC 8285 §4.2).
                ONE_BYTE if first >> 4 == 15 => return None,
                ONE_BYTE => (first >> 4, usize::from(first & 0x0f) + 1, rest),
                profile if profile & 0xfff0 == TWO_BYTE => {
                    let (&len, rest) = rest.split_first()?;
                    (first, usize::from(len), rest)
                }
                _ => return None,
            };
            let (value, rest) = rest.split_at_checked(len)?;
            self.rest = rest;
            return Some((id, value));
        }
    }
}

/// Writes a whole extension block (profile, length, elements, padding): the one-byte form where it can
/// say all, else the two-byte one. Writes nothing for no elements. Values are at most 255 bytes.
pub fn write_elements<'a>(elements: impl Iterator<Item = (u8, &'a [u8])> + Clone, out: &mut BytesMut) {
    let begin = out.len();
    let is_short = elements.clone().all(|(id, value)| (1..=14).contains(&id) && (1..=16).contains(&value.len()));
    out.put_u16(if is_short { ONE_BYTE } else { TWO_BYTE });
    out.put_u16(0);
    for (id, value) in elements {
        let value = value.get(..255).unwrap_or(value);
        if is_short {
            out.put_u8(id << 4 | (value.len() - 1) as u8);
        } else {
            out.put_slice(&[id, value.len() as u8]);
        }
        out.put_slice(value);
    }
    let len = out.len() - begin - 4;
    if len == 0 {
        out.truncate(begin);
        return;
    }
    out.put_bytes(0, (4 - len % 4) % 4);
    let words = ((out.len() - begin - 4) / 4) as u16;
    out[begin + 2..begin + 4].copy_from_slice(&words.to_be_bytes());
}
