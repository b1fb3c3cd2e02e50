//! Handshake, commands, identity and deadlines.

use wire::rtmp::UserControl;

use super::*;

/// R6.
#[test]
fn connect_and_create_stream_are_answered_with_their_transaction() {
    let mut server = Server::new();
    server.hears(&mut Script::connected());
    let commands = server.commands();
    let (_, connected) = &commands[0];
    assert_eq!((&*connected.name, connected.transaction), ("_result", 1.0));
    let code = connected.arguments[1].field("code").and_then(Value::as_str);
    assert_eq!(code, Some("NetConnection.Connect.Success"));
    let (_, created) = &commands[1];
    assert_eq!((&*created.name, created.transaction), ("_result", 2.0));
    assert_eq!(created.arguments[1], 1.0.into());
}

/// R5.
#[test]
fn windows_and_the_chunk_size_are_told_around_connect() {
    let mut server = Server::new();
    server.hears(&mut Script::connected());
    let kinds: Vec<_> = server.controls().iter().map(Control::kind).collect();
    assert_eq!(kinds, [kind::WINDOW_ACK_SIZE, kind::SET_PEER_BANDWIDTH, kind::SET_CHUNK_SIZE]);
}

/// R5.
#[test]
fn pings_are_answered_and_bytes_acknowledged() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.control(Control::User(UserControl::PingRequest(4711))).control(Control::WindowAckSize(100_000));
    server.hears(&mut script);
    assert!(server.controls().contains(&Control::User(UserControl::PingResponse(4711))));
    server.hears(script.video(0, vec![0; 90_000]));
    let acks = |server: &Server| {
        let ack = |control| if let Control::Acknowledgement(bytes) = control { Some(bytes) } else { None };
        server.controls().into_iter().filter_map(ack).collect::<Vec<_>>()
    };
    assert_eq!(acks(&server), []);
    server.hears(script.video(0, vec![0; 90_000]));
    assert_eq!(acks(&server).len(), 1);
    assert!(acks(&server)[0] > 100_000);
}

/// R5: a window of nothing, or of everything, is no reason to stumble.
#[test]
fn absurd_windows_are_bounded() {
    for window in [0, u32::MAX] {
        let mut server = Server::new();
        let mut script = Script::publishing();
        script.control(Control::WindowAckSize(window)).video(0, vec![0; 3_000_000]);
        server.hears(&mut script);
        assert!(server.controls().iter().any(|control| matches!(control, Control::Acknowledgement(_))));
    }
}

/// R7.
#[test]
fn habits_of_encoders_and_unknown_commands_do_not_fail_the_session() {
    let mut server = Server::new();
    let mut script = Script::connected();
    for name in ["releaseStream", "FCPublish", "_checkbw", "getStreamLength", "gargle", "FCSubscribe"] {
        script.command(0, name, &[Value::Null, "alice".into()]);
    }
    server.hears(script.publish("alice"));
    let answered = server.commands().into_iter().filter(|(_, command)| &*command.name == "_result").count();
    assert_eq!(answered, 2 + 6);
    assert_eq!(server.statuses(), [(1, "status".into(), "NetStream.Publish.Start".into())]);
    let names: Vec<_> = server.commands().iter().map(|(_, command)| command.name.to_string()).collect();
    assert!(names.contains(&"onFCPublish".to_owned()));
}

/// R8.
#[test]
fn publish_is_answered_on_its_stream_and_every_ending_ends_it_once() {
    let endings: [(&str, u32, &[Value]); 3] = [
        ("FCUnpublish", 0, &[Value::Null, Value::Null]),
        ("deleteStream", 0, &[Value::Null, Value::Number(1.0)]),
        ("closeStream", 1, &[Value::Null]),
    ];
    for first in 0..3 {
        let mut server = Server::new();
        let mut script = Script::publishing();
        for at in 0..3 {
            let (name, stream, arguments) = endings[(first + at) % 3];
            script.command(stream, name, arguments);
        }
        server.hears(&mut script);
        assert_eq!(server.count(&Event::Ended), 1);
        assert_eq!(server.statuses()[0], (1, "status".into(), "NetStream.Publish.Start".into()));
        assert_eq!(server.statuses()[1], (1, "status".into(), "NetStream.Unpublish.Success".into()));
        assert_eq!(server.statuses().len(), 2);
    }
}

/// R8.
#[test]
fn deleting_another_stream_ends_nothing() {
    let mut server = Server::new();
    server.hears(Script::publishing().command(0, "deleteStream", &[Value::Null, 2.0.into()]));
    assert_eq!(server.count(&Event::Ended), 0);
}

#[test]
fn a_connection_may_publish_again() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.command(0, "deleteStream", &[Value::Null, 1.0.into()]).command(0, "createStream", &[Value::Null]);
    server.hears(script.publish("alice").audio(0, aac_header(STEREO_48000)));
    assert_eq!(server.tracks().len(), 1);
    let asked = server.events.iter().filter(|event| matches!(event, Event::WantsToPublish { .. })).count();
    assert_eq!(asked, 2);
}

/// R9.
#[test]
fn the_house_is_asked_with_path_and_key() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    script.connect("live", "rtmp://host/live").publish("alice?key=canary");
    server.hears(&mut script);
    let Event::WantsToPublish { path, secret } = server.events[0].clone() else { panic!("asks first") };
    assert_eq!((path.as_str(), secret.map(Secret::into_inner)), ("live/alice", Some("canary".into())));
    // F11.
    assert!(!format!("{:?}", server.events).contains("canary"));
}

/// R10, R11.
#[test]
fn a_refusal_is_an_error_status_and_the_end_with_no_start_before_it() {
    for (refusal, code) in [
        (Refusal::Busy, "NetStream.Publish.BadName"),
        (Refusal::NeedsKey, "NetStream.Publish.Denied"),
        (Refusal::WrongKey, "NetStream.Publish.Denied"),
        (Refusal::Full, "NetStream.Publish.Rejected"),
    ] {
        let mut server = Server::new();
        server.verdict = Some(Err(refusal));
        let mut script = Script::connected();
        script.command(0, "FCPublish", &[Value::Null, "alice".into()]).publish("alice");
        server.hears(script.audio(0, aac_header(STEREO_48000)));
        assert_eq!(server.statuses(), [(1, "error".into(), code.into())]);
        assert!(server.closed);
        assert!(!server.commands().iter().any(|(_, command)| &*command.name == "onFCPublish"));
        assert_eq!(server.events.len(), 1);
        assert_eq!(server.feed(b"whatever else"), Ok(()));
    }
}

/// F7.
#[test]
fn a_name_that_cannot_be_is_refused_without_asking() {
    let mut server = Server::new();
    server.hears(Script::connected().publish("../etc"));
    assert_eq!(server.events, [Event::Refused(Refusal::BadName)]);
    assert_eq!(server.statuses(), [(1, "error".into(), "NetStream.Publish.BadName".into())]);
    assert!(server.closed);
}

/// R9: an empty stream key, the whole address in the server field.
#[test]
fn an_empty_stream_key_is_no_obstacle() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    server.hears(script.connect("live/alice", "rtmp://host/live/alice").publish(""));
    assert!(matches!(&server.events[0], Event::WantsToPublish { path, .. } if path.as_str() == "live/alice"));
}

#[test]
fn what_a_client_sends_before_the_verdict_waits_for_it() {
    let mut server = Server::new();
    server.verdict = None;
    let mut script = Script::publishing();
    server.hears(script.audio(0, aac_header(STEREO_48000)));
    server.hears(script.audio(7, aac_frame(b"block")));
    assert_eq!(server.events.len(), 1);
    server.verdict = Some(Ok(()));
    server.session.accept(server.now).unwrap();
    server.feed(&[]).unwrap();
    assert_eq!((server.tracks().len(), server.frames().len()), (1, 1));
}

#[test]
fn nobody_can_pile_up_bytes_before_the_verdict() {
    let mut server = Server::new();
    server.verdict = None;
    server.hears(&mut Script::publishing());
    let result = (0..100).try_for_each(|_| server.feed(&[0; 4096]));
    assert!(matches!(result, Err(Error::OverLimit { .. })));
}

/// F4: a stranger cannot make us hold what a publisher may.
#[test]
fn strangers_have_small_messages_only() {
    let mut server = Server::new();
    let mut script = Script::connected();
    script.video(0, vec![0; 100_000]);
    let limit = Limits::default().stranger_bytes;
    assert_eq!(server.feed(&script.bytes), Err(Error::OverLimit { what: "bytes in one message", limit }));
}

/// F4.
#[test]
fn malformed_commands_close_the_connection() {
    let bombs: [&[u8]; 4] = [
        &[0x02, 0, 1, b'x', 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xff, 0xff, 0xff, 0xff],
        &[0x02, 0, 1, b'x', 0x03, 0, 1, b'a'],
        &[0x02, 0xff, 0xff, b'x'],
        &[0x00, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    for bomb in bombs {
        let mut server = Server::new();
        let mut script = Script::connected();
        let payload = Bytes::copy_from_slice(bomb);
        script.message(3, Message { kind: kind::COMMAND, stream: 0, timestamp: 0, payload });
        assert!(matches!(server.feed(&script.bytes), Err(Error::Misbehaved { .. })), "{bomb:?}");
    }
}

/// R12.
#[test]
fn commands_in_amf3_are_understood() {
    let mut server = Server::new();
    let mut script = Script::connected();
    // A zero byte, then AMF0 that switches to AMF3 for the name of the stream.
    let mut payload = BytesMut::from(&[0][..]);
    [&"publish".into(), &3.0.into(), &Value::Null].into_iter().for_each(|value| amf::write(value, &mut payload));
    payload.put_slice(&[0x11, 0x06, 0x0b]);
    payload.put_slice(b"alice");
    script.message(3, Message { kind: kind::COMMAND_AMF3, stream: 1, timestamp: 0, payload: payload.freeze() });
    server.hears(&mut script);
    assert!(matches!(&server.events[0], Event::WantsToPublish { path, .. } if path.as_str() == "live/alice"));
}

#[test]
fn publish_before_connect_is_misbehaviour() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    script.publish("alice");
    assert!(matches!(server.feed(&script.bytes), Err(Error::Misbehaved { what: "publish before connect", .. })));
}

#[test]
fn an_error_names_the_byte_at_which_it_was_seen() {
    let mut server = Server::new();
    let mut script = Script::connected();
    server.hears(&mut script);
    let so_far = server.session.received_bytes();
    let error = server.feed(&[0xc5, 1, 2, 3]).unwrap_err();
    assert_eq!(error, Error::Misbehaved { what: "a chunk that continues nothing", at: so_far });
}

#[test]
fn a_second_publication_at_once_is_refused_and_the_first_goes_on() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.command(2, "publish", &[Value::Null, "bob".into()]);
    server.hears(script.audio(0, aac_header(STEREO_48000)));
    assert_eq!(server.statuses()[1], (2, "error".into(), "NetStream.Publish.BadName".into()));
    assert_eq!((server.closed, server.tracks().len()), (false, 1));
}

/// F8, R1.
#[test]
fn whoever_does_not_publish_in_time_is_dropped() {
    let mut server = Server::new();
    let start = server.now;
    assert_eq!(server.timeout(start + 9 * SECOND), Ok(()));
    // A byte now and then is not enough.
    server.now = start + 9 * SECOND;
    server.feed(&[3]).unwrap();
    assert_eq!(server.wait_until, start + 10 * SECOND);
    assert_eq!(server.timeout(start + 10 * SECOND), Err(Error::TooSlow));
    server.now = start + 10 * SECOND;
    assert_eq!(server.feed(&[0]), Err(Error::TooSlow));
}

/// F2, R10.
#[test]
fn silent_publisher_is_dropped_at_the_idle_timeout() {
    let mut server = Server::new();
    server.now += 5 * SECOND;
    server.hears(&mut Script::publishing());
    let deadline = server.wait_until;
    assert_eq!(deadline, server.now + 10 * SECOND);
    assert_eq!(server.timeout(deadline - SECOND), Ok(()));
    assert_eq!(server.timeout(deadline), Err(Error::Idle));
}
