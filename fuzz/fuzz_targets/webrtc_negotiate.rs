//! Whatever is offered or answered: a refusal, or terms that fit what was said and an answer that reads back.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::{Avc, Opus};
use media::{Codec, Track, TrackId};
use proto::webrtc::ice::Credentials;
use proto::webrtc::negotiate::{Available, Ours, Terms, accept_answer, accept_publisher, accept_viewer, offer_viewer};
use wire::sdp::{Description, Fingerprint};

const SPS: [u8; 23] = [
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6,
    0x00, 0xf1, 0x83, 0x2a,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

fn holds(terms: &Terms, offer: &Description, answer: &Description) {
    assert_eq!(answer.sections.len(), offer.sections.len());
    assert!(!terms.media.is_empty() && terms.media.len() <= offer.sections.len());
    for (offered, answered) in offer.sections.iter().zip(&answer.sections) {
        assert_eq!((&offered.kind, &offered.mid), (&answered.kind, &answered.mid));
        assert!(answered.formats.iter().all(|format| offered.format(format.payload).is_some()));
        assert!(answered.extensions.iter().all(|extension| offered.extensions.contains(extension)));
    }
    Description::parse(&answer.to_string()).expect("an answer that can be read");
}

fuzz_target!(|text: &str| {
    let Ok(said) = Description::parse(text) else { return };
    let ours = Ours {
        session: 42,
        credentials: Credentials { ufrag: "ours".into(), pwd: "0123456789012345678901".into() },
        fingerprint: Fingerprint { hash: "sha-256".into(), digest: vec![1, 2, 3] },
        candidates: Vec::new(),
    };
    let avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).expect("parameters");
    let tracks = [Track::source(TrackId(0), Codec::Avc(avc)), Track::source(TrackId(1), Codec::Opus(Opus::plain(2)))];
    let available: Vec<_> = tracks.iter().map(|track| Available { track, has_b_frames: false }).collect();
    if let Ok((terms, answer)) = accept_publisher(&said, &ours) {
        holds(&terms, &said, &answer);
    }
    if let Ok((terms, answer)) = accept_viewer(&said, &ours, &available) {
        holds(&terms, &said, &answer);
    }
    let offer = offer_viewer(&ours, &available).expect("something to offer");
    if let Ok(terms) = accept_answer(&offer, &said) {
        assert!(
            terms.media.iter().all(|media| offer.sections[media.index].format(media.agreed.payload_type).is_some())
        );
    }
});
