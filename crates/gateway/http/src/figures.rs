use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const PROTO: &str = "http";

/// Says what each figure means. Labels never hold a name that a stranger chose.
pub(crate) fn describe() {
    describe_gauge!("onair_connections", "Connections now.");
    describe_counter!("onair_connections_total", "Connections taken.");
    describe_counter!("onair_connections_refused_total", "Connections closed at the door, by which limit.");
    describe_counter!("onair_session_errors_total", "Connections that ended badly, by reason.");
    describe_counter!("onair_http_requests_total", "Requests answered, by route and status.");
    describe_gauge!("onair_viewers", "Players now.");
    describe_counter!("onair_viewers_total", "Players let in.");
    describe_counter!("onair_viewers_refused_total", "Players not let in, by reason.");
    describe_counter!("onair_viewer_skips_total", "Players that were too slow and went on at the newest keyframe.");
    describe_counter!("onair_sent_bytes_total", Unit::Bytes, "Bytes sent to players.");
    describe_gauge!("onair_hls_parked", "Requests that wait for the next part or playlist.");
    describe_counter!("onair_hls_playlists_rendered_total", "Playlists made: once a change, for all viewers together.");
    describe_counter!(
        "onair_dash_manifests_rendered_total",
        "DASH manifests made: once a change, for all viewers together."
    );
}

/// Counts one connection for as long as it lives.
pub(crate) struct Connected(());

impl Connected {
    pub(crate) fn now() -> Self {
        counter!("onair_connections_total", "proto" => PROTO).increment(1);
        gauge!("onair_connections", "proto" => PROTO).increment(1);
        Self(())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!("onair_connections", "proto" => PROTO).decrement(1);
    }
}

pub(crate) fn turned_away(limit: &'static str) {
    counter!("onair_connections_refused_total", "proto" => PROTO, "limit" => limit).increment(1);
}

/// A client did something wrong.
pub(crate) fn session_error(reason: &'static str) {
    counter!("onair_session_errors_total", "proto" => PROTO, "reason" => reason).increment(1);
}

/// Players by HTTP-FLV, as other gateways count theirs.
const FLV: &str = "flv";

/// Counts one player for as long as it plays.
pub(crate) struct Watching(());

impl Watching {
    pub(crate) fn now() -> Self {
        counter!("onair_viewers_total", "proto" => FLV).increment(1);
        gauge!("onair_viewers", "proto" => FLV).increment(1);
        Self(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        gauge!("onair_viewers", "proto" => FLV).decrement(1);
    }
}

pub(crate) fn viewer_refused(reason: &'static str) {
    counter!("onair_viewers_refused_total", "proto" => FLV, "reason" => reason).increment(1);
}

pub(crate) fn skipped(times: u64) {
    counter!("onair_viewer_skips_total", "proto" => FLV).increment(times);
}

pub(crate) fn sent_bytes() -> metrics::Counter {
    counter!("onair_sent_bytes_total", "proto" => FLV)
}
