//! Real connections on loopback.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use config::Http;
use http::Request;
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, window};
use crate::Listener;

const HEADER_TIMEOUT: Duration = Duration::from_millis(500);
/// For a busy machine.
const SLACK: Duration = Duration::from_secs(3);

struct Server {
    stage: Stage,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn serve(settings: Http) -> Server {
    let stage = Stage::live("live/alice");
    let settings = Http { listen: ([127, 0, 0, 1], 0).into(), header_timeout: HEADER_TIMEOUT, ..settings };
    let listener = Listener::bind(&settings).unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(listener.serve(stage.router.clone(), stop.clone()));
    Server { stage, address, stop, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes.
    async fn say(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is fine too.
        let _ = timeout(HEADER_TIMEOUT + SLACK, socket.read_to_end(&mut answer)).await.expect("it closes");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// F8.
#[tokio::test]
async fn who_dribbles_a_head_is_closed() {
    let server = serve(Http::default());
    let openings: [&[u8]; 6] = [
        b"",
        b"G",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        b"PRI * HT",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ];
    for opening in openings {
        let mut socket = server.connect().await;
        let began = Instant::now();
        socket.write_all(opening).await.unwrap();
        let is_h1 = opening.starts_with(b"G");
        let (mut from, mut to) = socket.split();
        let dribble = async {
            while is_h1 && to.write_all(b"X").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut sink = Vec::new();
        tokio::select! {
            end = timeout(HEADER_TIMEOUT + SLACK, from.read_to_end(&mut sink)) => drop(end.expect("it closes")),
            () = dribble => {}
        }
        assert!(began.elapsed() >= HEADER_TIMEOUT / 2, "{opening:?}");
    }
    assert!(server.say(b"GET /healthz HTTP/1.0\r\n\r\n").await.ends_with("ok\n"), "others are served");
}

/// F18.
#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let server = serve(Http::default());
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Y: z\r\n".repeat(200));
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(40_000));
    let uri = format!("GET /{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "x".repeat(9000));
    for (request, status) in [(many, "431"), (long, "431"), (uri, "414")] {
        let answer = server.say(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
}

/// F18.
#[tokio::test]
async fn smuggled_requests_are_refused() {
    let server = serve(Http::default());
    let hidden = "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    for (method, headers) in [
        ("POST", "Content-Length: 4\r\nTransfer-Encoding: chunked"),
        ("GET", "Transfer-Encoding: chunked\r\nContent-Length: 4"),
        ("GET", "Content-Length: 4\r\nTransfer-Encoding: chunked"),
        ("GET", "Content-Length: 4\r\nContent-Length: 5"),
        ("GET", "Transfer-Encoding: identity"),
        ("GET", "Transfer-Encoding: xchunked"),
        ("GET", "Host: y"),
    ] {
        let answer =
            server.say(format!("{method} / HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{hidden}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        assert!(!answer.contains("onair_"), "{headers}: {answer}");
    }
}

/// H39.
#[tokio::test]
async fn http2_is_spoken_on_the_plain_port() {
    let server = serve(Http::default());
    let io = TokioIo::new(server.connect().await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let mut get = |uri: &str| {
        let request = Request::get(format!("http://{}{uri}", server.address)).body(Body::empty()).unwrap();
        let reply = client.send_request(request);
        async {
            let reply = reply.await.unwrap();
            (reply.status(), reply.into_body().collect().await.unwrap().to_bytes())
        }
    };
    // Parked and answered ones share the connection.
    let parked = get("/hls/live/alice/v0.m3u8?_HLS_msn=110&_HLS_part=3");
    let hinted = get("/media/live/alice/tqzlpg/v0.110.3.m4s");
    let index = get("/hls/live/alice/index.m3u8");
    let feed = async {
        sleep(Duration::from_millis(100)).await;
        server.stage.set(window(100, 10, 4));
    };
    let (parked, hinted, index, ()) = tokio::join!(parked, hinted, index, feed);
    assert_eq!([parked.0, hinted.0, index.0], [200, 200, 200]);
    assert_eq!(hinted.1, "<110.3>");
}

/// F15.
#[tokio::test]
async fn what_is_under_way_is_finished_when_the_server_stops() {
    let server = serve(Http::default());
    let mut parked = server.connect().await;
    parked.write_all(b"GET /media/live/alice/tqzlpg/v0.110.3.m4s HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody new");
    server.stage.set(window(100, 10, 4));
    let mut answer = String::new();
    timeout(SLACK, parked.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("<110.3>"), "{answer}");
    timeout(SLACK, server.task).await.unwrap().unwrap();
}

/// F8.
#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let server = serve(Http { max_connections: 1, ..Http::default() });
    let holder = server.connect().await;
    sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    assert!(server.say(b"GET /healthz HTTP/1.0\r\n\r\n").await.ends_with("ok\n"));
    assert!(began.elapsed() > HEADER_TIMEOUT / 2, "it had to wait for the silent one to be closed");
    drop(holder);
}

/// F21.
#[tokio::test]
async fn the_wildcard_is_both_families() {
    let stage = Stage::live("live/alice");
    let listener = Listener::bind(&Http { listen: "[::]:0".parse().unwrap(), ..Http::default() }).unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(listener.serve(stage.router.clone(), CancellationToken::new()));
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        TcpStream::connect(("::1", port)).await.unwrap();
    }
}
