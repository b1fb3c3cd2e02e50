//! HTTP-FLV: one response that never ends.

use crate::generate::CHUNK;
use crate::url::Url;

/// File header and the size field that follows it.
const HEADER: usize = 13;
/// Header of a tag, and the size field behind it.
const TAG: usize = 11;
const TRAILER: usize = 4;
/// Bytes of a tag that are kept: enough for the mark of a made-up stream.
const KEPT: usize = 4 * CHUNK;
const MAX_HEAD: usize = 16 << 10;

/// Reads a response of FLV, in whatever pieces it comes.
#[derive(Debug)]
pub struct Flv {
    stage: Stage,
    head: Vec<u8>,
    /// The body comes in HTTP chunks: bytes left of the current one.
    chunk: Option<usize>,
    line: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    Response,
    File,
    Tag,
    /// The body of a tag and what follows it: bytes left, is it a picture, and how long is it.
    Body(usize, u8, usize),
}

impl Default for Flv {
    fn default() -> Self {
        Self { stage: Stage::Response, head: Vec::new(), chunk: None, line: Vec::new() }
    }
}

impl Flv {
    /// What to ask with.
    pub fn request(url: &Url) -> String {
        let Url { authority, target } = url;
        format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: onair-bench\r\nAccept: */*\r\n\r\n")
    }

    /// Takes in bytes and tells of each complete tag: its kind, its beginning and its length.
    pub fn feed(&mut self, mut bytes: &[u8], mut tell: impl FnMut(u8, &[u8], usize)) -> Result<(), String> {
        if self.stage == Stage::Response {
            let Some(rest) = self.response(bytes)? else { return Ok(()) };
            bytes = rest;
        }
        while !bytes.is_empty() {
            match self.chunk {
                None => return self.body(bytes, &mut tell),
                Some(0) => {
                    let (&byte, rest) = bytes.split_first().ok_or("HTTP chunk")?;
                    bytes = rest;
                    match byte {
                        b'\r' => {}
                        // The break behind a chunk.
                        b'\n' if self.line.is_empty() => {}
                        b'\n' => {
                            let text = String::from_utf8_lossy(&self.line);
                            let digits = text.split(';').next().unwrap_or_default().trim();
                            let size = usize::from_str_radix(digits, 16).map_err(|_| "HTTP chunk size")?;
                            self.line.clear();
                            if size == 0 {
                                return Err("the server ended the response".to_owned());
                            }
                            self.chunk = Some(size);
                        }
                        other if self.line.len() < 64 => self.line.push(other),
                        _ => return Err("HTTP chunk size".to_owned()),
                    }
                }
                Some(left) => {
                    let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                    self.chunk = Some(left - piece.len());
                    bytes = rest;
                    self.body(piece, &mut tell)?;
                }
            }
        }
        Ok(())
    }

    /// Reads the head of the response; what follows it.
    fn response<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let end = match response.parse(&self.head).map_err(|error| error.to_string())? {
            httparse::Status::Complete(end) => end,
            httparse::Status::Partial if self.head.len() > MAX_HEAD => return Err("endless head".to_owned()),
            httparse::Status::Partial => return Ok(None),
        };
        if response.code != Some(200) {
            return Err(format!("the server answered {}", response.code.unwrap_or(0)));
        }
        let is_chunked = response.headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("transfer-encoding") && header.value.eq_ignore_ascii_case(b"chunked")
        });
        self.chunk = is_chunked.then_some(0);
        self.head.clear();
        self.stage = Stage::File;
        Ok(bytes.get(end - before..))
    }

    fn body(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(u8, &[u8], usize)) -> Result<(), String> {
        while !bytes.is_empty() {
            if let Stage::Body(left, kind, len) = self.stage {
                let (piece, rest) = bytes.split_at(left.min(bytes.len()));
                bytes = rest;
                let room = KEPT.saturating_sub(self.head.len());
                self.head.extend_from_slice(piece.get(..room).unwrap_or(piece));
                let left = left - piece.len();
                self.stage = Stage::Body(left, kind, len);
                if left == 0 {
                    tell(kind, self.head.get(..len).unwrap_or(&self.head), len);
                    self.head.clear();
                    self.stage = Stage::Tag;
                }
                continue;
            }
            let wanted = if self.stage == Stage::File { HEADER } else { TAG };
            let (piece, rest) = bytes.split_at((wanted - self.head.len()).min(bytes.len()));
            bytes = rest;
            self.head.extend_from_slice(piece);
            if self.head.len() < wanted {
                return Ok(());
            }
            self.stage = match &self.head[..] {
                [b'F', b'L', b'V', ..] if self.stage == Stage::File => Stage::Tag,
                [kind @ (8 | 9 | 18), a, b, c, ..] if self.stage == Stage::Tag => {
                    let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
                    Stage::Body(len + TRAILER, *kind, len)
                }
                _ => return Err("it is no FLV".to_owned()),
            };
            self.head.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let mut file = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        for (kind, len) in [(18u8, 3usize), (9, 700), (8, 0)] {
            file.extend_from_slice(&[kind, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 0, 0, 0]);
            file.extend(std::iter::repeat_n(kind, len));
            file.extend_from_slice(&(len as u32 + 11).to_be_bytes());
        }
        file
    }

    #[test]
    fn tags_come_back_whatever_the_pieces_and_the_transfer_coding() {
        let plain = [&b"HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n"[..], &file()].concat();
        let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in file().chunks(100) {
            chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(piece);
            chunked.extend_from_slice(b"\r\n");
        }
        for bytes in [plain, chunked] {
            for step in [1, 13, 5000] {
                let (mut flv, mut seen) = (Flv::default(), Vec::new());
                for piece in bytes.chunks(step) {
                    flv.feed(piece, |kind, body, len| seen.push((kind, body.len(), len))).unwrap();
                }
                assert_eq!(seen, [(18, 3, 3), (9, KEPT, 700), (8, 0, 0)]);
            }
        }
    }

    #[test]
    fn what_is_refused_or_no_flv_is_said() {
        let feed = |bytes: &[u8]| Flv::default().feed(bytes, |_, _, _| {}).unwrap_err();
        assert_eq!(feed(b"HTTP/1.1 404 Not Found\r\n\r\n"), "the server answered 404");
        assert_eq!(feed(b"HTTP/1.1 200 OK\r\n\r\n<html>  lots of it"), "it is no FLV");
    }
}
