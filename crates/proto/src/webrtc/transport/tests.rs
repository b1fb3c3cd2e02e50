use std::net::SocketAddr;

use wire::rtp::Header;
use wire::stun::{Builder, Class, Key, Method};

use super::*;
use crate::webrtc::srtp::Keys;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// The other end: makes checks, shakes hands, seals and opens. Written from the standards' client side.
struct Peer {
    identity: Identity,
    dtls: Dtls,
    keys: Option<(Keys, Keys)>,
    road: Road,
    server: Credentials,
    ufrag: &'static str,
    sealer: Option<Sealer>,
    sent: u64,
}

fn credentials(name: &str) -> Credentials {
    Credentials { ufrag: name.into(), pwd: format!("password-of-{name}-0123456789") }
}

fn road(port: u16) -> Road {
    let remote = SocketAddr::new([198, 51, 100, 7].into(), port);
    Road { local: "192.0.2.1:8189".parse().unwrap(), remote, is_tcp: false }
}

/// A session, and the peer that it was made for. `is_dtls_client` is the server's role.
fn pair(is_dtls_client: bool, now: Instant) -> (Transport, Peer) {
    let (ours, theirs) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let begin = Begin {
        identity: &ours,
        credentials: credentials("S"),
        their_ufrag: "c",
        fingerprint: theirs.fingerprint(),
        is_dtls_client,
        patience: PATIENCE,
        told: vec!["203.0.113.5:8189".parse().unwrap()],
        media_is_life: false,
    };
    let transport = Transport::new(begin, now);
    let dtls = Dtls::new(&theirs, ours.fingerprint(), !is_dtls_client, now).unwrap();
    let server = credentials("S");
    (
        transport,
        Peer { identity: theirs, dtls, keys: None, road: road(5000), server, ufrag: "c", sealer: None, sent: 0 },
    )
}

impl Peer {
    fn check(&self, nominate: bool) -> Vec<u8> {
        let username = format!("{}:{}", self.server.ufrag, self.ufrag);
        let builder = Builder::new(Class::Request, Method::BINDING, [3; 12]).username(&username);
        let builder = if nominate { builder.use_candidate() } else { builder };
        builder.sign(&Key::from_password(&self.server.pwd)).finish().to_vec()
    }

    fn packet(&mut self) -> Vec<u8> {
        let keys = self.keys.as_ref().unwrap();
        let sealer = self.sealer.get_or_insert_with(|| Sealer::new(&keys.0).unwrap());
        self.sent += 1;
        let mut out = BytesMut::new();
        Header { sequence: self.sent as u16, ssrc: 7, payload_type: 96, ..Header::default() }.write(false, &mut out);
        out.extend_from_slice(b"hello");
        sealer.seal_rtp(&mut out, 0, 12, 7, self.sent).unwrap();
        out.to_vec()
    }
}

/// Gives it one datagram; an opened packet comes back as a copy.
fn give(transport: &mut Transport, now: Instant, by: Road, bytes: &[u8]) -> Result<Option<Vec<u8>>, Why> {
    let mut bytes = bytes.to_vec();
    Ok(match transport.handle_datagram(now, by, &mut bytes)? {
        Received::Rtp(packet, _) | Received::Rtcp(packet) => Some(packet.to_vec()),
        Received::Nothing => None,
    })
}

/// All that it wants done, and until when it can wait.
fn drain(transport: &mut Transport) -> (Vec<(Road, Bytes)>, bool, Instant) {
    let (mut sent, mut is_ready) = (Vec::new(), false);
    loop {
        match transport.poll_output() {
            Output::Send(road, bytes) => sent.push((road, bytes)),
            Output::Ready => is_ready = true,
            Output::WaitUntil(at) => return (sent, is_ready, at),
        }
    }
}

/// Lets the two talk until both have keys; returns when that is.
fn connect(transport: &mut Transport, peer: &mut Peer, mut now: Instant) -> Result<Instant, Why> {
    let check = peer.check(true);
    give(transport, now, peer.road, &check)?;
    let mut is_ready = false;
    for _ in 0..100 {
        while let Some(event) = peer.dtls.poll().unwrap() {
            match event {
                Event::Send(record) => {
                    give(transport, now, peer.road, &record)?;
                }
                Event::Keys { ours, theirs } => peer.keys = Some((ours, theirs)),
                Event::Closed => {}
            }
        }
        let (sent, ready, _) = drain(transport);
        is_ready |= ready;
        for (_, bytes) in sent {
            if (20..=63).contains(&bytes[0]) {
                peer.dtls.handle_datagram(&bytes).unwrap();
            }
        }
        if is_ready && peer.keys.is_some() {
            return Ok(now);
        }
        now += Duration::from_millis(100);
        peer.dtls.handle_timeout(now).unwrap();
        transport.handle_timeout(now)?;
    }
    panic!("never ready: {:?}", transport.progress())
}

/// W21, W27, P25: both roles of the handshake end in media that is understood, both ways.
#[test]
fn a_peer_that_was_never_told_of_is_found_known_and_heard() {
    for is_dtls_client in [false, true] {
        let now = Instant::now();
        let (mut transport, mut peer) = pair(is_dtls_client, now);
        let now = connect(&mut transport, &mut peer, now).unwrap();
        let packet = peer.packet();
        let opened = give(&mut transport, now, peer.road, &packet).unwrap().unwrap();
        assert_eq!(&opened[12..], b"hello");
        assert_eq!(give(&mut transport, now, peer.road, &packet), Ok(None), "replayed (P24)");
        assert_eq!((transport.progress().packets, transport.progress().unopened), (1, 1));

        let (by, report) = transport.seal_rtcp(b"\x80\xc9\x00\x01\0\0\0\x01").unwrap();
        assert_eq!(by, peer.road);
        let mut opener = Opener::new(&peer.keys.as_ref().unwrap().1).unwrap();
        assert_eq!(opener.open_rtcp(&mut report.to_vec()), Ok(8));
    }
}

/// U2, U4, U12, F9: without the password nothing comes back and nothing is believed.
#[test]
fn an_address_that_has_not_shown_our_password_is_nobody() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    let hello = loop {
        if let Some(Event::Send(record)) = peer.dtls.poll().unwrap() {
            break record;
        }
    };
    let forged = Builder::new(Class::Request, Method::BINDING, [3; 12]).username("S:c").use_candidate();
    let forged = forged.sign(&Key::from_password("guess")).finish();
    for bytes in [&hello[..], &forged, b"", b"\x00", b"\x16", b"\x80\x60", b"\x40\x00", &[0xff; 900]] {
        assert_eq!(give(&mut transport, now, road(1), bytes), Ok(None));
    }
    let (sent, is_ready, _) = drain(&mut transport);
    assert!(sent.is_empty() && !is_ready && transport.road().is_none());

    let now = connect(&mut transport, &mut peer, now).unwrap();
    let packet = peer.packet();
    assert_eq!(give(&mut transport, now, road(1), &packet), Ok(None), "a copied packet from elsewhere");
    assert!(give(&mut transport, now, peer.road, &packet).unwrap().is_some());
}

/// U4: and without a new handshake.
#[test]
fn a_peer_that_roams_is_followed() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    let now = connect(&mut transport, &mut peer, now).unwrap();
    peer.road = road(6000);
    let packet = peer.packet();
    assert_eq!(give(&mut transport, now, peer.road, &packet), Ok(None));
    let check = peer.check(true);
    give(&mut transport, now, peer.road, &check).unwrap();
    assert_eq!(transport.road(), Some(peer.road));
    let packet = peer.packet();
    assert!(give(&mut transport, now, peer.road, &packet).unwrap().is_some());
    assert_eq!(transport.seal_rtcp(b"\x80\xc9\x00\x01\0\0\0\x01").unwrap().0, peer.road);
}

/// W18, W19.
#[test]
fn media_flows_on_through_a_restart() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    let now = connect(&mut transport, &mut peer, now).unwrap();
    transport.restart(credentials("T"), "d");
    assert!(transport.answers_to("S") && transport.answers_to("T"));
    let packet = peer.packet();
    assert!(give(&mut transport, now, peer.road, &packet).unwrap().is_some());
    (peer.server, peer.ufrag, peer.road) = (credentials("T"), "d", road(7000));
    let check = peer.check(true);
    give(&mut transport, now, peer.road, &check).unwrap();
    assert_eq!((transport.road(), transport.answers_to("S")), (Some(road(7000)), false));
    let packet = peer.packet();
    assert!(give(&mut transport, now, peer.road, &packet).unwrap().is_some());
}

/// The sentence of a session that was never reached names what is missing (W41).
#[test]
fn every_way_to_fail_is_a_sentence_of_its_own() {
    let start = Instant::now();
    let fail = |talk: &dyn Fn(&mut Transport, &mut Peer)| {
        let (mut transport, mut peer) = pair(false, start);
        talk(&mut transport, &mut peer);
        let (_, _, at) = drain(&mut transport);
        assert!(at <= start + PATIENCE);
        assert_eq!(transport.handle_timeout(start + PATIENCE - SECOND), Ok(()));
        transport.handle_timeout(start + PATIENCE).unwrap_err().to_string()
    };
    assert_eq!(
        fail(&|_, _| {}),
        "no ICE check arrived within 15 s: the peer cannot reach any address of the answer (203.0.113.5:8189), or a firewall is between"
    );
    let told = fail(&|transport, peer| {
        peer.server.pwd = "another".into();
        let check = peer.check(true);
        give(transport, start, road(9), &check).unwrap();
    });
    assert_eq!(told, "ICE checks came from 198.51.100.7:9, but none was signed with the password of the answer");
    let told = fail(&|transport, peer| {
        let check = peer.check(true);
        give(transport, start, road(9), &check).unwrap();
    });
    assert_eq!(told, "ICE works from 198.51.100.7:9, but no DTLS handshake came from there within 15 s");
    let told = fail(&|transport, peer| {
        let check = peer.check(true);
        give(transport, start, road(9), &check).unwrap();
        while let Some(Event::Send(record)) = peer.dtls.poll().unwrap() {
            give(transport, start, road(9), &record).unwrap();
        }
    });
    assert_eq!(told, "ICE works from 198.51.100.7:9, but the DTLS handshake was not finished within 15 s");
}

/// P25.
#[test]
fn another_certificate_than_the_offers_ends_the_session() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    transport.fingerprint.digest[0] ^= 1;
    let why = connect(&mut transport, &mut peer, now).unwrap_err();
    assert_eq!(
        why.to_string(),
        "ICE works from 198.51.100.7:5000, but the peer's DTLS certificate is not the one its offer named"
    );
}

/// U3: who only takes must go on checking; who gives is there while it gives.
#[test]
fn a_silent_peer_is_given_up_after_thirty_seconds() {
    for media_is_life in [false, true] {
        let (mut transport, mut peer) = pair(false, Instant::now());
        transport.media_is_life = media_is_life;
        let mut now = connect(&mut transport, &mut peer, Instant::now()).unwrap();
        let mut end = Ok(());
        let ready = now;
        while end.is_ok() && now < ready + 100 * SECOND {
            now += SECOND;
            if now < ready + 60 * SECOND {
                let packet = peer.packet();
                give(&mut transport, now, peer.road, &packet).unwrap();
            }
            end = transport.handle_timeout(now);
            drain(&mut transport);
        }
        let lasted = (now - ready).as_secs();
        assert_eq!(lasted, if media_is_life { 89 } else { 30 });
        assert_eq!(end.unwrap_err().to_string(), "nothing has come from 198.51.100.7:5000 for 30 s");
    }
}

#[test]
fn goodbye_is_heard_and_said() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    let now = connect(&mut transport, &mut peer, now).unwrap();
    transport.close(now);
    let (sent, ..) = drain(&mut transport);
    assert!(sent.iter().any(|(_, bytes)| bytes[0] == 21), "an alert goes out");

    let (mut transport, mut peer) = pair(false, now);
    let now = connect(&mut transport, &mut peer, now).unwrap();
    peer.dtls.close();
    let mut end = Ok(None);
    while let Some(Event::Send(record)) = peer.dtls.poll().unwrap() {
        end = give(&mut transport, now, peer.road, &record);
    }
    assert_eq!(end, Err(Why::Goodbye));
    assert_ne!(peer.identity.fingerprint(), transport.identity.fingerprint());
}

/// An idle session asks for no attention but that of its deadlines.
#[test]
fn a_connected_session_sleeps() {
    let now = Instant::now();
    let (mut transport, mut peer) = pair(false, now);
    let mut now = connect(&mut transport, &mut peer, now).unwrap();
    let end = now + 20 * SECOND;
    let mut wakes = 0;
    while now < end {
        let (_, _, at) = drain(&mut transport);
        now = at.max(now);
        transport.handle_timeout(now.min(end)).unwrap();
        wakes += 1;
    }
    assert!(wakes < 30, "{wakes} times in 20 s");
}
