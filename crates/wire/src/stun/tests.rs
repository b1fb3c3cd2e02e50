use proptest::prelude::*;

use super::*;

/// RFC 5769 §2.1: a request with short-term credentials and every attribute of a connectivity check.
const REQUEST: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\
\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09evtj:h6vY\x20\x20\x20\
\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
\x80\x28\x00\x04\xe5\x7a\x3b\xcf";
/// RFC 5769 §2.2: the IPv4 answer to it.
const ANSWER: &[u8] = b"\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
\x80\x22\x00\x0btest vector\x20\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43\
\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7\
\x80\x28\x00\x04\xc0\x7d\x4c\x96";
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

#[test]
fn the_request_of_rfc_5769_is_understood_and_its_integrity_holds() {
    let message = Message::parse(REQUEST).unwrap();
    assert_eq!((message.class, message.method), (Class::Request, Method::BINDING));
    assert_eq!(message.ufrags(), Some(("evtj", "h6vY")));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.controlled, Some(0x932f_f9b1_5126_3b36));
    assert!(message.has_fingerprint() && is_stun(REQUEST));
    assert!(message.is_signed_with(&Key::from_password(PASSWORD)));
    assert!(!message.is_signed_with(&Key::from_password("VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn the_answer_of_rfc_5769_tells_the_mapped_address() {
    let message = Message::parse(ANSWER).unwrap();
    assert_eq!(message.mapped, Some("192.0.2.1:32853".parse().unwrap()));
    assert!(message.is_signed_with(&Key::from_password(PASSWORD)));
}

/// U1.
#[test]
fn one_flipped_bit_before_the_fingerprint_is_noticed() {
    for bit in 0..(REQUEST.len() - 8) * 8 {
        let mut bytes = REQUEST.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Message::parse(&bytes).is_err(), "bit {bit}");
    }
}

/// U1.
#[test]
fn an_attribute_that_must_be_understood_and_is_not_is_named() {
    let unknown = Builder::new(Class::Request, Method::BINDING, [7; 12]).attribute(0x0031, b"x").finish();
    assert_eq!(Message::parse(&unknown).unwrap().unknown_required, Some(0x0031));
}

#[test]
fn what_follows_the_integrity_is_ignored() {
    let key = Key::from_password("p");
    let bytes =
        Builder::new(Class::Request, Method::BINDING, [1; 12]).username("a:b").sign(&key).use_candidate().finish();
    let message = Message::parse(&bytes).unwrap();
    assert!(message.is_signed_with(&key) && !message.use_candidate);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        transaction: [u8; 12], v6: bool, ip: u128, port: u16, priority: u32, tie: u64, nominate: bool,
    ) {
        let ip = if v6 { std::net::Ipv6Addr::from_bits(ip).to_canonical() } else { std::net::Ipv4Addr::from_bits(ip as u32).into() };
        let address = std::net::SocketAddr::new(ip, port);
        let key = Key::from_password(PASSWORD);
        let mut builder = Builder::new(Class::Request, Method::BINDING, transaction)
            .username("left:right").priority(priority).controlling(tie).xor_mapped(address).error(487, "Role Conflict");
        if nominate { builder = builder.use_candidate(); }
        let bytes = builder.sign(&key).finish();
        let message = Message::parse(&bytes).unwrap();
        prop_assert_eq!(message.transaction, transaction);
        prop_assert_eq!(message.ufrags(), Some(("left", "right")));
        prop_assert_eq!(message.priority, Some(priority));
        prop_assert_eq!(message.controlling, Some(tie));
        prop_assert_eq!(message.mapped, Some(address));
        prop_assert_eq!(message.error, Some(487));
        prop_assert_eq!(message.use_candidate, nominate);
        prop_assert!(message.is_signed_with(&key));
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>) {
        let _ = Message::parse(&bytes);
        let mut framed = b"\x00\x01\x00\x00\x21\x12\xa4\x42aaaaaaaaaaaa".to_vec();
        framed.extend(&bytes);
        framed[2..4].copy_from_slice(&(bytes.len() as u16).to_be_bytes());
        if let Ok(message) = Message::parse(&framed) { message.is_signed_with(&Key::from_password("x")); }
    }
}
