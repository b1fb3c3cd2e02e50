use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::end::End;
use crate::entry::Role;
use crate::load::Relief;

/// Says what each figure means. Labels never hold a name that a stranger chose.
pub(crate) fn describe() {
    describe_gauge!("onair_connections", "Connections now.");
    describe_counter!("onair_connections_total", "Connections taken.");
    describe_counter!("onair_connections_refused_total", "Connections closed at the door, by which limit.");
    describe_counter!("onair_received_bytes_total", Unit::Bytes, "Bytes received from publishers.");
    describe_counter!("onair_publishes_total", "Publications begun.");
    describe_counter!("onair_publish_refused_total", "Publishers not let in, or sent away, by reason.");
    describe_counter!("onair_session_errors_total", "Connections that ended badly, by reason.");
    describe_counter!("onair_webrtc_sent_bytes_total", Unit::Bytes, "Bytes of media sent to viewers.");
    describe_counter!("onair_webrtc_dropped_total", "Packets thrown away because something was full, by what.");
    describe_gauge!("onair_webrtc_load", "The share of its time that a thread of viewers is busy.");
    describe_counter!("onair_webrtc_relief_total", "Viewers given less, or sent away, as there was too much to do.");
}

/// Counts one session for as long as it lives.
pub(crate) struct Connected(&'static str);

impl Connected {
    pub(crate) fn now(role: Role) -> Self {
        let proto = role.as_str();
        counter!("onair_connections_total", "proto" => proto).increment(1);
        gauge!("onair_connections", "proto" => proto).increment(1);
        Self(proto)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!("onair_connections", "proto" => self.0).decrement(1);
    }
}

pub(crate) fn turned_away(role: Role, limit: &'static str) {
    counter!("onair_connections_refused_total", "proto" => role.as_str(), "limit" => limit).increment(1);
}

pub(crate) fn received_bytes() -> metrics::Counter {
    counter!("onair_received_bytes_total", "proto" => Role::Whip.as_str())
}

pub(crate) fn sent_bytes() -> metrics::Counter {
    counter!("onair_webrtc_sent_bytes_total")
}

pub(crate) fn publishes() {
    counter!("onair_publishes_total", "proto" => Role::Whip.as_str()).increment(1);
}

pub(crate) fn refused(reason: &'static str) {
    counter!("onair_publish_refused_total", "proto" => Role::Whip.as_str(), "reason" => reason).increment(1);
}

pub(crate) fn session_error(role: Role, end: &End) {
    counter!("onair_session_errors_total", "proto" => role.as_str(), "reason" => end.reason()).increment(1);
}

/// How busy a thread of viewers is.
pub(crate) fn load(shard: usize, busy: f64) {
    gauge!("onair_webrtc_load", "shard" => shard.to_string()).set(busy);
}

/// Something was done as there was too much to do.
pub(crate) fn relief(what: Relief, viewers: usize) {
    let what = match what {
        Relief::Degrade => "degraded",
        Relief::Shed => "shed",
        Relief::Restore => "restored",
    };
    counter!("onair_webrtc_relief_total", "what" => what).increment(viewers as u64);
}

/// A queue, the network or a slow TCP connection had no room.
pub(crate) fn dropped(what: &'static str) {
    counter!("onair_webrtc_dropped_total", "what" => what).increment(1);
}
