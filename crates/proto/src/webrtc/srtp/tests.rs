use bytes::BytesMut;
use proptest::prelude::*;
use wire::rtp::Header;

use super::*;
use suite::Suite;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn keys(profile: Profile) -> Keys {
    Keys::try_new(profile, &vec![7; profile.key_bytes()], &vec![9; profile.salt_bytes()]).unwrap()
}

const PROFILES: [Profile; 3] = [Profile::Aes128CmSha1, Profile::Aes128Gcm, Profile::Aes256Gcm];

/// The vectors that libsrtp publishes, which hold derivation (RFC 3711 B.3), cipher and authentication together.
#[test]
fn counter_mode_makes_the_bytes_that_everybody_makes() {
    let keys = Keys::try_new(
        Profile::Aes128CmSha1,
        &hex("e1f97a0d3e018be0d64fa32c06de4139"),
        &hex("0ec675ad498afeebb6960b3aabe6"),
    );
    let mut sealer = Sealer::new(&keys.unwrap()).unwrap();
    let mut packet = BytesMut::from(&hex("800f1234decafbadcafebabe abababababababababababababababab")[..]);
    sealer.seal_rtp(&mut packet, 0, 12, 0xcafe_babe, 0x1234).unwrap();
    assert_eq!(packet, hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb"));

    let mut report = BytesMut::from(&hex("81c8000bcafebabe abababababababababababababababab")[..]);
    sealer.seal_rtcp(&mut report, 0).unwrap();
    assert_eq!(report, hex("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"));
}

/// RFC 7714 §16.1.1, whose keys are session keys.
#[test]
fn galois_counter_mode_makes_the_bytes_of_rfc_7714() {
    use aws_lc_rs::aead::{AES_128_GCM, LessSafeKey, UnboundKey};
    let key = UnboundKey::new(&AES_128_GCM, &hex("000102030405060708090a0b0c0d0e0f")).unwrap();
    let salt = hex("517569642070726f2071756f").try_into().unwrap();
    let Suite::Gcm { cipher, salt } = (Suite::Gcm { cipher: LessSafeKey::new(key), salt }) else { unreachable!() };
    let header = hex("8040f17b8041f8d35501a0b2");
    let mut text = hex("47616c6c696120657374206f6d6e697320646976697361 20696e207061727465732074726573");
    let nonce = suite::rtp_nonce(&salt, 0x5501_a0b2, 0xf17b);
    let tag = suite::seal_gcm(&cipher, nonce, &header, &mut text).unwrap();
    assert_eq!(text, hex("f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"));
    assert_eq!(tag.to_vec(), hex("899d7f27beb16a9152cf765ee4390cce"));
}

fn packet(sequence: u16, ssrc: u32) -> BytesMut {
    let mut out = BytesMut::new();
    Header { sequence, ssrc, payload_type: 96, ..Header::default() }.write(false, &mut out);
    out.extend_from_slice(b"a payload of some length");
    out
}

/// P24: the sequence number wraps, packets come late, twice, or mangled.
#[test]
fn wraps_reorder_replays_and_forgeries_are_told_apart() {
    for profile in PROFILES {
        let (sealer, mut opener) = (Sealer::new(&keys(profile)).unwrap(), Opener::new(&keys(profile)).unwrap());
        let sealed = |index: u64| {
            let mut out = packet(index as u16, 5);
            sealer.seal_rtp(&mut out, 0, 12, 5, index).unwrap();
            out
        };
        for index in [65_530, 65_534, 65_532, 65_540, 65_535, 65_537, 95_540] {
            let (len, seen) = opener.open_rtp(&mut sealed(index)).unwrap();
            assert_eq!((len, seen), (36, index), "{profile:?}");
            assert_eq!(opener.open_rtp(&mut sealed(index)), Err(Rejected::Replayed));
        }
        let mut forged = sealed(95_546);
        forged[20] ^= 1;
        assert_eq!(opener.open_rtp(&mut forged), Err(Rejected::NotAuthentic));
        assert_eq!(opener.open_rtp(&mut sealed(65_531)), Err(Rejected::Replayed), "too old to tell");
        assert!(opener.open_rtp(&mut sealed(95_546)).is_ok());
    }
}

#[test]
fn a_peer_cannot_open_more_sources_than_an_honest_one_has() {
    let keys = keys(Profile::Aes128Gcm);
    let (sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
    let mut open = |ssrc| {
        let mut out = packet(1, ssrc);
        sealer.seal_rtp(&mut out, 0, 12, ssrc, 1).unwrap();
        opener.open_rtp(&mut out)
    };
    assert!((0..64).all(|ssrc| open(ssrc).is_ok()));
    assert_eq!(open(64), Err(Rejected::TooManySources));
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(index in 0u64..65_536, ssrc: u32, payload: Vec<u8>, which in 0usize..3) {
        let keys = keys(PROFILES[which]);
        let (mut sealer, mut opener) = (Sealer::new(&keys).unwrap(), Opener::new(&keys).unwrap());
        let mut out = BytesMut::from(&b"before"[..]);
        Header { sequence: index as u16, ssrc, ..Header::default() }.write(false, &mut out);
        out.extend_from_slice(&payload);
        sealer.seal_rtp(&mut out, 6, 12, ssrc, index).unwrap();
        prop_assert_eq!(out.len(), 18 + payload.len() + keys.profile.rtp_overhead());
        let (len, seen) = opener.open_rtp(&mut out[6..]).unwrap();
        prop_assert_eq!(seen, index);
        prop_assert_eq!(&out[18..6 + len], &payload[..]);

        let mut report = BytesMut::new();
        wire::rtcp::Rtcp::Pli { sender: ssrc, media: 7 }.write(&mut report);
        let plain = report.clone();
        sealer.seal_rtcp(&mut report, 0).unwrap();
        prop_assert_eq!(report.len(), plain.len() + keys.profile.rtcp_overhead());
        let mut again = report.clone();
        let len = opener.open_rtcp(&mut report).unwrap();
        prop_assert_eq!(&report[..len], &plain[..]);
        prop_assert_eq!(opener.open_rtcp(&mut again), Err(Rejected::Replayed));
    }

    #[test]
    fn any_bytes_are_survived(mut bytes: Vec<u8>, which in 0usize..3) {
        let mut opener = Opener::new(&keys(PROFILES[which])).unwrap();
        if let Some(first) = bytes.first_mut() { *first = *first & 0x3f | 0x80; }
        prop_assert!(opener.open_rtp(&mut bytes.clone()).is_err());
        prop_assert!(opener.open_rtcp(&mut bytes).is_err());
    }
}
