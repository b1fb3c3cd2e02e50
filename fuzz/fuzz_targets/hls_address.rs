//! An address that parses is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use package::hls::Address;

fuzz_target!(|name: &str| {
    if let Ok(address) = Address::parse(name) {
        assert_eq!(address.to_string(), name);
    }
});
