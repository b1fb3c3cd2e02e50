use std::path::Path;
use std::time::{Duration, SystemTime};

use hub::{Claim, Demand, Hub, Limits, Making, Now, Publisher, Wish};
use media::codec::{Aac, G711, Law, Opus};
use media::{Codec, Track, TrackId};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{Settings, Transcoder};

const SOUND: TrackId = TrackId(1);

fn publish(hub: &Hub, codec: Codec) -> Publisher {
    let now = Now { at: Instant::now().into_std(), wall: SystemTime::UNIX_EPOCH };
    let publisher = hub.publish(&"live/a".parse().unwrap(), Claim { proto: "test", peer: None }, now).unwrap();
    publisher.declare(Track::source(SOUND, codec)).unwrap();
    publisher
}

fn aac() -> Codec {
    Codec::Aac(Aac::from_config(&[0x12, 0x10]).unwrap())
}

fn opus() -> Codec {
    Codec::Opus(Opus::plain(2))
}

fn names(publisher: &Publisher) -> Vec<String> {
    publisher.broadcast().catalog().tracks.iter().map(|track| format!("{} {}", track.name(), track.codec)).collect()
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A program that is there on every machine and is no worker: it ends at once.
fn no_worker() -> Transcoder {
    Transcoder::new(Path::new("/bin/true"), Settings::default())
}

#[tokio::test]
async fn a_rendition_is_in_the_catalog_at_once_and_goes_some_seconds_after_the_last_lease() {
    let hub = Hub::new(Limits::default());
    let publisher = publish(&hub, aac());
    let transcoder = no_worker();
    let broadcast = publisher.broadcast();
    let first = transcoder.want(&broadcast, SOUND, Wish::Opus).unwrap();
    let second = transcoder.want(&broadcast, SOUND, Wish::Opus).unwrap();
    assert_eq!(names(&publisher), ["a1 mp4a.40.2", "a101 opus"]);
    assert_eq!(first.track(), second.track());
    assert_eq!(transcoder.status().len(), 1);
    drop(first);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(names(&publisher).len(), 2);
    drop(second);
    let left = Instant::now();
    sleep(Duration::from_millis(3000)).await;
    // Wanted again before it stopped: it is the same one.
    let third = transcoder.want(&broadcast, SOUND, Wish::Opus).unwrap();
    sleep(Duration::from_millis(3000)).await;
    assert_eq!(names(&publisher).len(), 2);
    drop(third);
    while names(&publisher).len() > 1 {
        assert!(left.elapsed() < Duration::from_secs(20), "it never stops");
        sleep(Duration::from_millis(100)).await;
    }
    assert!(transcoder.status().is_empty());
}

#[tokio::test]
async fn what_cannot_or_need_not_be_made_is_refused() {
    let hub = Hub::new(Limits::default());
    let publisher = publish(&hub, aac());
    let transcoder = no_worker();
    let broadcast = publisher.broadcast();
    assert!(transcoder.want(&broadcast, SOUND, Wish::Aac).is_none());
    assert!(transcoder.want(&broadcast, TrackId(7), Wish::Opus).is_none());
    let lease = transcoder.want(&broadcast, SOUND, Wish::Opus).unwrap();
    assert!(transcoder.want(&broadcast, lease.track(), Wish::Aac).is_none());
    publisher.end();
    assert!(transcoder.want(&broadcast, TrackId(1), Wish::Aac).is_none());
}

#[tokio::test]
async fn a_worker_that_only_dies_is_tried_again_with_growing_patience_and_says_so() {
    let hub = Hub::new(Limits::default());
    let publisher = publish(&hub, aac());
    let transcoder = no_worker();
    let _lease = transcoder.want(&publisher.broadcast(), SOUND, Wish::Opus).unwrap();
    sleep(Duration::from_millis(900)).await;
    let condition = transcoder.status()[0].condition.clone();
    assert!((2..=4).contains(&condition.restarts), "{condition:?}");
    let began = Instant::now();
    while !matches!(transcoder.renditions()[0].making, Making::BackingOff(_)) {
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", transcoder.renditions());
        sleep(Duration::from_millis(10)).await;
    }
    let rendition = &transcoder.renditions()[0];
    assert!(rendition.restarts >= condition.restarts && rendition.frames == 0, "{rendition:?}");
    assert_eq!((rendition.source, rendition.track.id), (SOUND, TrackId(101)));
    assert_eq!(condition.last_failure.as_deref(), Some("exit status: 0"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let hub = Hub::new(Limits::default());
    let publisher = publish(&hub, aac());
    let transcoder = Transcoder::new(Path::new("/nowhere/worker"), Settings::default());
    let _lease = transcoder.want(&publisher.broadcast(), SOUND, Wish::Opus).unwrap();
    sleep(Duration::from_millis(300)).await;
    let why = transcoder.status()[0].condition.last_failure.clone().unwrap();
    assert!(why.starts_with("the worker does not start"), "{why}");
    assert!(!why.contains("nowhere"), "strangers may read it: {why}");
}

#[tokio::test]
async fn a_source_that_goes_takes_its_rendition_along() {
    let hub = Hub::new(Limits::default());
    let publisher = publish(&hub, aac());
    let transcoder = Transcoder::new(Path::new("/bin/sleep"), Settings::default());
    let _lease = transcoder.want(&publisher.broadcast(), SOUND, Wish::Opus).unwrap();
    settle().await;
    publisher.retract(SOUND).unwrap();
    let begin = Instant::now();
    while !names(&publisher).is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it stays");
        sleep(Duration::from_millis(50)).await;
    }
}

/// P19.
#[tokio::test]
async fn sound_that_is_not_aac_gets_an_aac_rendition_unasked() {
    let hub = Hub::new(Limits::default());
    let stop = CancellationToken::new();
    tokio::spawn(no_worker().keep_aac(hub.clone(), stop.clone()));
    let publisher = publish(&hub, opus());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(names(&publisher), ["a1 opus", "a201 mp4a.40.2"]);
    publisher.declare(Track::source(SOUND, Codec::G711(G711 { law: Law::Mu, channels: 1 }))).unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(names(&publisher), ["a1 ulaw", "a201 mp4a.40.2"]);
    // A publisher that sends both needs no help.
    publisher.declare(Track::source(TrackId(3), aac())).unwrap();
    sleep(Duration::from_millis(6000)).await;
    assert_eq!(names(&publisher), ["a1 ulaw", "a3 mp4a.40.2"]);
    stop.cancel();
}
