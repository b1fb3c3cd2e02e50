use std::time::Duration;

use media::{Frame, Span, Time};
use transcode::protocol::pictures::Coding;

use crate::view::{View, clip, coding, decoded, follow, read, send_with};

const QUIET: Duration = Duration::from_millis(2500);
const SMALL: &str = "path = '**'\nrungs = [{ height = 240, kbps = 500 }, { height = 144, kbps = 200 }]";

fn times(frames: &[Frame], only_sync: bool) -> Vec<Time> {
    let mut times: Vec<Time> = frames.iter().filter(|frame| !only_sync || frame.is_sync).map(Frame::pts).collect();
    times.sort_unstable();
    times
}

/// P18: each picture of the source is in each rung, at its time; none waits for another, and keyframes are where the
/// source has them, to the nanosecond.
#[tokio::test(flavor = "multi_thread")]
async fn every_rung_has_its_keyframes_where_the_source_has_them() {
    // B-frames, keyframes at scene cuts and uneven intervals, as encoders make them.
    let clip = clip(
        "640x360",
        30,
        6,
        "-c:v libx264 -preset veryfast -bf 3 -g 45 -keyint_min 10 -force_key_frames 0.7,2.2 -pix_fmt yuv420p",
    );
    assert!(clip.frames.iter().any(|frame| frame.reorder > Span::from_millis(40)), "no B-frames");
    let view = View::new(SMALL);
    let publisher = view.publish(clip.codec.clone());
    let broadcast = publisher.broadcast();
    let mut source = follow(&broadcast, 0).await;
    let (frames, view_of) = (&clip.frames, broadcast.clone());
    let (_, (mut large, mut small)) = tokio::join!(send_with(&view, 144, &publisher, frames, Span::ZERO), async {
        (follow(&view_of, 240).await, follow(&view_of, 144).await)
    });
    let sent: Vec<Frame> = read(&mut source, Duration::from_millis(50)).await.into_iter().map(|it| it.1).collect();
    for (cursor, size) in [(&mut large, (426, 240)), (&mut small, (256, 144))] {
        let made = read(cursor, QUIET).await;
        let codec = made[0].0.codec.clone();
        let made: Vec<Frame> = made.into_iter().map(|it| it.1).collect();
        assert!(made.iter().all(|frame| frame.reorder == Span::ZERO));
        // The very last ones wait in the decoder until more comes.
        let (sent_times, made_times) = (times(&sent, false), times(&made, false));
        assert!(made_times.len() + 8 >= sent_times.len(), "{} of {}", made_times.len(), sent_times.len());
        assert_eq!(made_times[..], sent_times[..made_times.len()]);
        assert_eq!(times(&made, true), times(&sent, true));
        assert_eq!(decoded(&codec, &made), (made.len(), size));
    }
    assert_eq!(view.condition(240).unwrap().restarts, 0);
    assert_eq!(view.condition(240).unwrap().encoder, "libx264");
}

/// HEVC, VP9 and AV1 where they are configured.
#[tokio::test(flavor = "multi_thread")]
async fn rungs_are_of_the_codec_that_is_configured() {
    let clip = clip("320x180", 25, 4, "-c:v libx264 -preset veryfast -bf 0 -g 25 -pix_fmt yuv420p");
    for (name, expected) in [("hevc", Coding::Hevc), ("vp9", Coding::Vp9), ("av1", Coding::Av1)] {
        let ladder =
            format!("path = '**'\npreset = 'low-power'\nrungs = [{{ height = 144, kbps = 200, codec = '{name}' }}]");
        let view = View::new(&ladder);
        let publisher = view.publish(clip.codec.clone());
        let broadcast = publisher.broadcast();
        let (_, mut cursor) =
            tokio::join!(send_with(&view, 144, &publisher, &clip.frames, Span::ZERO), follow(&broadcast, 144));
        let made = read(&mut cursor, QUIET).await;
        let codec = made[0].0.codec.clone();
        assert_eq!(coding(&codec), expected);
        let made: Vec<Frame> = made.into_iter().map(|it| it.1).collect();
        let made_times = times(&made, true);
        let all = times(&made, false);
        let step = |at: &Time| at.since(made_times[0]).0 % 1_000_000_000;
        assert!(made_times.len() == 4 && made_times.iter().all(|at| step(at) == 0), "{name}: {made_times:?}");
        // A slow machine may have left some out while it began.
        assert!(all.len() >= 60, "{name}: {}", all.len());
        assert_eq!(decoded(&codec, &made), (made.len(), (256, 144)), "{name}");
        eprintln!("{name}: {:?}", view.condition(144));
    }
}

/// Pictures of full range are converted, though not made smaller, within the walls too, where no program can be written.
#[tokio::test(flavor = "multi_thread")]
async fn a_rung_of_little_effort_may_be_as_large_as_its_source() {
    let words = "-c:v libx265 -preset ultrafast -x265-params log-level=none:bframes=0:keyint=25 -pix_fmt yuvj420p";
    let clip = clip("256x144", 25, 2, words);
    let view = View::new("path = '**'\npreset = 'low-power'\nrungs = [{ height = 144, kbps = 200 }]");
    let publisher = view.publish(clip.codec.clone());
    let broadcast = publisher.broadcast();
    let (_, mut cursor) =
        tokio::join!(send_with(&view, 144, &publisher, &clip.frames, Span::ZERO), follow(&broadcast, 144));
    let made = read(&mut cursor, QUIET).await;
    assert!(made.len() >= 40, "{}", made.len());
    assert_eq!(view.condition(144).unwrap().restarts, 0);
}
