use std::time::{Duration, Instant};

use hub::{Claim, Now};
use media::codec::{Picture, Vp8};
use media::{Codec, Frame, Path, Time, Track, TrackId};

use super::offers::{ffmpeg, viewer};
use super::stage::Stage;

/// Issue: past what its threads can bear newcomers who would watch are told to come back, and who publishes is let in.
#[tokio::test]
async fn a_server_that_is_busy_takes_publishers_and_no_viewers() {
    // Of a limit of nothing, anything is too much.
    let stage = Stage::new(|config| config.max_load = 0.0);
    let path: Path = "live/a".parse().unwrap();
    let publisher = stage.hub.publish(&path, Claim { proto: "test", peer: None }, Now::from_clocks()).unwrap();
    let picture = Picture { width: 320, height: 180, pixel_aspect: (1, 1), frame_rate: None, colour: None };
    publisher.declare(Track::source(TrackId(0), Codec::Vp8(Vp8 { profile: 0, picture }))).unwrap();
    let frame = Frame::alone(Time::ZERO, vec![0; 100].into());
    publisher.append(TrackId(0), frame, Instant::now()).unwrap();

    let deadline = Instant::now() + Duration::from_secs(20);
    while stage.ask_api().await.contains("\"state\":\"calm\"") {
        assert!(Instant::now() < deadline, "{}", stage.ask_api().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let offer = viewer("recvonly").replace("H264", "VP8");
    let reply = stage.offer("/whep/live/a", &offer).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "5"), "{}", reply.text);
    let reply = stage.offer("/whip/live/b", &ffmpeg()).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}
