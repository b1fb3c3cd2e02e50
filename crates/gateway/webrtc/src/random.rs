use aws_lc_rs::rand;
use proto::webrtc::ice::Credentials;

/// Of ICE: letters, digits, `+` and `/` (RFC 8839 §5.4), six bits each.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// For addresses.
const URL_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The system has no randomness to give: nothing secret can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no randomness")]
pub(crate) struct NoRandomness;

fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

fn text<const N: usize>(chars: &[u8; 64]) -> Result<String, NoRandomness> {
    Ok(bytes::<N>()?.iter().map(|byte| char::from(chars[usize::from(byte & 63)])).collect())
}

/// Names a session in its address: 192 random bits (conformance W5).
pub(crate) fn token() -> Result<String, NoRandomness> {
    text::<32>(URL_CHARS)
}

/// A strong entity tag, quoted (W3).
pub(crate) fn etag() -> Result<String, NoRandomness> {
    Ok(format!("\"{}\"", text::<16>(URL_CHARS)?))
}

/// A user fragment of 72 bits and a password of 144.
pub(crate) fn credentials() -> Result<Credentials, NoRandomness> {
    Ok(Credentials { ufrag: text::<12>(ICE_CHARS)?, pwd: text::<24>(ICE_CHARS)? })
}

/// For the `o=` line.
pub(crate) fn session() -> Result<u64, NoRandomness> {
    Ok(u64::from_be_bytes(bytes()?) >> 2)
}

/// A source: any number but zero.
pub(crate) fn ssrc() -> Result<u32, NoRandomness> {
    Ok(u32::from_be_bytes(bytes()?) | 1)
}
