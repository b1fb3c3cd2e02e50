//! Players: commands, media out, pings and the end (R22).

use media::Kind;
use wire::flv::{FourCc, TagKind};
use wire::rtmp::UserControl;

use super::*;

fn playing(name: &str) -> (Server, Script) {
    let mut server = Server::new();
    let mut script = Script::connected();
    server.hears(script.command(1, "play", &[Value::Null, name.into(), (-2000.0).into()]));
    (server, script)
}

fn user(server: &Server) -> Vec<UserControl> {
    let user = |control| if let Control::User(event) = control { Some(event) } else { None };
    server.controls().into_iter().filter_map(user).collect()
}

fn codes(server: &Server) -> Vec<String> {
    server.statuses().into_iter().map(|(_, _, code)| code).collect()
}

/// R22.
#[test]
fn play_is_answered_by_begin_reset_and_start_and_then_media_come() {
    let (mut server, _) = playing("alice?key=k&video=v360&audio=none&codecs=hvc1");
    let Event::WantsToPlay { path, secret, wish, takes } = server.events[0].clone() else { panic!("asks first") };
    assert_eq!((path.as_str(), secret.map(Secret::into_inner)), ("live/alice", Some("k".into())));
    assert_eq!((wish.video.as_deref(), wish.audio.as_deref()), (Some("v360"), Some("none")));
    assert!(takes.says(FourCc::HEVC) && !takes.says(FourCc::AV1));
    assert_eq!(user(&server), [UserControl::StreamBegin(1)]);
    let started = ["NetStream.Play.Reset", "NetStream.Play.Start"].map(|code| (1, "status".into(), code.into()));
    assert_eq!(server.statuses(), started);

    let body = Bytes::from(vec![7; 150_000]);
    server.session.send(TagKind::Script, 0, b"", Bytes::from_static(b"data"));
    server.session.send(TagKind::Video, 0, b"head", body.clone());
    server.session.send(TagKind::Audio, 0, b"h", Bytes::from_static(b"sound"));
    server.session.send(TagKind::Video, u32::MAX, b"head", Bytes::new());
    server.session.send(TagKind::Video, 19, b"head", body.clone());
    let pieces = {
        let mut pieces = Vec::new();
        while let Output::Send(piece) = server.session.poll_output() {
            server.sent.extend_from_slice(&piece);
            pieces.push(piece);
        }
        pieces
    };
    // A frame of 150 000 bytes is three slices of what was given.
    let shared = pieces.iter().filter(|piece| body.as_ptr_range().contains(&piece.as_ptr())).count();
    assert_eq!(shared, 2 * 3);
    let messages = server.messages();
    let media = &messages[messages.len() - 5..];
    let told: Vec<_> = media.iter().map(|one| (one.kind, one.stream, one.timestamp, one.payload.len())).collect();
    let long = 4 + 150_000;
    assert_eq!(told, [(18, 1, 0, 4), (9, 1, 0, long), (8, 1, 0, 6), (9, 1, u32::MAX, 4), (9, 1, 19, long)]);
    assert_eq!(messages[messages.len() - 6].kind, kind::DATA, "|RtmpSampleAccess");
}

/// R16: what a client names at connect is what it takes.
#[test]
fn codecs_that_were_declared_at_connect_are_told() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    let list = Value::Array(vec!["av01".into(), "Opus".into()]);
    let object = [("app", "live".into()), ("tcUrl", "rtmp://host/live".into()), ("fourCcList", list)];
    script.command(0, "connect", &[Value::object(object)]).command(0, "createStream", &[Value::Null]);
    server.hears(script.command(1, "play", &[Value::Null, "alice".into()]));
    let Event::WantsToPlay { takes, .. } = &server.events[0] else { panic!("asks first") };
    assert!(takes.says(FourCc::AV1) && takes.says(FourCc::OPUS) && !takes.says(FourCc::HEVC));
}

#[test]
fn a_denial_is_an_error_status_and_the_end_with_no_start_before_it() {
    for (denial, code) in [
        (Denial::NotFound, "NetStream.Play.StreamNotFound"),
        (Denial::NotLive("later".into()), "NetStream.Play.StreamNotFound"),
        (Denial::NeedsKey, "NetStream.Play.Failed"),
        (Denial::Unplayable("no".into()), "NetStream.Play.Failed"),
    ] {
        let mut server = Server::new();
        server.verdict = None;
        server.hears(Script::connected().command(1, "play", &[Value::Null, "alice".into()]));
        server.session.deny(&denial);
        server.settle(Ok(())).unwrap();
        assert_eq!(server.statuses(), [(1, "error".into(), code.into())]);
        assert!(server.closed);
    }
    let (server, _) = playing("../etc");
    assert_eq!(server.statuses(), [(1, "error".into(), "NetStream.Play.StreamNotFound".into())]);
    assert!(server.closed && server.events.is_empty());
}

#[test]
fn habits_of_players_are_borne_with() {
    let (mut server, mut script) = playing("alice");
    script.control(Control::User(UserControl::SetBufferLength { stream: 1, length_ms: 3000 }));
    script.command(1, "pause", &[Value::Null, Value::Boolean(true), 0.0.into()]);
    script.command(1, "seek", &[Value::Null, 9000.0.into()]);
    script.command(1, "receiveAudio", &[Value::Null, Value::Boolean(false)]);
    script.command(1, "pause", &[Value::Null, Value::Boolean(false), 0.0.into()]);
    script.command(0, "getStreamLength", &[Value::Null, "alice".into()]);
    script.command(0, "FCSubscribe", &[Value::Null, "alice".into()]);
    server.hears(&mut script);
    assert_eq!(server.events[1..], [Event::Paused(true), Event::Receive(Kind::Audio, false), Event::Paused(false)]);
    let notified = ["NetStream.Pause.Notify", "NetStream.Seek.Notify", "NetStream.Unpause.Notify"];
    assert_eq!(codes(&server)[2..], notified);
    let names: Vec<_> = server.commands().iter().map(|(_, command)| command.name.to_string()).collect();
    assert!(names.contains(&"onFCSubscribe".to_owned()));
}

#[test]
fn every_ending_ends_it_once_and_another_play_begins_anew() {
    let (mut server, mut script) = playing("alice");
    server.hears(script.command(0, "deleteStream", &[Value::Null, 7.0.into()]));
    assert_eq!(server.count(&Event::Ended), 0, "another stream");
    server.hears(script.command(0, "deleteStream", &[Value::Null, 1.0.into()]));
    server.hears(script.command(1, "closeStream", &[Value::Null]));
    assert_eq!(server.count(&Event::Ended), 1);
    let before = server.sent.len();
    server.session.send(TagKind::Video, 0, b"head", Bytes::from_static(b"late"));
    server.settle(Ok(())).unwrap();
    assert_eq!(server.sent.len(), before, "what is no longer wanted is not sent");
    server.hears(script.command(1, "play", &[Value::Null, "bob".into()]));
    server.hears(script.command(1, "play2", &[Value::Null, "carol".into()]));
    let asked = server.events.iter().filter(|event| matches!(event, Event::WantsToPlay { .. })).count();
    assert_eq!((asked, server.count(&Event::Ended)), (3, 2));
    server.hears(script.publish("dave"));
    assert_eq!(codes(&server).last().unwrap(), "NetStream.Publish.BadName", "it plays");
}

/// R22.
#[test]
fn the_end_of_the_stream_is_told() {
    let (mut server, _) = playing("alice");
    server.session.finish();
    server.settle(Ok(())).unwrap();
    assert_eq!(codes(&server)[2..], ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop"]);
    assert_eq!(user(&server)[1..], [UserControl::StreamEof(1)]);
    assert!(server.closed);
}

/// R21.
#[test]
fn only_who_knows_how_is_asked_to_come_again() {
    for flags in [0.0, 1.0] {
        let mut server = Server::new();
        let mut script = Script::handshake();
        let object = [("app", "live".into()), ("capsEx", flags.into())];
        script.command(0, "connect", &[Value::object(object)]);
        server.hears(script.command(1, "play", &[Value::Null, "alice".into()]));
        server.session.send_away();
        server.settle(Ok(())).unwrap();
        let (stream, _, code) = server.statuses()[2].clone();
        let wanted = if flags == 1.0 {
            (0, "NetConnection.Connect.ReconnectRequest")
        } else {
            (1, "NetStream.Play.UnpublishNotify")
        };
        assert_eq!((stream, &*code), wanted);
        assert!(server.closed);
    }
}

/// F3: a player has nothing to say, so it is asked.
#[test]
fn a_silent_player_is_asked_whether_it_is_there_and_given_up() {
    let (mut server, mut script) = playing("alice");
    let start = server.now;
    assert_eq!(server.wait_until, start + 10 * SECOND);
    for at in [10, 20] {
        server.now = start + at * SECOND;
        let result = server.timeout(server.now);
        server.settle(result).unwrap();
        assert_eq!(user(&server).len() as u32, 1 + at / 10, "asked");
    }
    server.hears(script.control(Control::User(UserControl::PingResponse(0))));
    assert!(server.timeout(start + 49 * SECOND).is_ok());
    assert_eq!(server.timeout(start + 50 * SECOND), Err(Error::Idle));
}

#[test]
fn play_before_connect_is_refused() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    script.command(1, "play", &[Value::Null, "alice".into()]);
    assert!(matches!(server.feed(&script.bytes.split()), Err(Error::Misbehaved { .. })));
}
