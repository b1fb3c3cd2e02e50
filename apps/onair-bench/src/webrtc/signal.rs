//! WHIP and WHEP as far as a ruler needs them: one POST, one DELETE (RFC 9725).

use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Failure;
use crate::http::{Keep, Response};
use crate::url::Url;

/// How long a server may think.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a POST.
#[derive(Debug)]
pub(super) struct Answer {
    /// The session description.
    pub text: String,
    /// The address of the session, to end it by.
    pub session: Option<Url>,
    /// Where the server was.
    pub at: IpAddr,
}

/// Offers a session.
pub(super) fn post(url: &Url, offer: &str) -> Result<Answer, Failure> {
    let (response, at) = ask("POST", url, offer)?;
    if !(200..300).contains(&response.status) {
        return Err(Failure::Refused(response.status));
    }
    let text = response.text().ok_or(Failure::Answer("it is no text"))?;
    let session = response.location.as_deref().and_then(|location| url.join(location).ok());
    Ok(Answer { text, session, at })
}

/// Ends a session; whether the server was told.
pub(super) fn delete(url: &Url) -> bool {
    ask("DELETE", url, "").is_ok()
}

fn ask(method: &str, url: &Url, body: &str) -> Result<(Response, IpAddr), Failure> {
    let address = url.address().to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.ok_or(Failure::Unreachable)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(|_| Failure::Unreachable)?;
    let mut exchange = || -> std::io::Result<Response> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let Url { authority, target } = url;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: onair-bench\r\n{kind}\
            Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut response = Response::new(Keep::Whole);
        let mut buffer = [0; 16 * 1024];
        while !response.is_done() {
            let got = stream.read(&mut buffer)?;
            if got == 0 {
                response.close();
                break;
            }
            response.feed(buffer.get(..got).unwrap_or_default()).map_err(std::io::Error::other)?;
        }
        Ok(response)
    };
    exchange().map(|response| (response, address.ip())).map_err(|_| Failure::Unreachable)
}
