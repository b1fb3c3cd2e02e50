use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hub::{Claim, Hub, Limits, Now, Publisher};
use media::codec::{Aac, Avc};
use media::{Codec, Frame, Path, Span, Time, Track, TrackId};
use package::{Library, Presentation, Settings, Window};
use tokio::time::{Instant, advance};
use tokio_util::sync::CancellationToken;

use crate::run;

const VIDEO: TrackId = TrackId(0);
const AUDIO: TrackId = TrackId(1);
/// 1920x1080, main profile, made by x264.
const SPS: [u8; 28] = [
    0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0, 0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e,
    0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

struct Studio {
    hub: Hub,
    library: Library,
    stop: CancellationToken,
}

impl Studio {
    fn new() -> Self {
        let studio =
            Self { hub: Hub::new(Limits::default()), library: Library::default(), stop: CancellationToken::new() };
        let (hub, library) = (studio.hub.clone(), studio.library.clone());
        tokio::spawn(run(hub, library, Settings::default(), studio.stop.clone()));
        studio
    }

    fn publish(&self, wall_secs: u64) -> Publisher {
        let now = Now { at: Instant::now().into_std(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(wall_secs) };
        let publisher = self.hub.publish(&path(), Claim { proto: "test", peer: None }, now).unwrap();
        let mut avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).unwrap();
        avc.picture.frame_rate = Some((25, 1));
        publisher.declare(Track::source(VIDEO, Codec::Avc(avc))).unwrap();
        publisher.declare(Track::source(AUDIO, Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap()))).unwrap();
        publisher
    }

    fn presentation(&self) -> Option<Arc<Presentation>> {
        self.library.presentation(&path())
    }
}

fn path() -> Path {
    "live/a".parse().unwrap()
}

/// Sends pictures (a keyframe a second) and sound for so long, as they would come.
async fn send(publisher: &Publisher, secs: i64) {
    for n in 0..secs * 25 {
        let frame = |is_sync, ms| Frame {
            dts: Time::ZERO + Span::from_millis(ms),
            reorder: Span::ZERO,
            is_sync,
            payload: Bytes::from_static(&[0, 0, 0, 2, 0x65, 0]),
            temporal: media::Temporal::BASE,
        };
        let at = Instant::now().into_std();
        publisher.append(VIDEO, frame(n % 25 == 0, n * 40), at).unwrap();
        for sound in (n * 15 + 7) / 8..((n + 1) * 15 + 7) / 8 {
            publisher.append(AUDIO, frame(true, sound * 64 / 3), at).unwrap();
        }
        advance(Duration::from_millis(40)).await;
        settle().await;
    }
}

/// Lets all tasks run until they wait.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn windows(presentation: &Presentation) -> Vec<(String, Arc<Window>)> {
    let renditions = presentation.renditions.borrow().clone();
    renditions.iter().map(|rendition| (rendition.name.clone(), rendition.window.borrow().clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_packaged_though_nobody_watches() {
    let studio = Studio::new();
    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 10).await;
    let windows = windows(&studio.presentation().unwrap());
    let names: Vec<_> = windows.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["v0", "a1"]);
    for (name, window) in &windows {
        assert_eq!(window.segments.len(), 4, "{name}");
        assert!(window.open.is_some() && !window.ended, "{name}");
        assert_eq!(window.media_sequence(), windows[0].1.media_sequence());
    }
}

/// H10, H17.
#[tokio::test(start_paused = true)]
async fn an_ended_presentation_stays_for_as_long_as_its_window_and_goes_then() {
    let studio = Studio::new();
    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 10).await;
    publisher.end();
    settle().await;
    let presentation = studio.presentation().unwrap();
    assert!(windows(&presentation).iter().all(|(_, window)| window.ended));

    tokio::time::sleep(Settings::default().window.to_duration()).await;
    assert!(studio.presentation().is_some());
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(studio.presentation().is_none());
}

/// H8, H15.
#[tokio::test(start_paused = true)]
async fn a_publisher_that_returns_goes_on_in_the_same_presentation() {
    let studio = Studio::new();
    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 6).await;
    let before = studio.presentation().unwrap();
    drop(publisher);
    settle().await;
    advance(Duration::from_secs(4)).await;
    let publisher = studio.publish(1_800_000_010);
    send(&publisher, 6).await;
    let after = studio.presentation().unwrap();
    assert!(Arc::ptr_eq(&before, &after));
    for (name, window) in windows(&after) {
        let breaks = window.segments.iter().filter(|segment| segment.discontinuity).count();
        assert_eq!(breaks, 1, "{name}");
        assert!(window.segments.is_sorted_by(|a, b| a.msn < b.msn));
    }
}

/// H8: another broadcast of the same path never reuses an address, not even within the same second.
#[tokio::test(start_paused = true)]
async fn the_next_broadcast_of_a_path_is_another_presentation() {
    let studio = Studio::new();
    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 6).await;
    publisher.end();
    settle().await;
    let before = studio.presentation().unwrap();
    let last = windows(&before)[0].1.segments.last().unwrap().msn;

    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 6).await;
    let after = studio.presentation().unwrap();
    assert_ne!(before.era, after.era);
    assert!(windows(&after)[0].1.media_sequence() > last);
    // The first one's time is up, but it is no longer there to be taken away.
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(studio.presentation().is_some_and(|there| Arc::ptr_eq(&there, &after)));
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_playlists_without_an_end() {
    let studio = Studio::new();
    let publisher = studio.publish(1_800_000_000);
    send(&publisher, 6).await;
    studio.stop.cancel();
    settle().await;
    drop(publisher);
    settle().await;
    assert!(windows(&studio.presentation().unwrap()).iter().all(|(_, window)| !window.ended));
}
