//! What the pages ask of a browser.

/// The `Content-Security-Policy` that the pages are written for: everything from this server, video through blobs.
///
/// `framed` is for `/embed/…`, which any other site may show in a frame; nothing else may be.
pub fn content_security_policy(framed: bool) -> &'static str {
    if framed {
        "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; \
         object-src 'none'; base-uri 'self'; form-action 'none'"
    } else {
        "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; \
         object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_embedded_player_may_be_framed_by_others() {
        assert!(content_security_policy(false).contains("frame-ancestors 'self'"));
        assert!(!content_security_policy(true).contains("frame-ancestors"));
    }

    #[test]
    fn nothing_comes_from_elsewhere_and_nothing_runs_inline() {
        for framed in [false, true] {
            let policy = content_security_policy(framed);
            assert!(policy.starts_with("default-src 'self';"));
            assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'));
        }
    }
}
