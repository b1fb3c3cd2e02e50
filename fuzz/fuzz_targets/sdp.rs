//! Descriptions, fragments and candidate lines: what is understood is written so that it reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::sdp::{Candidate, Description, Fragment, MAX_BYTES};

fuzz_target!(|text: &str| {
    if let Ok(description) = Description::parse(text) {
        let written = description.to_string();
        // Session attributes are repeated in every section: what was short may become too long to be read.
        if written.len() <= MAX_BYTES {
            let again = Description::parse(&written).expect("what was written is read");
            assert_eq!(again.to_string(), written);
            assert_eq!(again.sections.len(), description.sections.len());
        }
    }
    if let Ok(fragment) = Fragment::parse(text) {
        let written = fragment.to_string();
        // One of nothing but candidates that are passed over (W20) has nothing left to say.
        let Fragment { ice_ufrag, ice_pwd, candidates, end_of_candidates, .. } = &fragment;
        let says_nothing = ice_ufrag.is_none() && ice_pwd.is_none() && candidates.is_empty() && !end_of_candidates;
        if written.len() <= MAX_BYTES && !says_nothing {
            assert_eq!(Fragment::parse(&written).as_ref(), Ok(&fragment));
        }
    }
    if let Some(candidate) = Candidate::parse(text) {
        assert_eq!(Candidate::parse(&candidate.to_string()), Some(candidate));
    }
});
