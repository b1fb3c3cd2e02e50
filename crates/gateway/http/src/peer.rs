use std::net::IpAddr;

use config::Network;
use http::HeaderMap;

/// Where a connection comes from; put into every request by the one who drives the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where a request comes from: the nearest address that is no proxy of ours, read from the end of `X-Forwarded-For`.
pub(crate) fn origin(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(nearest) {
            break;
        }
        match hop.parse::<IpAddr>() {
            Ok(address) => nearest = address.to_canonical(),
            Err(_) => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let headers =
            forwarded.iter().map(|value| (http::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap()));
        let proxies: Vec<Network> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        origin(peer.parse().unwrap(), &headers.collect(), &proxies).to_string()
    }

    #[test]
    fn strangers_are_not_believed() {
        assert_eq!(from("203.0.113.9", &["127.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(from("203.0.113.9", &["127.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(from("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    }

    #[test]
    fn the_first_address_that_is_no_proxy_counts() {
        let proxies = ["127.0.0.1", "10.0.0.0/8"];
        assert_eq!(from("127.0.0.1", &["198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(from("127.0.0.1", &["127.0.0.1, 198.51.100.7, 10.1.1.1"], &proxies), "198.51.100.7");
        assert_eq!(from("127.0.0.1", &["127.0.0.1", "198.51.100.7"], &proxies), "198.51.100.7");
        assert_eq!(from("127.0.0.1", &["2001:db8::1"], &proxies), "2001:db8::1");
        assert_eq!(from("127.0.0.1", &[], &proxies), "127.0.0.1");
        assert_eq!(from("127.0.0.1", &["198.51.100.7, nonsense"], &proxies), "127.0.0.1");
    }
}
