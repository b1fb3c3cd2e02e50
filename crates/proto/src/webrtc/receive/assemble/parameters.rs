//! Parameters of a format as an offer gives them: `a=1;b=2`.

/// The value of a parameter; names are compared without case.
pub(super) fn value<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Byte strings in base64, separated by commas, as `sprop` parameters have them. What is not base64 is left out.
pub(super) fn sets(parameters: &str, name: &str) -> Vec<Vec<u8>> {
    value(parameters, name).into_iter().flat_map(|list| list.split(',')).filter_map(base64).collect()
}

/// RFC 4648 §4, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_whatever_their_case() {
        let parameters = "minptime=10; Stereo=1;sprop-parameter-sets=Z0IACg==,aMk=,?";
        assert_eq!(value(parameters, "stereo"), Some("1"));
        assert_eq!(value(parameters, "tereo"), None);
        assert_eq!(sets(parameters, "sprop-parameter-sets"), [&[0x67, 0x42, 0, 0x0a][..], &[0x68, 0xc9]]);
        assert!(sets("", "sprop-parameter-sets").is_empty());
    }
}
