use super::super::nal::nals;
use super::unit::SEI;

/// The UUID by which x264 marks its own user data.
const X264: [u8; 16] = [0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7, 0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef];

/// The longest distance between keyframes, in frames, that x264 says it was set to (`keyint=250`).
///
/// It says so once, in an SEI message of its first access unit (`payload` is length-prefixed). An infinite
/// distance is [`u32::MAX`].
pub fn x264_keyint(payload: &[u8]) -> Option<u32> {
    nals(payload).map_while(Result::ok).filter(|nal| nal.first().is_some_and(|h| h & 0x1f == SEI)).find_map(in_sei)
}

/// Walks the messages of one SEI NAL unit (H.264 §7.3.2.3.1).
fn in_sei(nal: &[u8]) -> Option<u32> {
    let mut rest = nal.get(1..)?;
    // The last byte is the stop bit.
    while rest.len() > 2 {
        let kind = varied(&mut rest)?;
        let len = varied(&mut rest)?;
        let (message, after) = rest.split_at_checked(len)?;
        rest = after;
        if let (5, Some(text)) = (kind, message.strip_prefix(&X264)) {
            return keyint_in(text);
        }
    }
    None
}

/// A number written as a run of 255s and the rest.
fn varied(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0usize;
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value = value.checked_add(usize::from(byte))?;
        if byte != 255 {
            return Some(value);
        }
    }
}

fn keyint_in(text: &[u8]) -> Option<u32> {
    let value = text.split(|&c| c == b' ').find_map(|word| word.strip_prefix(b"keyint="))?;
    if value.starts_with(b"inf") {
        return Some(u32::MAX);
    }
    let digits = value.iter().take_while(|c| c.is_ascii_digit()).take(9);
    let number = digits.fold(0u32, |number, &c| number * 10 + u32::from(c - b'0'));
    (number > 0).then_some(number)
}
