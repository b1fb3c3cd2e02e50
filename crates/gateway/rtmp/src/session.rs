use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use metrics::Counter;
use proto::rtmp::{self, Denial, Event, Input, Limits, Odd, Output, Refusal, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Span, debug, info, warn};

use crate::door::Seat;
use crate::egress::{Egress, Fed};
use crate::figures;
use crate::ingest::Ingest;

/// One read; a frame or a few.
const READ_BYTES: usize = 32 << 10;
/// How long a peer that was told to go may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);
/// Pieces handed to the system in one call.
const SLICES: usize = 64;
/// So many oddities of one connection go into the log; more would say nothing new.
const ODD_LINES: u32 = 5;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the peer left")]
    Left,
    #[error("the server stops")]
    Stopped,
    #[error("it neither published nor played, and others needed the place")]
    Displaced,
    /// Said in full already.
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Broken(#[from] io::Error),
    #[error("no TLS: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Failed(#[from] rtmp::Error),
    #[error("the peer does not read what we send")]
    Deaf,
}

/// One connection from its first byte to its last. `socket` is what there is to be done before RTMP.
pub(crate) async fn run(
    socket: impl Future<Output = io::Result<tls::Socket>>,
    limits: Limits,
    nonce: u64,
    (ingest, egress): (Ingest, Option<Egress>),
    seat: Seat,
    stop: CancellationToken,
) {
    debug!("connected");
    let needed = seat.needed.clone();
    let away = async {
        tokio::select! {
            () = stop.cancelled() => End::Stopped,
            () = needed.cancelled() => End::Displaced,
        }
    };
    let mut away = pin!(away);
    let entered = tokio::select! {
        entered = socket => entered.map_err(End::Handshake),
        end = &mut away => Err(end),
    };
    let socket = match entered {
        Ok(socket) => socket,
        Err(end) => return note(&end, false, 0),
    };
    let session = Session::server(limits.clone(), nonce, Instant::now());
    let mut connection = Connection {
        socket,
        session,
        limits,
        ingest,
        egress,
        seat,
        unsent: VecDeque::new(),
        sent: figures::sent_bytes(),
        odd: 0,
        said_goodbye: false,
    };
    let mut end = tokio::select! {
        end = connection.drive() => end,
        end = away => end,
    };
    match end {
        End::Stopped => connection.send_away().await,
        // A player that has seen enough just goes, with media under way.
        End::Broken(_) if connection.egress.as_ref().is_some_and(Egress::is_playing) => end = End::Left,
        _ => {}
    }
    connection.egress.iter_mut().for_each(Egress::end);
    connection.ingest.end();
    note(&end, connection.said_goodbye, connection.session.received_bytes());
}

/// Tells how a connection ended.
fn note(end: &End, said_goodbye: bool, received_bytes: u64) {
    match end {
        End::Broken(error) if said_goodbye => debug!(%error, received_bytes, "closed"),
        End::Left | End::Stopped | End::Refused => debug!(reason = %end, received_bytes, "closed"),
        End::Displaced => {
            figures::turned_away("total");
            info!(reason = %end, received_bytes, "closed");
        }
        End::Failed(error) => {
            figures::protocol_error(error);
            warn!(%error, received_bytes, "closed");
        }
        End::Handshake(error) => {
            figures::session_error("tls");
            info!(%error, "no TLS handshake");
        }
        End::Broken(error) => {
            figures::session_error("broken");
            info!(%error, received_bytes, "connection lost");
        }
        End::Deaf => {
            figures::session_error("deaf");
            warn!(error = %end, received_bytes, "closed");
        }
    }
}

struct Connection {
    socket: tls::Socket,
    session: Session,
    limits: Limits,
    ingest: Ingest,
    egress: Option<Egress>,
    seat: Seat,
    /// What the socket has not taken yet.
    unsent: VecDeque<Bytes>,
    /// Bytes sent to players.
    sent: Counter,
    odd: u32,
    /// The publisher unpublished: that it then goes without waiting for answers is no accident.
    said_goodbye: bool,
}

impl Connection {
    async fn drive(&mut self) -> End {
        match self.talk().await {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn talk(&mut self) -> Result<std::convert::Infallible, End> {
        let received = figures::received_bytes();
        let mut buf = BytesMut::with_capacity(READ_BYTES);
        loop {
            let deadline = self.settle().await?;
            buf.clear();
            let fed = match &mut self.egress {
                Some(egress) => egress.feed(&mut self.session, Instant::now()),
                None => Fed::Nothing,
            };
            if fed == Fed::Over {
                self.session.finish();
            }
            let read = if fed == Fed::Nothing {
                let wait = async {
                    match &mut self.egress {
                        Some(egress) => egress.wait().await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    read = self.socket.read_buf(&mut buf) => Some(read?),
                    () = wait, if Instant::now() < deadline => continue,
                    () = sleep_until(deadline.into()) => None,
                }
            } else {
                // There is something to send; a player is heard all the same, and found silent.
                match self.socket.read_buf(&mut buf).now_or_never() {
                    Some(read) => Some(read?),
                    None if Instant::now() < deadline => continue,
                    None => None,
                }
            };
            let input = match read {
                Some(0) => return Err(End::Left),
                Some(len) => {
                    received.increment(len as u64);
                    Input::Bytes(&buf)
                }
                None => Input::Timeout,
            };
            if let Err(error) = self.session.handle_input(Instant::now(), input) {
                // What came before the mistake still counts, and what there is to say is said.
                self.settle().await?;
                return Err(error.into());
            }
        }
    }

    /// Does what the machine wants done; returns until when it can wait.
    async fn settle(&mut self) -> Result<Instant, End> {
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) => self.unsent.push_back(bytes),
                Output::Event(event) => {
                    self.send().await?;
                    self.on_event(event).await?;
                }
                Output::Close => {
                    self.send().await?;
                    self.farewell().await;
                    return Err(End::Refused);
                }
                Output::WaitUntil(at) => {
                    self.send().await?;
                    return Ok(at);
                }
            }
        }
    }

    async fn on_event(&mut self, event: Event) -> Result<(), End> {
        let outcome = match event {
            Event::WantsToPublish { path, secret } => {
                Span::current().record("stream", path.as_str());
                self.said_goodbye = false;
                let outcome = self.ingest.publish(path, secret).await;
                if outcome.is_ok() {
                    self.seat.keep();
                    self.session.accept(Instant::now())?;
                }
                outcome
            }
            Event::WantsToPlay { path, secret, wish, takes } => {
                Span::current().record("stream", path.as_str());
                self.said_goodbye = false;
                let outcome = match &mut self.egress {
                    Some(egress) => egress.play(&mut self.seat, &path, secret, wish, takes).await,
                    None => Err(Denial::Off),
                };
                match outcome {
                    Ok(()) => self.session.accept(Instant::now())?,
                    Err(denial) => {
                        figures::denied(&denial);
                        info!(reason = denial.reason(), "refused to play: {denial}");
                        self.session.deny(&denial);
                    }
                }
                Ok(())
            }
            Event::Paused(is_paused) => {
                self.egress.iter_mut().for_each(|egress| egress.pause(is_paused));
                Ok(())
            }
            Event::Receive(kind, is_wanted) => {
                self.egress.iter_mut().for_each(|egress| egress.receive(kind, is_wanted));
                Ok(())
            }
            Event::Track(track) => self.ingest.track(track),
            Event::TrackEnded(id) => self.ingest.retract(id),
            Event::Frame(id, frame) => self.ingest.frame(id, frame, Instant::now()),
            Event::Ended => {
                self.said_goodbye = true;
                self.ingest.end();
                self.egress.iter_mut().for_each(Egress::end);
                Ok(())
            }
            Event::Refused(refusal) => {
                self.note_refusal(refusal);
                Ok(())
            }
            Event::Odd(odd) => {
                self.note_odd(&odd);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(refusal) = outcome {
            self.note_refusal(refusal);
            self.ingest.end();
            self.session.refuse(refusal);
        }
        Ok(())
    }

    /// Writes what waits to be sent, in as few calls as can be. May be dropped and called again: nothing is sent twice.
    async fn send(&mut self) -> Result<(), End> {
        while !self.unsent.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.unsent) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            let write = self.socket.write_vectored(slices.get(..count).unwrap_or_default());
            // A peer that asks and never reads would keep us here for ever (F1).
            let mut len = timeout(self.limits.idle_timeout, write).await.map_err(|_| End::Deaf)??;
            if len == 0 {
                return Err(End::Broken(io::ErrorKind::WriteZero.into()));
            }
            if self.egress.as_ref().is_some_and(Egress::is_playing) {
                self.sent.increment(len as u64);
            }
            while let Some(first) = self.unsent.front_mut() {
                if first.len() > len {
                    first.advance(len);
                    break;
                }
                len -= first.len();
                self.unsent.pop_front();
            }
        }
        // TLS may keep the last of it.
        timeout(self.limits.idle_timeout, self.socket.flush()).await.map_err(|_| End::Deaf)??;
        Ok(())
    }

    /// The server stops: a player that knows how is asked to come again (R21), the others are told that it is over.
    async fn send_away(&mut self) {
        self.session.send_away();
        let _ = timeout(FAREWELL, self.settle()).await;
    }

    /// Lets the peer read why it must go: closing at once, with bytes of its own unread, would take that from it.
    async fn farewell(&mut self) {
        let goodbye = async {
            self.socket.shutdown().await?;
            let mut sink = [0; 4096];
            while self.socket.read(&mut sink).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        let _ = timeout(FAREWELL, goodbye).await;
    }

    fn note_refusal(&self, refusal: Refusal) {
        figures::refused(refusal);
        warn!(reason = refusal.reason(), "refused to publish");
    }

    fn note_odd(&mut self, odd: &Odd) {
        self.odd = self.odd.saturating_add(1);
        if self.odd <= ODD_LINES {
            warn!(%odd, "passed over");
        } else {
            debug!(%odd, "passed over");
        }
    }
}
