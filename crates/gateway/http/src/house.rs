use std::sync::Arc;

use ::package::Library;
use config::Network;
use hub::{Admission, Broadcast, Demand, Hub, Stills};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct House {
    /// Who is live.
    pub hub: Hub,
    /// What can be fetched.
    pub library: Library,
    /// Who may watch.
    pub admission: Arc<dyn Admission>,
    /// Who makes renditions, says how they do, and wants to know which streams are watched.
    pub demand: Arc<dyn Demand>,
    /// Who makes stills.
    pub stills: Arc<dyn Stills>,
    /// What viewers by WebRTC get of a broadcast; `None` while WebRTC is turned off.
    pub carried: Option<Carry>,
    /// A permit for each player by HTTP-FLV; `None` while there is none of that.
    pub flv: Option<Arc<Semaphore>>,
    /// The figures.
    pub metrics: PrometheusHandle,
    /// What the server says about itself.
    pub about: About,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[Network]>,
    /// Cancelled when the server is asked to stop: `/readyz` says no from then on.
    pub stop: CancellationToken,
}

/// Says what viewers by WebRTC get of a broadcast.
pub type Carry = Arc<dyn Fn(&Broadcast) -> Carried + Send + Sync>;

/// What viewers by WebRTC get of a broadcast, by the names of its codecs; what is made for them included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Codecs of pictures; none where they do not reach such viewers.
    pub video: Vec<&'static str>,
    /// Codecs of sound.
    pub audio: Vec<&'static str>,
}

/// What the server says about itself to those who want to publish.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Of the program.
    pub version: &'static str,
    /// Where it takes RTMP; `None` while that is turned off.
    pub rtmp_port: Option<u16>,
    /// Where it takes RTMPS.
    pub rtmps_port: Option<u16>,
    /// Whether it takes WHIP and gives WHEP.
    pub webrtc: bool,
    /// Where the pages come by HTTPS, without which browsers open no camera.
    pub https_port: Option<u16>,
}
