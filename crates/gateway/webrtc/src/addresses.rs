//! Which addresses an answer tells.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use config::Public;
use wire::sdp::{Candidate, CandidateKind, Transport};

/// More would only make answers long: FFmpeg gives up above 8 KiB (conformance W36).
const MAX_ADDRESSES: usize = 8;
/// Type preferences (RFC 8445 §5.1.2.2, RFC 6544 §4.2): datagrams before streams.
const UDP: u32 = 126;
const TCP: u32 = 90;

/// Every candidate of ours, the best first (W22): what the operator named, or else what the interfaces have, loopback
/// last. All UDP comes before all TCP.
pub(crate) fn candidates(public: &[Public], bound: SocketAddr) -> Vec<Candidate> {
    let port = bound.port();
    let addresses: Vec<SocketAddr> = match () {
        () if !public.is_empty() => {
            public.iter().map(|one| SocketAddr::new(one.ip, one.port.unwrap_or(port))).collect()
        }
        () if !bound.ip().is_unspecified() => vec![bound],
        () => interfaces(bound.is_ipv6()).into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
    };
    let udp = addresses.iter().enumerate().map(|(place, address)| candidate(place, *address, Transport::Udp));
    let tcp = addresses.iter().enumerate().map(|(place, address)| candidate(place, *address, Transport::TcpPassive));
    udp.chain(tcp).collect()
}

fn candidate(place: usize, address: SocketAddr, transport: Transport) -> Candidate {
    let place = u32::try_from(place).unwrap_or(u32::MAX).min(0x1fff);
    // Local preferences of TCP: the upper three bits tell the direction, passive being 4 (RFC 6544 §4.2).
    let (kind, local) = match transport {
        Transport::Udp => (UDP, 0xffff - place),
        Transport::TcpPassive | Transport::TcpActive => (TCP, (4 << 13) + 0x1fff - place),
    };
    let foundation = format!("{}{}", if kind == UDP { 'u' } else { 't' }, place + 1);
    Candidate {
        foundation,
        component: 1,
        transport,
        priority: kind << 24 | local << 8 | 255,
        address,
        kind: CandidateKind::Host,
    }
}

/// The addresses of this machine, that of its default route first, loopback last.
fn interfaces(with_v6: bool) -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    rank(found.into_iter().map(|interface| interface.ip()).collect(), outside(), with_v6)
}

fn rank(mut found: Vec<IpAddr>, outside: Option<IpAddr>, with_v6: bool) -> Vec<IpAddr> {
    found.retain(|ip| match ip {
        // A link-local address means nothing without the name of the link.
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_link_local(),
        IpAddr::V6(v6) => with_v6 && !v6.is_unspecified() && !v6.is_unicast_link_local(),
    });
    found.sort_by_key(|ip| (ip.is_loopback(), Some(*ip) != outside, ip.is_ipv6(), *ip));
    found.dedup();
    if found.len() > MAX_ADDRESSES {
        // Loopback stays: programs on this machine are the first that anybody tries.
        let loopback = found.iter().position(IpAddr::is_loopback).unwrap_or(MAX_ADDRESSES);
        found.drain(loopback.min(MAX_ADDRESSES - 2)..loopback);
        found.truncate(MAX_ADDRESSES);
    }
    found
}

/// The address of this machine on the way to everybody else. Asks the routing table; no packet is sent.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737): nobody's address, so it takes the default route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(public: &[&str], bound: &str) -> Vec<String> {
        let public: Vec<_> = public.iter().map(|one| one.parse().unwrap()).collect();
        candidates(&public, bound.parse().unwrap()).iter().map(ToString::to_string).collect()
    }

    /// W22, W36.
    #[test]
    fn what_the_operator_named_is_told_and_nothing_else() {
        assert_eq!(
            texts(&["203.0.113.5", "[2001:db8::1]:9000"], "[::]:8189"),
            [
                "u1 1 udp 2130706431 203.0.113.5 8189 typ host",
                "u2 1 udp 2130706175 2001:db8::1 9000 typ host",
                "t1 1 tcp 1520435199 203.0.113.5 8189 typ host tcptype passive",
                "t2 1 tcp 1520434943 2001:db8::1 9000 typ host tcptype passive",
            ]
        );
        assert_eq!(texts(&[], "127.0.0.1:8189").len(), 2);
    }

    #[test]
    fn the_way_out_comes_first_and_loopback_last() {
        let found = ["127.0.0.1", "172.17.0.1", "fe80::1", "192.168.1.7", "::1", "2001:db8::7", "169.254.1.1"];
        let found: Vec<IpAddr> = found.iter().map(|ip| ip.parse().unwrap()).collect();
        let ranked = |found: Vec<IpAddr>, v6| {
            let ranked = rank(found, Some("192.168.1.7".parse().unwrap()), v6);
            ranked.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(ranked(found.clone(), true), ["192.168.1.7", "172.17.0.1", "2001:db8::7", "127.0.0.1", "::1"]);
        assert_eq!(ranked(found.clone(), false), ["192.168.1.7", "172.17.0.1", "127.0.0.1"]);
        let many = (1..40).map(|last| IpAddr::from([10, 0, 0, last])).chain(found).collect();
        let many = ranked(many, true);
        assert_eq!(many.len(), MAX_ADDRESSES);
        assert_eq!((&*many[0], &*many[6], &*many[7]), ("192.168.1.7", "127.0.0.1", "::1"));
    }
}
