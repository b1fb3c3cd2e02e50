//! A small HTTP/1.1 client: one request, one connection, every byte in sight.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 200 and so on.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without transfer coding; compressed still, if it came compressed.
    pub body: Vec<u8>,
}

impl Reply {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, gunzipped if need be.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.header("content-encoding") == Some("gzip") {
            flate2::read::GzDecoder::new(&*self.body).read_to_string(&mut text).expect("a gzipped body");
        } else {
            text.push_str(std::str::from_utf8(&self.body).expect("a body of UTF-8"));
        }
        text
    }
}

/// GET, or a panic that says what went wrong.
pub fn get(server: SocketAddr, path: &str) -> Reply {
    request(server, "GET", path, &[]).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// One request with extra headers; waits for the answer for at most 30 s.
pub fn request(server: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Reply> {
    let mut socket = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    socket.write_all(head.as_bytes())?;
    read_reply(BufReader::new(socket), method == "HEAD")
}

/// Reads one answer from a connection.
pub fn read_reply(mut socket: impl BufRead, head_only: bool) -> io::Result<Reply> {
    let line = read_line(&mut socket)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| bad(&line))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(&mut socket)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(&line))?;
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, headers, body: Vec::new() };
    if head_only || matches!(status, 204 | 304) {
        return Ok(reply);
    }
    if reply.header("transfer-encoding") == Some("chunked") {
        loop {
            let line = read_line(&mut socket)?;
            let len = usize::from_str_radix(&line, 16).map_err(|_| bad(&line))?;
            let start = reply.body.len();
            reply.body.resize(start + len, 0);
            socket.read_exact(&mut reply.body[start..])?;
            read_line(&mut socket)?;
            if len == 0 {
                break;
            }
        }
    } else if let Some(len) = reply.header("content-length").and_then(|len| len.parse().ok()) {
        reply.body.resize(len, 0);
        socket.read_exact(&mut reply.body)?;
    } else {
        socket.read_to_end(&mut reply.body)?;
    }
    Ok(reply)
}

fn read_line(socket: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if socket.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn bad(line: &str) -> io::Error {
    io::Error::other(format!("not HTTP: {line}"))
}
