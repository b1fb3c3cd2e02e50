//! What holds for any input.

use proptest::prelude::*;

use super::*;

fn whole_publication() -> BytesMut {
    let mut script = Script::publishing();
    script.control(Control::SetChunkSize(1000));
    script.writer.set_chunk_size(1000);
    script.data(&["@setDataFrame".into(), "onMetaData".into(), Value::Ecma(vec![])]);
    script.video(0, avc_header(RECORD)).audio(0, aac_header(STEREO_44100));
    for step in 0..12_u32 {
        let time = 0xff_ffff - 200 + step * 40;
        let slice = [SLICE, &vec![step as u8; step as usize * 400]].concat();
        script.video(time, avc_frame(if step % 3 == 0 { 80 } else { -40 }, &[&slice]));
        script.audio(time + 3, aac_frame(&[step as u8; 90]));
    }
    script.command(0, "deleteStream", &[Value::Null, 1.0.into()]);
    script.bytes
}

proptest! {
    /// R1: however the bytes arrive, the same things happen.
    #[test]
    fn any_chunking_gives_the_same_events(cuts in prop::collection::vec(1_usize..3000, 0..30), ones in 0_usize..500) {
        let bytes = whole_publication();
        let mut whole = Server::new();
        whole.feed(&bytes).unwrap();
        prop_assert_eq!(whole.frames().len(), 24);

        let mut cut = Server::new();
        let mut rest = &bytes[..];
        for len in cuts.into_iter().chain(std::iter::repeat_n(1, ones)).chain([usize::MAX]) {
            let (now, later) = rest.split_at(len.min(rest.len()));
            cut.feed(now).unwrap();
            rest = later;
        }
        prop_assert_eq!(cut.events, whole.events);
        prop_assert_eq!(cut.sent, whole.sent);
    }

    /// F4, F5: noise after any beginning ends the session or does not; it never panics.
    #[test]
    fn noise_is_survived(
        begin in 0_usize..4000,
        noise in prop::collection::vec(any::<u8>(), 0..600),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = whole_publication();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= value;
        }
        let mut server = Server::new();
        let _ = server.feed(&bytes[..begin.min(bytes.len())]).and_then(|()| server.feed(&noise));
    }
}
