//! HTTP/1.1 responses, read from whatever pieces the socket gives.

use std::io::Read;

use crate::dash::{Fragments, Timing};
use crate::date::http_date_ms;

/// What to do with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Collect it; it will be read.
    Whole,
    /// Count it and throw it away.
    Nothing,
}

/// A response in the making.
#[derive(Debug)]
pub struct Response {
    keep: Keep,
    stage: Stage,
    head: Vec<u8>,
    /// Status code; zero until the head is complete.
    pub status: u16,
    /// The server will answer another request on this connection.
    pub keep_alive: bool,
    /// Where it says that something is.
    pub location: Option<String>,
    /// The body so far, where it is kept.
    pub body: Vec<u8>,
    /// Bytes of body so far, kept or not.
    pub body_bytes: u64,
    /// When the server says that it answered, milliseconds since 1970.
    pub date_ms: Option<i64>,
    gzip: bool,
    fragments: Option<Fragments>,
}

#[derive(Debug)]
enum Stage {
    Head,
    /// So many bytes of body to come.
    Length(u64),
    Chunk(Chunk),
    /// The body ends with the connection.
    UntilClose,
    Done,
}

#[derive(Debug)]
enum Chunk {
    /// Reading the line with the size; its value so far.
    Size(u64, bool),
    Data(u64),
    /// The line break after the data.
    After,
    /// Lines after the last chunk; how long the current one is.
    Trailer(usize),
}

/// The server sent something that is no HTTP/1.1 response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed response: {0}")]
pub struct Malformed(&'static str);

const HEAD_BYTES: usize = 16 * 1024;
const KEPT_BYTES: usize = 4 << 20;

impl Response {
    /// Waits for a response whose body is to be treated like that.
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            stage: Stage::Head,
            head: Vec::new(),
            status: 0,
            keep_alive: true,
            location: None,
            body: Vec::new(),
            body_bytes: 0,
            date_ms: None,
            gzip: false,
            fragments: None,
        }
    }

    /// Counts media while it comes, where it is of that kind.
    pub fn counting(self, timing: Option<Timing>) -> Self {
        Self { fragments: timing.map(Fragments::new), ..self }
    }

    /// Seconds of media that have come whole since the last call.
    pub fn take_secs(&mut self) -> f64 {
        self.fragments.as_mut().map_or(0.0, Fragments::take_secs)
    }

    /// Everything is there.
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Nothing has come yet.
    pub fn is_untouched(&self) -> bool {
        matches!(self.stage, Stage::Head) && self.head.is_empty()
    }

    /// How many of the next bytes need not be looked at; zero where all must be.
    pub fn skippable(&self) -> u64 {
        let left = match (&self.stage, self.keep) {
            (Stage::Length(left) | Stage::Chunk(Chunk::Data(left)), Keep::Nothing) => *left,
            (Stage::UntilClose, Keep::Nothing) => u64::MAX,
            _ => 0,
        };
        self.fragments.as_ref().map_or(left, |fragments| left.min(fragments.skippable()))
    }

    /// Counts bytes that were thrown away unread, at most [`Self::skippable`].
    pub fn skip(&mut self, bytes: u64) {
        self.body_bytes += bytes;
        if let Some(fragments) = &mut self.fragments {
            fragments.skip(bytes);
        }
        if let Stage::Length(left) | Stage::Chunk(Chunk::Data(left)) = &mut self.stage {
            *left = left.saturating_sub(bytes);
        }
        match self.stage {
            Stage::Length(0) => self.stage = Stage::Done,
            Stage::Chunk(Chunk::Data(0)) => self.stage = Stage::Chunk(Chunk::After),
            _ => {}
        }
    }

    /// Takes in bytes. What follows the response is not looked at.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() && !self.is_done() {
            bytes = match &mut self.stage {
                Stage::Head => self.feed_head(bytes)?,
                Stage::Length(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= take as u64;
                    if *left == 0 {
                        self.stage = Stage::Done;
                    }
                    self.take(bytes, take)?
                }
                Stage::UntilClose => self.take(bytes, bytes.len())?,
                Stage::Chunk(_) => self.feed_chunk(bytes)?,
                Stage::Done => &[],
            };
        }
        Ok(())
    }

    /// The connection is closed: was that the end of the body?
    pub fn close(&mut self) -> bool {
        self.keep_alive = false;
        if matches!(self.stage, Stage::UntilClose) {
            self.stage = Stage::Done;
        }
        self.is_done()
    }

    /// The body as text, unpacked where it came packed.
    pub fn text(&self) -> Option<String> {
        if !self.gzip {
            return String::from_utf8(self.body.clone()).ok();
        }
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(&*self.body).take(KEPT_BYTES as u64);
        unpacked.read_to_string(&mut text).ok().map(|_| text)
    }

    fn feed_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut headers);
        let end = match parsed.parse(&self.head) {
            Ok(httparse::Status::Complete(end)) => end,
            Ok(httparse::Status::Partial) if self.head.len() > HEAD_BYTES => return Err(Malformed("endless head")),
            Ok(httparse::Status::Partial) => return Ok(&[]),
            Err(_) => return Err(Malformed("head")),
        };
        self.status = parsed.code.unwrap_or(0);
        self.keep_alive = parsed.version == Some(1);
        let mut stage = Stage::UntilClose;
        for header in parsed.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or("").trim();
            if header.name.eq_ignore_ascii_case("content-length") && !matches!(stage, Stage::Chunk(_)) {
                stage = Stage::Length(value.parse().map_err(|_| Malformed("Content-Length"))?);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                stage = Stage::Chunk(Chunk::Size(0, false));
            } else if header.name.eq_ignore_ascii_case("connection") {
                self.keep_alive = !value.eq_ignore_ascii_case("close");
            } else if header.name.eq_ignore_ascii_case("location") {
                self.location = Some(value.to_owned());
            } else if header.name.eq_ignore_ascii_case("date") {
                self.date_ms = http_date_ms(value);
            } else if header.name.eq_ignore_ascii_case("content-encoding") {
                self.gzip = value.eq_ignore_ascii_case("gzip");
            }
        }
        if self.status == 100 {
            self.head.clear();
            let used = end.saturating_sub(before);
            return Ok(bytes.get(used..).unwrap_or_default());
        }
        let empty = matches!(self.status, 204 | 304) || matches!(stage, Stage::Length(0));
        self.stage = if empty { Stage::Done } else { stage };
        Ok(bytes.get(end.saturating_sub(before)..).unwrap_or_default())
    }

    fn feed_chunk<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let Stage::Chunk(chunk) = &mut self.stage else { return Ok(bytes) };
        if let Chunk::Data(left) = chunk {
            let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            *left -= take as u64;
            if *left == 0 {
                *chunk = Chunk::After;
            }
            return self.take(bytes, take);
        }
        let Some((&byte, rest)) = bytes.split_first() else { return Ok(bytes) };
        let next = match (&*chunk, byte) {
            (Chunk::Size(0, _), b'\n') => Some(Chunk::Trailer(0)),
            (Chunk::Size(size, _), b'\n') => Some(Chunk::Data(*size)),
            (Chunk::Size(size, false), digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or(0);
                let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                Some(Chunk::Size(size.ok_or(Malformed("chunk size"))?, false))
            }
            // An extension after the size means nothing to us.
            (Chunk::Size(size, _), _) => Some(Chunk::Size(*size, true)),
            (Chunk::After, b'\r') => Some(Chunk::After),
            (Chunk::After, b'\n') => Some(Chunk::Size(0, false)),
            (Chunk::After, _) => return Err(Malformed("chunk end")),
            (Chunk::Trailer(0), b'\n') => None,
            (Chunk::Trailer(_), b'\n') => Some(Chunk::Trailer(0)),
            (Chunk::Trailer(length), b'\r') => Some(Chunk::Trailer(*length)),
            (Chunk::Trailer(length), _) => Some(Chunk::Trailer(length + 1)),
            (Chunk::Data(left), _) => Some(Chunk::Data(*left)),
        };
        self.stage = next.map_or(Stage::Done, Stage::Chunk);
        Ok(rest)
    }

    fn take<'a>(&mut self, bytes: &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
        let (body, rest) = bytes.split_at(count.min(bytes.len()));
        self.body_bytes += body.len() as u64;
        if let Some(fragments) = &mut self.fragments {
            fragments.feed(body);
        }
        if self.keep == Keep::Whole {
            if self.body.len() + body.len() > KEPT_BYTES {
                return Err(Malformed("endless body"));
            }
            self.body.extend_from_slice(body);
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                           5;x=1\r\nhello\r\nA\r\n, world!!!\r\n0\r\nX: y\r\n\r\n";

    fn fed(text: &[u8], step: usize) -> Response {
        let mut response = Response::new(Keep::Whole);
        text.chunks(step.max(1)).for_each(|piece| response.feed(piece).unwrap());
        response
    }

    #[test]
    fn pieces_of_any_size_give_the_same_body() {
        for step in 1..CHUNKED.len() {
            let response = fed(CHUNKED.as_bytes(), step);
            assert!(response.is_done() && response.keep_alive);
            assert_eq!((response.status, response.text().unwrap().as_str()), (200, "hello, world!!!"));
        }
        let plain = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
        for step in 1..plain.len() {
            let response = fed(plain, step);
            assert!(response.is_done() && !response.keep_alive);
            assert_eq!((response.status, response.body_bytes), (404, 3));
        }
    }

    #[test]
    fn a_body_to_throw_away_is_skipped_unread() {
        let mut response = Response::new(Keep::Nothing);
        response.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxyz").unwrap();
        assert_eq!(response.skippable(), 997);
        response.skip(997);
        assert!(response.is_done());
        assert_eq!((response.body_bytes, response.body.len()), (1000, 0));
    }

    #[test]
    fn a_chunk_to_throw_away_is_skipped_unread() {
        let mut response = Response::new(Keep::Nothing);
        response.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\nxyz").unwrap();
        assert_eq!(response.skippable(), 997);
        response.skip(990);
        response.skip(7);
        response.feed(b"\r\n2\r\nab").unwrap();
        assert_eq!(response.skippable(), 0);
        response.feed(b"\r\n0\r\n\r\n").unwrap();
        assert!(response.is_done());
        assert_eq!(response.body_bytes, 1002);
    }

    #[test]
    fn a_body_may_end_with_the_connection() {
        let mut response = fed(b"HTTP/1.0 200 OK\r\n\r\n#EXTM3U", 5);
        assert!(!response.is_done());
        assert!(response.close());
        assert_eq!(response.text().unwrap(), "#EXTM3U");
        let mut cut = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 50);
        assert!(!cut.close());
    }

    #[test]
    fn an_interim_response_is_passed_over() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        for step in 1..text.len() {
            let response = fed(text, step);
            assert!(response.is_done());
            assert_eq!(response.status, 204);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..500), head in any::<bool>()) {
            let mut response = Response::new(Keep::Whole);
            if head {
                response.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            }
            for piece in bytes.chunks(7) {
                if response.feed(piece).is_err() {
                    break;
                }
            }
            response.close();
            response.text();
        }
    }
}
