//! HTTP-FLV: who gets what, and how an answer without end ends.

use std::time::{Duration, SystemTime};

use ::media::codec::{Opus, Vp8};
use ::media::{Codec, Frame, Time, Track, TrackId};
use bytes::Bytes;
use http::StatusCode;
use hub::{Claim, Now, Publisher};
use tokio::time::{sleep, timeout};
use wire::flv::{Tag, TagKind, Video, VideoPacket};

use super::stage::{KEY, Stage};

/// A stream in the house: pictures alone, or with Opus.
fn publish(stage: &Stage, path: &str, sound: bool) -> Publisher {
    // It began a while ago, so that nothing more is waited for.
    let wall = SystemTime::now() - Duration::from_secs(60);
    let now = Now { wall, ..Now::from_clocks() };
    let publisher = stage.house.hub.publish(&path.parse().unwrap(), Claim { proto: "test", peer: None }, now).unwrap();
    publisher.declare(Track::source(TrackId(0), super::stage::avc())).unwrap();
    if sound {
        publisher.declare(Track::source(TrackId(1), Codec::Opus(Opus::plain(2)))).unwrap();
    }
    for ms in [0, 40, 80] {
        let frame = Frame { is_sync: ms == 0, ..Frame::alone(at(ms), Bytes::from_static(b"picture")) };
        publisher.append(TrackId(0), frame, now.at).unwrap();
        if sound {
            publisher.append(TrackId(1), Frame::alone(at(ms), Bytes::from_static(b"\xfc\xff\xfe")), now.at).unwrap();
        }
    }
    publisher
}

fn at(ms: i64) -> Time {
    Time::from_ticks(ms, 1000)
}

fn tags(mut body: Bytes) -> Vec<Tag> {
    assert_eq!(&body.split_to(13)[..4], b"FLV\x01");
    let mut tags = Vec::new();
    while !body.is_empty() {
        tags.push(Tag::parse(&mut body).unwrap());
    }
    tags
}

#[tokio::test]
async fn a_stream_is_one_answer_that_ends_with_it() {
    let stage = Stage::empty("live/other");
    for uri in ["/flv/live/a", "/flv/live/a.flv", "/flv/live/a?video=v0&audio=none"] {
        let _publisher = publish(&stage, "live/a", false);
        let end = async {
            sleep(Duration::from_millis(50)).await;
            stage.house.hub.broadcast(&"live/a".parse().unwrap()).unwrap().end();
        };
        let (reply, ()) = tokio::join!(stage.get(uri), end);
        assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "video/x-flv"), "{uri}");
        assert_eq!((reply.header("cache-control"), reply.header("access-control-allow-origin")), ("no-store", "*"));
        let tags = tags(reply.body);
        let kinds: Vec<_> = tags.iter().map(|tag| (tag.kind, tag.timestamp)).collect();
        let video = |timestamp| (TagKind::Video, timestamp);
        assert_eq!(kinds, [(TagKind::Script, 0), video(0), video(0), video(40), video(80), video(80)], "{uri}");
        let packet = |tag: &Tag| Video::parse(&tag.body).unwrap().packet;
        assert_eq!(packet(&tags[1]), VideoPacket::SequenceStart);
        assert_eq!(packet(&tags[5]), VideoPacket::SequenceEnd);
    }
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said() {
    let stage = Stage::empty("live/other");
    let _publisher = publish(&stage, "live/a", false);
    let _private = publish(&stage, "private/a", false);
    for (uri, status) in [
        ("/flv/live/nobody", 404),
        ("/flv/..%2fetc", 404),
        ("/flv/live/a?video=v9", 404),
        ("/flv/private/a", 401),
        ("/flv/private/a?key=wrong", 401),
    ] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status.as_u16(), status, "{uri}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
    let key = format!("Bearer {KEY}");
    let reply = stage.send("HEAD", "/flv/private/a", &[("authorization", &key)]).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    assert_eq!(stage.send("OPTIONS", "/flv/live/a", &[]).await.status, 204);
    assert_eq!(stage.send("POST", "/flv/live/a", &[]).await.status, 405);
}

/// P19, R22: a player that says what it takes gets nothing else.
#[tokio::test]
async fn a_codec_that_is_not_taken_is_answered_by_406() {
    let stage = Stage::empty("live/other");
    let publisher = publish(&stage, "live/a", true);
    let picture = super::stage::avc().picture().unwrap().clone();
    publisher.declare(Track::source(TrackId(0), Codec::Vp8(Vp8 { profile: 0, picture }))).unwrap();
    let frame = Frame::alone(at(120), Bytes::from_static(b"picture"));
    publisher.append(TrackId(0), frame, std::time::Instant::now()).unwrap();
    assert_eq!(stage.get("/flv/live/a?codecs=hvc1").await.status, 406);
    assert_eq!(stage.send("HEAD", "/flv/live/a?codecs=vp08", &[]).await.status, 200);
    assert_eq!(stage.send("HEAD", "/flv/live/a", &[]).await.status, 200, "who cannot say gets what there is");
}

#[tokio::test]
async fn only_so_many_play_and_who_leaves_makes_room() {
    let stage = Stage::empty("live/other");
    let _publisher = publish(&stage, "live/a", false);
    let watch = || timeout(Duration::from_millis(300), stage.get("/flv/live/a"));
    let late = async {
        sleep(Duration::from_millis(100)).await;
        let told = stage.get("/api/v1/streams/live/a").await.text();
        assert!(told.contains(r#""viewers":{"flv":2}"#), "{told}");
        stage.get("/flv/live/a").await.status
    };
    let (first, second, third) = tokio::join!(watch(), watch(), late);
    assert!(first.is_err() && second.is_err(), "they go on");
    assert_eq!(third, 503);
    assert_eq!(stage.send("HEAD", "/flv/live/a", &[]).await.status, 200);
}

/// F15.
#[tokio::test]
async fn a_server_that_stops_ends_the_answers() {
    let stage = Stage::empty("live/other");
    let _publisher = publish(&stage, "live/a", false);
    let stop = async {
        sleep(Duration::from_millis(50)).await;
        stage.house.stop.cancel();
    };
    let (reply, ()) = tokio::join!(timeout(Duration::from_secs(5), stage.get("/flv/live/a")), stop);
    assert_eq!(tags(reply.unwrap().body).len(), 5);
}
