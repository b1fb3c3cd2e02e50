//! What server and worker say to each other: no bytes upset it, and what was read is what would be written.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use transcode::protocol::{Message, Order, Report, parse, write};

fuzz_target!(|data: &[u8]| {
    law::<Order>(data);
    law::<Report>(data);
});

fn law<M: Message + PartialEq + std::fmt::Debug>(data: &[u8]) {
    let mut src = BytesMut::from(data);
    while let Ok(Some(message)) = parse::<M>(&mut src) {
        let mut wire = BytesMut::new();
        write(&message, &mut wire);
        assert_eq!(parse::<M>(&mut wire).unwrap(), Some(message));
    }
}
