//! VAAPI, by a driver that needs no hardware: FFmpeg, libva, the worker and its walls are the real ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use media::{Frame, Span, Time};
use testkit::vaapi::{DEVICE, Driver};

use crate::view::{View, WORKER, clip, each_decoded, follow, read, send_with};

const QUIET: Duration = Duration::from_millis(2500);

fn driver() -> Option<Driver> {
    Driver::build(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn ladder() -> String {
    format!("path = '**'\nencode = 'vaapi'\ndevice = '{DEVICE}'\nrungs = [{{ height = 144, kbps = 200 }}]")
}

/// Pictures by when they are shown, with all that is seen of them.
fn pictures(codec: &media::Codec, frames: &[Frame]) -> BTreeMap<Time, Vec<u8>> {
    let mut shown = BTreeMap::new();
    each_decoded(codec, frames, |at, picture| {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let planes = [(0, width, height), (1, width / 2, height / 2), (2, width / 2, height / 2)];
        let rows = planes.iter().flat_map(|&(plane, width, height)| {
            let rows = picture.data(plane).chunks(picture.stride(plane)).take(height);
            rows.flat_map(move |row| row[..width].to_vec()).collect::<Vec<u8>>()
        });
        shown.insert(at, rows.collect());
    });
    shown
}

fn syncs(frames: &[Frame]) -> Vec<Time> {
    frames.iter().filter(|frame| frame.is_sync).map(Frame::pts).collect()
}

/// The device encodes, from within the walls: each picture that the source has, the same to the bit as this driver compresses
/// nothing, none later than another, with keyframes where the source has them and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_through_a_device_of_vaapi_as_they_are() {
    let Some(driver) = driver() else { return };
    // In another codec, and otherwise what the rung is: nothing is scaled.
    let clip = clip(
        "256x144",
        25,
        4,
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=0:keyint=40:min-keyint=10 -force_key_frames 0.7 \
         -pix_fmt yuv420p",
    );
    for (name, how) in [("vbr", "vbr"), ("cbr", "cbr")] {
        let worker = driver.worker(Path::new(WORKER), name, &[("ONAIR_VA_RATE", how)]);
        let view = View::with(&worker, &ladder());
        let publisher = view.publish(clip.codec.clone());
        let broadcast = publisher.broadcast();
        let mut source = follow(&broadcast, 0).await;
        let (_, mut cursor) =
            tokio::join!(send_with(&view, 144, &publisher, &clip.frames, Span::ZERO), follow(&broadcast, 144));
        let made = read(&mut cursor, QUIET).await;
        let codec = made[0].0.codec.clone();
        let made: Vec<Frame> = made.into_iter().map(|it| it.1).collect();
        let condition = view.condition(144).unwrap();
        assert_eq!((condition.encoder.as_str(), condition.fallback_from), ("h264_vaapi", None), "{name}");
        assert_eq!(condition.restarts, 0);
        assert!(made.iter().all(|frame| frame.reorder == Span::ZERO));
        // The last one waits in the decoder of the source.
        assert!(made.len() + 2 >= clip.frames.len(), "{name}: {} of {}", made.len(), clip.frames.len());
        let sent: Vec<Frame> = read(&mut source, Duration::from_millis(50)).await.into_iter().map(|it| it.1).collect();
        assert_eq!(syncs(&made), syncs(&sent), "{name}");
        let (sent, shown) = (pictures(&clip.codec, &sent), pictures(&codec, &made));
        assert_eq!(shown.len(), made.len());
        assert!(shown.iter().all(|(at, picture)| sent[at] == *picture), "{name}: pictures differ");
    }
}

/// A device that stops in the middle costs no picture: the processor goes on with the one that failed.
#[tokio::test(flavor = "multi_thread")]
async fn the_processor_goes_on_where_a_device_fails_at_work() {
    let Some(driver) = driver() else { return };
    let clip = clip("320x180", 25, 4, "-c:v libx264 -preset veryfast -bf 0 -g 25 -pix_fmt yuv420p");
    // One is made to try it out; so the first picture fails, or the 31st.
    for most in ["1", "31"] {
        let worker = driver.worker(Path::new(WORKER), most, &[("ONAIR_VA_FAILS_AFTER", most)]);
        let view = View::with(&worker, &ladder());
        let publisher = view.publish(clip.codec.clone());
        let broadcast = publisher.broadcast();
        let (_, mut cursor) =
            tokio::join!(send_with(&view, 144, &publisher, &clip.frames, Span::ZERO), follow(&broadcast, 144));
        let made = read(&mut cursor, QUIET).await;
        let condition = view.condition(144).unwrap();
        assert_eq!((condition.encoder.as_str(), condition.fallback_from), ("libx264", Some("vaapi")), "{most}");
        assert_eq!(condition.restarts, 0);
        assert!(made.len() + 2 >= clip.frames.len(), "{most}: {} of {}", made.len(), clip.frames.len());
        // On the broadcast's timeline, which begins where it likes.
        let first = made[0].1.pts();
        let later: Vec<Span> = made.iter().map(|it| it.1.pts().since(first)).collect();
        let expected: Vec<Span> = clip.frames.iter().map(|frame| frame.pts().since(Time::ZERO)).collect();
        assert_eq!(later, expected[..made.len()], "{most}");
    }
}
