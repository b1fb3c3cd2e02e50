//! What a messenger shows of a page whose address it is sent (the Open Graph protocol, <https://ogp.me>).

use ::media::Path;
use http::request::Parts;
use hub::{Broadcast, State};

use crate::House;
use crate::access::{self, Entry};
use crate::obs::authority;
use crate::peer::Peer;

/// Where it goes in a page.
pub(crate) const MARK: &str = "<!-- social -->";

/// The lines for a stream's page. Of one that asks for a key no more is told than its address does.
pub(crate) async fn card(house: &House, path: &Path, request: &Parts) -> String {
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let mut lines = vec![
        line("og:title", &format!("{name} · Onair")),
        line("og:type", "video.other"),
        line("og:site_name", "Onair"),
        line("og:description", &format!("Watch {path} live")),
    ];
    let is_live = |broadcast: &Broadcast| broadcast.state() == State::Live && house.stills.can(broadcast);
    let has_stills = house.hub.broadcast(path).is_some_and(|broadcast| is_live(&broadcast));
    let is_open = has_stills && access::watch(house, path, request).await.is_ok_and(|entry| entry == Entry::Open);
    if is_open && let Some(host) = authority(request) {
        let scheme = if is_secure(house, host, request) { "https" } else { "http" };
        lines.push(line("og:image", &format!("{scheme}://{host}/thumbnail/{path}.jpg")));
        lines.push("<meta name=\"twitter:card\" content=\"summary_large_image\" />".to_owned());
    }
    lines.join("\n    ")
}

fn line(property: &str, content: &str) -> String {
    format!("<meta property=\"{property}\" content=\"{}\" />", escape(content))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether who asked did so by HTTPS: a proxy of ours says so, or it is the port of ours.
fn is_secure(house: &House, host: &str, request: &Parts) -> bool {
    let peer = request.extensions.get::<Peer>().map(|peer| peer.0.to_canonical());
    let is_ours = peer.is_some_and(|peer| house.trusted_proxies.iter().any(|network| network.contains(peer)));
    if let Some(said) = request.headers.get("x-forwarded-proto").filter(|_| is_ours) {
        return said == "https";
    }
    let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    house.about.https_port.is_some_and(|https| port.unwrap_or(443) == https)
}

/// FNV-1a: tells one text from another.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
