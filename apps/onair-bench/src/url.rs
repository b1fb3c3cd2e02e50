//! Addresses: plain HTTP only, resolved as RFC 3986 §5.2 says.

use std::fmt;
use std::sync::Arc;

/// An absolute `http://` address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// Host and port as they stand in `Host`.
    pub authority: Arc<str>,
    /// From the first slash on, query included.
    pub target: Arc<str>,
}

/// Why a text is no [`Url`] to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme; the ruler speaks no TLS.
    #[error("only http:// addresses can be measured")]
    NotHttp,
    /// Nothing between the slashes.
    #[error("the address names no host")]
    NoHost,
}

impl Url {
    /// Reads an absolute address.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("http://").ok_or(BadUrl::NotHttp)?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.is_empty() {
            return Err(BadUrl::NoHost);
        }
        let target = if target.starts_with('/') { target.into() } else { format!("/{target}").into() };
        Ok(Self { authority: authority.into(), target })
    }

    /// Host and port to connect to; port 80 where none is said.
    pub fn address(&self) -> (&str, u16) {
        let split = self.authority.rsplit_once(':').filter(|(host, _)| !host.ends_with(':'));
        match split.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => (host.trim_start_matches('[').trim_end_matches(']'), port),
            None => (self.authority.trim_start_matches('[').trim_end_matches(']'), 80),
        }
    }

    /// `reference` as seen from here.
    pub fn join(&self, reference: &str) -> Result<Self, BadUrl> {
        let reference = reference.split('#').next().unwrap_or(reference);
        if reference.starts_with("http:") || reference.starts_with("https:") {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("http://{rest}"));
        }
        let (path, _) = split_query(&self.target);
        let target = match reference {
            "" => self.target.to_string(),
            _ if reference.starts_with('?') => format!("{path}{reference}"),
            _ => {
                let (own, own_query) = split_query(reference);
                let merged = if own.starts_with('/') {
                    own.to_owned()
                } else {
                    let directory = path.rfind('/').map_or("/", |at| &path[..=at]);
                    format!("{directory}{own}")
                };
                format!("{}{own_query}", without_dots(&merged))
            }
        };
        Ok(Self { authority: self.authority.clone(), target: target.into() })
    }

    /// The same with `key=value` added to its query.
    pub fn with_query(&self, query: fmt::Arguments<'_>) -> Self {
        let mark = if self.target.contains('?') { '&' } else { '?' };
        Self { authority: self.authority.clone(), target: format!("{}{mark}{query}", self.target).into() }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.target)
    }
}

/// The path, and the query with its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            ".." => {
                kept.pop();
            }
            "." => {}
            other => {
                kept.push(other);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(base: &str, reference: &str) -> String {
        Url::parse(base).unwrap().join(reference).unwrap().to_string()
    }

    /// RFC 3986 §5.4.
    #[test]
    fn references_resolve_as_the_rfc_says() {
        let base = "http://a/b/c/d;p?q";
        for (reference, whole) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("http://x:8/y", "http://x:8/y"),
        ] {
            assert_eq!(join(base, reference), whole, "{reference}");
        }
    }

    #[test]
    fn ports_and_ipv6_are_understood() {
        let address = |text: &str| {
            let url = Url::parse(text).unwrap();
            let (host, port) = url.address();
            (host.to_owned(), port)
        };
        assert_eq!(address("http://localhost/x"), ("localhost".into(), 80));
        assert_eq!(address("http://127.0.0.1:8080"), ("127.0.0.1".into(), 8080));
        assert_eq!(address("http://[::1]:8080/x"), ("::1".into(), 8080));
        assert_eq!(address("http://[::1]/x"), ("::1".into(), 80));
    }

    #[test]
    fn other_schemes_are_refused() {
        assert_eq!(Url::parse("https://a/"), Err(BadUrl::NotHttp));
        assert_eq!(Url::parse("http:///x"), Err(BadUrl::NoHost));
    }

    #[test]
    fn queries_are_added_to_queries() {
        let url = Url::parse("http://a/x?key=1").unwrap();
        assert_eq!(url.with_query(format_args!("_HLS_msn=7")).to_string(), "http://a/x?key=1&_HLS_msn=7");
    }
}
