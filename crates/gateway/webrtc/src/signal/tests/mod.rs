mod load;
mod offers;
mod stage;

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use config::{IceServer, Secret};
use futures_util::stream;
use offers::{ffmpeg, gstreamer, obs, viewer};
use stage::{KEY, OTHER_KEY, Stage};
use wire::sdp::{Description, Direction, Setup, Transport};

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
const AWAY: &str = "198.51.100.7";

/// W1, W3–W5, W22, W36, W37.
#[tokio::test]
async fn ffmpegs_offer_is_answered_as_ffmpeg_can_read_it() {
    let stage = Stage::new(|_| {});
    let reply = stage.offer("/whip/live/a?monkey=1", &ffmpeg()).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (201, "application/sdp"), "{}", reply.text);
    let location = reply.header("location");
    assert!(location.starts_with("/whip/.session/") && !location.contains('?') && location.len() > 35, "{location}");
    let etag = reply.header("etag");
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
    assert!(reply.text.starts_with("v=0\r\n") && reply.text.len() < 8192);
    assert!(!reply.text.replace("\r\n", "").contains('\n'), "CRLF throughout");
    let first = reply.text.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
    assert!(first.ends_with("203.0.113.5 8189 typ host") && first.contains(" udp "), "{first}");
    let answer = Description::parse(&reply.text).unwrap();
    let section = &answer.sections[0];
    assert_eq!(
        (answer.sections.len(), section.setup, section.direction),
        (1, Some(Setup::Active), Direction::RecvOnly)
    );
    assert!(answer.ice_lite && section.candidates.iter().any(|one| one.transport == Transport::TcpPassive));
}

/// W23, W35, W39, W40.
#[tokio::test]
async fn obs_and_gstreamer_are_answered() {
    let stage = Stage::new(|_| {});
    for (name, offer, mids) in
        [("obs", obs(false), ["0", "1"]), ("layers", obs(true), ["0", "1"]), ("gst", gstreamer(), ["video0", "audio1"])]
    {
        let reply = stage.offer(&format!("/whip/live/{name}"), &offer).await;
        assert_eq!(reply.status, 201, "{name}: {}", reply.text);
        let answer = Description::parse(&reply.text).unwrap();
        assert_eq!(answer.bundle, mids, "{name}");
        assert!(answer.sections.iter().all(|section| section.port > 0 && section.setup == Some(Setup::Passive)));
        assert_eq!(reply.text.contains("a=simulcast:recv 0;1;2\r\n"), name == "layers");
        // GStreamer and Larix say goodbye by DELETE, OBS takes nothing but 200 for it (W6, W40).
        let location = reply.header("location").to_owned();
        assert_eq!(stage.ask("DELETE", &location, &[("if-match", "\"whatever\"")], "").await.status, 200, "W7");
        assert_eq!(stage.ask("DELETE", &location, &[], "").await.status, 404, "W8");
        assert_eq!(stage.offer(&format!("/whip/live/{name}"), &offer).await.status, 201, "the name is free (W6)");
    }
}

/// W2, W24–W26, W28, W42: every refusal is a problem document, and leaves nothing behind.
#[tokio::test]
async fn what_is_no_offer_is_refused_with_a_reason() {
    let stage = Stage::new(|_| {});
    let good = ffmpeg();
    let with = |from: &str, to: &str| good.replace(from, to);
    for (content_type, body, status) in [
        ("application/SDP; charset=utf-8", good.clone(), 201),
        ("application/json", good.clone(), 415),
        ("", good.clone(), 415),
        ("application/sdp", String::new(), 400),
        ("application/sdp", "v=0".to_owned(), 422),
        ("application/sdp", "garbage".to_owned(), 400),
        ("application/sdp", good[..300].to_owned(), 400),
        ("application/sdp", with("sendonly", "recvonly"), 422),
        ("application/sdp", with("H264", "theora"), 422),
        ("application/sdp", "v=0\r\n".to_owned() + &"a=x\r\n".repeat(20_000), 413),
    ] {
        let headers = [("content-type", content_type)];
        let headers = if content_type.is_empty() { &headers[..0] } else { &headers[..] };
        let reply = stage.ask("POST", "/whip/live/a", headers, &body).await;
        assert_eq!(reply.status, status, "{content_type} {:.40}: {}", body, reply.text);
        if status == 201 {
            let location = reply.header("location").to_owned();
            assert_eq!(stage.ask("DELETE", &location, &[], "").await.status, 200);
        } else {
            assert_eq!(reply.header("content-type"), "application/problem+json");
        }
    }
    assert!(stage.hub.broadcasts().iter().all(|broadcast| broadcast.state() != hub::State::Live));
    assert_eq!(stage.ask("POST", "/whip/live/..", &[SDP], &good).await.status, 400, "F7");
}

/// W42.
#[tokio::test]
async fn a_body_without_a_length_will_do() {
    let stage = Stage::new(|_| {});
    let offer = ffmpeg();
    let pieces: Vec<_> =
        offer.as_bytes().chunks(100).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let body = Body::from_stream(stream::iter(pieces));
    assert_eq!(stage.send("127.0.0.1", "POST", "/whip/live/a", &[SDP], body).await.status, 201);
}

/// W9, W34, F11 (the stage looks for the key in every answer).
#[tokio::test]
async fn a_key_comes_as_a_bearer_or_in_the_query() {
    let stage = Stage::new(|_| {});
    let bearer = format!("bEARER {KEY}");
    let post = async |address: &str, token: Option<&str>| {
        let headers: Vec<_> = [Some(SDP), token.map(|token| ("authorization", token))].into_iter().flatten().collect();
        stage.send(AWAY, "POST", address, &headers, ffmpeg()).await
    };
    let reply = post("/whip/live/a", None).await;
    assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, "Bearer realm=\"onair\""));
    assert_eq!(post("/whip/live/a", Some("Bearer wrong")).await.status, 401);
    assert_eq!(post("/whip/live/a?key=wrong", None).await.status, 401);
    let other = format!("Bearer {OTHER_KEY}");
    let reply = post("/whip/live/a", Some(&other)).await;
    assert_eq!(reply.status, 403, "W9");
    assert!(reply.header("www-authenticate").contains("insufficient_scope"));

    let reply = post("/whip/live/a", Some(&bearer)).await;
    assert_eq!(reply.status, 201);
    let (location, etag) = (reply.header("location").to_owned(), reply.header("etag").to_owned());
    for (token, status) in
        [(None, 401), (Some("Bearer wrong"), 401), (Some(other.as_str()), 403), (Some(bearer.as_str()), 200)]
    {
        let token: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        let headers = [&token[..], &[FRAGMENT, ("if-match", etag.as_str())]].concat();
        let reply = stage.send(AWAY, "PATCH", &location, &headers, "a=end-of-candidates\r\n").await;
        assert_eq!(reply.status.as_u16(), if status == 200 { 204 } else { status });
        assert_eq!(reply.header("www-authenticate").is_empty(), status == 200);
        assert_eq!(stage.send(AWAY, "DELETE", &location, &token, "").await.status, status);
    }
    // Who came by the query has no way to show the key again; the address is enough, and does not hold it.
    let reply = post(&format!("/whip/live/a?key={KEY}"), None).await;
    assert_eq!(reply.status, 201);
    let location = reply.header("location").to_owned();
    assert_eq!(stage.send(AWAY, "DELETE", &location, &[], "").await.status, 200);
    assert_eq!(stage.send(AWAY, "DELETE", "/whip/.session/guess", &[], "").await.status, 404);
}

/// W10–W12, W14, E2.
#[tokio::test]
async fn questions_are_answered_without_effect() {
    let stage = Stage::new(|_| {});
    let location = stage.offer("/whip/live/a", &ffmpeg()).await.header("location").to_owned();
    for (address, name, accepted) in [
        ("/whip/live/b", "accept-post", "application/sdp"),
        ("/whep/live/b", "accept-post", "application/sdp"),
        (location.as_str(), "accept-patch", "application/trickle-ice-sdpfrag"),
    ] {
        let reply = stage.send(AWAY, "OPTIONS", address, &[("origin", "https://example.org")], "").await;
        assert_eq!((reply.status.as_u16(), reply.header(name)), (204, accepted));
        for method in ["POST", "PATCH", "DELETE"] {
            assert!(reply.header("access-control-allow-methods").contains(method));
        }
        for header in ["authorization", "content-type", "if-match"] {
            assert!(reply.header("access-control-allow-headers").contains(header));
        }
        assert!(reply.headers.get("link").is_none(), "W14");
        for method in ["GET", "HEAD"] {
            let reply = stage.ask(method, address, &[], "").await;
            assert_eq!((reply.status.as_u16(), &*reply.text), (200, ""), "{method} {address}");
        }
        assert_eq!(stage.ask("PUT", address, &[], "").await.status, 405);
    }
    let exposed = stage.ask("GET", "/whip/live/b", &[], "").await.header("access-control-expose-headers").to_owned();
    for name in ["location", "etag", "link", "retry-after"] {
        assert!(exposed.contains(name), "W13");
    }
}

/// W14, W32, U9: one field for each server, with credentials for this session; and for nobody who was not let in.
#[tokio::test]
async fn relays_are_told_to_those_who_are_let_in() {
    let stage = Stage::new(|config| {
        config.ice_servers = vec![
            IceServer {
                url: "turn:turn.example.org:3478?transport=udp".parse().unwrap(),
                secret: Some(Secret::new(KEY)),
            },
            IceServer { url: "stun:stun.example.org".parse().unwrap(), secret: None },
        ];
    });
    let links = |reply: &stage::Reply| -> Vec<String> {
        reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect()
    };
    let (first, second) = (stage.offer("/whip/live/a", &ffmpeg()).await, stage.offer("/whip/live/b", &ffmpeg()).await);
    assert_eq!(links(&first).len(), 2, "W33: a field each, and no extension that a publisher would have to know");
    assert_eq!(links(&first)[1], "<stun:stun.example.org>; rel=\"ice-server\"");
    assert!(links(&first)[0].ends_with("; credential-type=\"password\"") && links(&first)[0].contains("; username=\""));
    assert_ne!(links(&first)[0], links(&second)[0], "each its own");
    let away = stage.send(AWAY, "POST", "/whip/live/c", &[SDP], ffmpeg()).await;
    assert_eq!((away.status.as_u16(), links(&away).len()), (401, 0));
    for address in ["/whip/live/a", first.header("location")] {
        assert!(links(&stage.send(AWAY, "OPTIONS", address, &[], "").await).is_empty(), "W14");
    }
}

/// W15–W20, W28.
#[tokio::test]
async fn a_session_takes_late_candidates_and_restarts() {
    let stage = Stage::new(|_| {});
    let begun = stage.offer("/whip/live/a", &ffmpeg()).await;
    let (location, etag) = (begun.header("location").to_owned(), begun.header("etag").to_owned());
    let trickle = "a=ice-ufrag:5I2u\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=video 9 RTP/AVP 0\r\na=mid:1\r\n\
        a=candidate:1 1 udp 1 x.local 9 typ host\r\na=candidate:2 1 sctp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
    let restart = trickle.replace("5I2u", "Nwe1").replace("abcdef", "ghijkl");
    let patch = async |headers: &[(&str, &str)], body: &str| stage.ask("PATCH", &location, headers, body).await;
    assert_eq!(patch(&[SDP, ("if-match", &etag)], &ffmpeg()).await.status, 415, "W15, W28");
    assert_eq!(patch(&[FRAGMENT], trickle).await.status, 428, "W17");
    assert_eq!(patch(&[FRAGMENT, ("if-match", "\"old\"")], trickle).await.status, 412, "W17");
    assert_eq!(patch(&[FRAGMENT, ("if-match", &etag)], "hello").await.status, 400, "W15");
    let reply = patch(&[FRAGMENT, ("if-match", &etag)], trickle).await;
    assert_eq!((reply.status.as_u16(), reply.headers.contains_key("etag"), &*reply.text), (204, false, ""), "W16");
    assert_eq!(patch(&[FRAGMENT, ("if-match", &etag)], &restart).await.status, 422);

    for star in ["*", "\"*\""] {
        let restart = restart.replace("Nwe1", if star == "*" { "Nwe1" } else { "Nwe2" });
        let reply = patch(&[FRAGMENT, ("if-match", star)], &restart).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, FRAGMENT.1), "W18");
        assert_ne!(reply.header("etag"), etag);
        let answer = wire::sdp::Fragment::parse(&reply.text).unwrap();
        assert!(answer.ice_lite && answer.ice_options == ["trickle", "ice2"] && answer.candidates.len() >= 2);
        assert_eq!(answer.mid.as_deref(), Some("1"));
        assert!(!begun.text.contains(&answer.ice_ufrag.unwrap()));
        assert_eq!(patch(&[FRAGMENT, ("if-match", &etag)], &restart).await.status, 412, "the old tag is stale");
    }
    assert_eq!(stage.ask("PATCH", "/whip/.session/nobody", &[FRAGMENT], trickle).await.status, 404, "W9");
}

/// W30, W41, F24: and after the timeout nothing is left.
#[tokio::test]
async fn posts_that_never_connect_are_bounded_and_forgotten() {
    let stage = Stage::new(|config| {
        config.max_connecting_per_address = 8;
        config.connect_timeout = Duration::from_secs(1);
    });
    let mut taken = 0;
    for number in 0..100 {
        let reply = stage.offer(&format!("/whip/live/n{number}"), &ffmpeg()).await;
        match reply.status.as_u16() {
            201 => taken += 1,
            status => {
                assert_eq!(status, 429);
                assert!(reply.header("retry-after").parse::<u32>().is_ok(), "W30");
            }
        }
    }
    assert_eq!(taken, 8);
    let other = stage.send("::1", "POST", "/whip/live/other", &[SDP], ffmpeg()).await;
    assert_eq!(other.status, 201, "another address is not touched");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let page = stage.ask_api().await;
        let open = page.matches("\"state\":\"connecting\"").count();
        if open == 0 {
            assert_eq!(page.matches("no ICE check arrived within 1 s").count(), 9, "and each says why: {page}");
            break;
        }
        assert!(Instant::now() < deadline, "{open} are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stage.offer("/whip/live/n0", &ffmpeg()).await.status, 201, "the name is free again");
}

/// W31: a publisher that shows nothing for five seconds is taken over by the next, which waits for that.
#[tokio::test]
async fn a_silent_publisher_is_taken_over() {
    let stage = Stage::new(|_| {});
    let silent = stage.offer("/whip/live/a", &ffmpeg()).await;
    let began = Instant::now();
    let next = stage.offer("/whip/live/a", &ffmpeg()).await;
    assert_eq!((silent.status.as_u16(), next.status.as_u16()), (201, 201), "{}", next.text);
    let waited = began.elapsed();
    assert!(waited > Duration::from_millis(4500) && waited < Duration::from_secs(8), "{waited:?}");
    assert_eq!(stage.ask("DELETE", next.header("location"), &[], "").await.status, 200);
}

#[tokio::test]
async fn a_house_that_is_full_says_so() {
    let stage = Stage::new(|config| config.max_sessions = 1);
    assert_eq!(stage.offer("/whip/live/a", &ffmpeg()).await.status, 201);
    let reply = stage.offer("/whip/live/b", &ffmpeg()).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (503, "5"));
}

/// E3, E4, E7: none leaves a session behind.
#[tokio::test]
async fn who_cannot_watch_is_told_why() {
    let stage = Stage::new(|_| {});
    assert_eq!(stage.offer("/whep/live/nobody", &viewer("recvonly")).await.status, 404);
    let _held = stage.offer("/whip/live/a", &ffmpeg()).await;
    let reply = stage.offer("/whep/live/a", &viewer("recvonly")).await;
    assert_eq!(reply.status, 409, "claimed, and nothing to show yet");
    assert!(reply.header("retry-after").parse::<u32>().is_ok());
    let reply = stage.send(AWAY, "POST", "/whep/private/a", &[SDP], viewer("recvonly")).await;
    assert_eq!(reply.status, 401, "and not a word on whether there is such a stream");
}
