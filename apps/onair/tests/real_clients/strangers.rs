//! Requests for WebRTC sessions by the hundred, and packets that pretend to be of one.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use testkit::http::{self, Reply};

use crate::server;

const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:5I2u\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
    a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";

/// How many sessions are left open.
const SESSIONS: usize = 50;

fn post(server: SocketAddr, path: &str) -> Reply {
    let mut socket = TcpStream::connect(server).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    );
    socket.write_all(head.as_bytes()).expect("a request is sent");
    http::read_reply(BufReader::new(socket), false).expect("an answer")
}

fn open(server: SocketAddr) -> usize {
    http::get(server, "/api/v1/webrtc/sessions").text().matches("\"state\":\"connecting\"").count()
}

/// The value of a line of the answer.
fn line<'a>(answer: &'a str, name: &str) -> &'a str {
    answer.lines().find_map(|line| line.strip_prefix(name)).expect(name)
}

/// A check for that session, signed with nothing.
fn check(ufrag: &str, transaction: u8, padding: usize) -> Vec<u8> {
    let name = format!("{ufrag}:5I2u");
    let mut attributes = Vec::new();
    let mut put = |kind: u16, value: &[u8]| {
        attributes.extend(kind.to_be_bytes());
        attributes.extend((value.len() as u16).to_be_bytes());
        attributes.extend(value);
        attributes.resize(attributes.len().div_ceil(4) * 4, 0);
    };
    put(0x0006, name.as_bytes());
    put(0x8022, &vec![b'x'; padding]);
    put(0x0008, &[transaction; 20]);
    put(0x8028, &[1, 2, 3, 4]);
    let mut packet = vec![0, 1];
    packet.extend((attributes.len() as u16).to_be_bytes());
    packet.extend([0x21, 0x12, 0xa4, 0x42]);
    packet.extend([transaction; 12]);
    packet.extend(attributes);
    packet
}

/// F24, F9, U2: who asks and never comes holds no more places than there are for him, and none for long; who forges
/// gets no more than he sends.
#[test]
fn a_thousand_who_never_come_leave_nothing_and_forged_checks_get_no_larger_answer() {
    let limit = format!("webrtc.max_connecting_per_address={SESSIONS}");
    let server = server(&[&limit, "webrtc.connect_timeout=\"4s\""]);
    let mut answers = Vec::new();
    let (mut refused, mut most) = (0, 0);
    let began = Instant::now();
    for number in 0..1000 {
        let reply = post(server.http, &format!("/whip/live/p{number}"));
        match reply.status {
            201 => answers.push(reply.text()),
            429 => {
                assert!(reply.header("retry-after").is_some());
                refused += 1;
            }
            other => panic!("{other} {}", reply.text()),
        }
        if number % 100 == 99 {
            most = most.max(open(server.http));
        }
    }
    let took = began.elapsed();
    println!("{} answered and {refused} refused in {took:?}; {most} open at most", answers.len());
    assert!(answers.len() >= SESSIONS && refused > 0 && most <= SESSIONS, "{} {refused} {most}", answers.len());

    let (answer, stranger) = (answers.last().expect("an answer"), UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    let ufrag = line(answer, "a=ice-ufrag:");
    let candidate: Vec<&str> = line(answer, "a=candidate:").split(' ').collect();
    let media: SocketAddr = format!("{}:{}", candidate[4], candidate[5]).parse().expect("an address");
    stranger.set_read_timeout(Some(Duration::from_millis(300))).expect("a socket");
    let mut forged: Vec<Vec<u8>> = Vec::new();
    forged.extend([(ufrag, 0), (ufrag, 500), ("who", 0)].map(|(ufrag, padding)| check(ufrag, 7, padding)));
    forged.push(forged[0][..40].to_vec());
    forged.extend([vec![0x16; 60], vec![0x80; 60], vec![0x80, 200, 0, 1, 1, 2, 3, 4], vec![0; 20], vec![]]);
    for packet in &forged {
        stranger.send_to(packet, media).expect("it is sent");
        let mut buffer = [0; 2048];
        let mut came = 0;
        while let Ok((len, _)) = stranger.recv_from(&mut buffer) {
            came += len;
        }
        assert!(came <= packet.len(), "{came} bytes for {}", packet.len());
        println!("{} bytes, answered with {came}", packet.len());
    }

    thread::sleep(Duration::from_secs(5).saturating_sub(began.elapsed() - took));
    assert_eq!(open(server.http), 0, "none after the timeout");
    assert_eq!(post(server.http, "/whip/live/p0").status, 201, "and the name is free");
}
