//! One connection: HTTP/1.1 or HTTP/2, whichever the client speaks first, with the limits of both.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, interval_at};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::instrument::Instrumented;
use tracing::{Instrument, debug};

use crate::desks::Seat;
use crate::figures;
use crate::peer::Peer;
use crate::stall::Stall;

/// Bytes of all header lines of a request together; more is answered by 431.
const HEADER_BYTES: usize = 32 * 1024;
/// Header lines of a request; more is answered by 431.
const HEADER_LINES: usize = 100;
/// Requests at the same time on one HTTP/2 connection. A player has a few reloads and parts under way.
const STREAMS: u32 = 100;
/// What waits to be sent on one HTTP/2 stream. The media themselves are shared and not counted.
const STREAM_SEND_BYTES: usize = 256 * 1024;
/// Streams that a client opened and reset before we looked at them; more ends the connection (F18).
const RESET_STREAMS: usize = 20;
/// How long a client may take nothing of what we send.
const STALL: Duration = Duration::from_secs(30);
/// How long a connection may be open without a request.
const IDLE: Duration = Duration::from_secs(60);

/// One in so many connections of a crowded thread is let go at each look at it.
const SHED: u64 = 4;

/// Spawns what belongs to a connection under the connection's span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InSpan;

impl<F> Executor<F> for InSpan
where
    F: Future + Send + 'static,
    F::Output: Send,
    Instrumented<F>: Future<Output = F::Output>,
{
    fn execute(&self, future: F) {
        tokio::spawn(future.in_current_span());
    }
}

/// How connections are spoken with. `header_timeout` is what a client may take for the head of a request (F8).
pub(crate) fn builder(header_timeout: Duration) -> auto::Builder<InSpan> {
    let mut builder = auto::Builder::new(InSpan);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADER_LINES)
        .max_buf_size(HEADER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES as u32)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(RESET_STREAMS)
        .max_send_buf_size(STREAM_SEND_BYTES);
    builder
}

/// Drives one connection to its end. When `stop` is cancelled, what is under way is finished and nothing new begun.
pub(crate) async fn drive<S>(
    socket: S,
    peer: Peer,
    router: Router,
    builder: auto::Builder<InSpan>,
    header_timeout: Duration,
    seat: &Seat,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let activity = Arc::new(Activity::default());
    let counted = activity.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = UnderWay::begin(counted.clone());
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Busy(counted.clone()));
        async move {
            let response: Result<Response<Body>, Infallible> = router.call(request).await;
            drop(under_way);
            response
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Stall::new(socket, STALL)), service));
    // The first request must be there in time, whatever version a client pretends to begin with (F8).
    let mut look = interval_at(Instant::now() + header_timeout, header_timeout);
    let mut quiet = Duration::ZERO;
    let mut is_leaving = false;
    loop {
        tokio::select! {
            end = connection.as_mut() => {
                if let Err(error) = end {
                    if let Some(reason) = fault(&*error, activity.never_asked()) {
                        figures::session_error(reason);
                    }
                    debug!(%error, "connection ended");
                }
                return;
            }
            () = stop.cancelled(), if !is_leaving => {
                is_leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = look.tick() => {
                // Whoever comes again is served by another thread. A few at a time, lest the others be crowded next.
                if seat.is_crowded() && !is_leaving && activity.is_nth(SHED) {
                    is_leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
                if activity.was_busy() {
                    quiet = Duration::ZERO;
                    continue;
                }
                quiet += header_timeout;
                if activity.never_asked() {
                    figures::session_error("silent");
                    return;
                }
                if quiet > IDLE + header_timeout {
                    debug!("connection closed for silence");
                    return;
                }
                if quiet > IDLE && !is_leaving {
                    is_leaving = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What the client did wrong, in a word. Leaving in the middle of an answer is nothing wrong, nor is being idle between
/// requests for longer than we wait.
fn fault(error: &(dyn std::error::Error + 'static), never_asked: bool) -> Option<&'static str> {
    let error = error.downcast_ref::<hyper::Error>()?;
    match () {
        () if error.is_parse() => Some("malformed"),
        () if error.is_timeout() && never_asked => Some("silent"),
        () => None,
    }
}

/// What a connection has been asked.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    under_way: AtomicU64,
    seen: AtomicU64,
}

impl Activity {
    /// Whether something is under way or has begun since the last look.
    fn was_busy(&self) -> bool {
        let begun = self.begun.load(Ordering::Relaxed);
        self.seen.swap(begun, Ordering::Relaxed) != begun || self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Whether it has been asked for the `n`th time, or twice that: of many connections one in `n`, now these, now those.
    fn is_nth(&self, n: u64) -> bool {
        !self.never_asked() && self.begun.load(Ordering::Relaxed).is_multiple_of(n)
    }

    fn never_asked(&self) -> bool {
        self.begun.load(Ordering::Relaxed) == 0
    }
}

/// What a connection is busy with; among the extensions of its requests, for answers that have no end.
#[derive(Clone, Debug)]
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    /// As long as that is kept, the connection is not idle.
    pub(crate) fn begin(&self) -> UnderWay {
        UnderWay::begin(self.0.clone())
    }
}

/// A request under way, until it is answered or its client left.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Activity>);

impl UnderWay {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        activity.under_way.fetch_add(1, Ordering::Relaxed);
        Self(activity)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::timeout;

    use super::*;

    const LOOK: Duration = Duration::from_millis(500);

    /// Asks so often on one connection; whether it is let go within a look, and the next.
    async fn is_let_go(seat: Seat, requests: u64) -> bool {
        let (mut client, ours) = duplex(64 * 1024);
        let (peer, builder, stop) = (Peer(Ipv4Addr::LOCALHOST.into()), builder(10 * LOOK), CancellationToken::new());
        let task = tokio::spawn(async move { drive(ours, peer, Router::new(), builder, LOOK, &seat, stop).await });
        for _ in 0..requests {
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\n") {
                client.read_buf(&mut answer).await.unwrap();
            }
            assert!(answer.starts_with(b"HTTP/1.1 404"));
        }
        let is_let_go = timeout(2 * LOOK, client.read_u8()).await.is_ok_and(|end| end.is_err());
        task.abort();
        is_let_go
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowded_thread_lets_some_go_and_only_then() {
        let let_go = async |crowded| {
            let mut let_go = Vec::new();
            for requests in 1..=2 * SHED {
                let_go.push(is_let_go(Seat::here(crowded), requests).await);
            }
            let_go.iter().filter(|is| **is).count()
        };
        assert_eq!(let_go(true).await, 2);
        assert_eq!(let_go(false).await, 0);
    }

    /// An answer without end, such as HTTP-FLV's, is no idleness, however long nothing comes; without that it would be.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_goes_on_keeps_its_connection() {
        for is_busy in [true, false] {
            let endless = move |request: Request<Body>| async move {
                let busy = request.extensions().get::<Busy>().filter(|_| is_busy).map(Busy::begin);
                Body::from_stream(futures_util::stream::once(async move {
                    std::future::pending::<()>().await;
                    drop(busy);
                    Ok::<_, std::io::Error>("never")
                }))
            };
            let router = Router::new().route("/", axum::routing::get(endless));
            let (mut client, ours) = duplex(64 * 1024);
            let (peer, builder, stop) =
                (Peer(Ipv4Addr::LOCALHOST.into()), builder(10 * LOOK), CancellationToken::new());
            let seat = Seat::here(false);
            let task = tokio::spawn(async move { drive(ours, peer, router, builder, LOOK, &seat, stop).await });
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let read_to_end = async { while client.read(&mut [0; 1024]).await.is_ok_and(|len| len > 0) {} };
            let has_ended = timeout(3 * IDLE, read_to_end).await.is_ok();
            assert_eq!(has_ended, !is_busy);
            task.abort();
        }
    }
}
