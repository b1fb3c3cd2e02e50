use metrics::gauge;

/// A request that waits for something to come: counted while it does.
pub(crate) struct Parked(&'static str);

impl Parked {
    /// `kind` is `reload`, `part` or `segment`.
    pub(crate) fn begin(kind: &'static str) -> Self {
        gauge!("onair_hls_parked", "kind" => kind).increment(1.0);
        Self(kind)
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        gauge!("onair_hls_parked", "kind" => self.0).decrement(1.0);
    }
}
