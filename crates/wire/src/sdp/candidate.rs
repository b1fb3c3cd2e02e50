use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One address at which a peer may be reached (RFC 8839 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Equal for candidates of one base and kind.
    pub foundation: String,
    /// 1 is RTP (and all else, with rtcp-mux).
    pub component: u8,
    /// UDP, or TCP with its role.
    pub transport: Transport,
    /// Higher is preferred.
    pub priority: u32,
    /// Where.
    pub address: SocketAddr,
    /// How it was learnt.
    pub kind: CandidateKind,
}

/// What carries the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream with RFC 4571 framing; the writer waits to be connected to.
    TcpPassive,
    /// A stream; the writer will connect.
    TcpActive,
}

/// How a candidate was learnt (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// An interface of its own.
    Host,
    /// Seen by a STUN server.
    ServerReflexive,
    /// Seen by the peer.
    PeerReflexive,
    /// Lent by a TURN server.
    Relay,
}

impl CandidateKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relay => "relay",
        }
    }
}

impl Candidate {
    /// Reads what follows `candidate:`. `None` for what we cannot use or do not know, which is to be
    /// passed over in silence: mDNS names, odd transports (W20), and lines that make no sense.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let foundation = words.next().filter(|foundation| foundation.len() <= 32)?.to_owned();
        let component = words.next()?.parse().ok()?;
        let transport = words.next()?;
        let priority = words.next()?.parse().ok()?;
        let ip: IpAddr = words.next()?.parse().ok()?;
        let port = words.next()?.parse().ok()?;
        let ("typ", kind) = (words.next()?, words.next()?) else { return None };
        let kind = match kind {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            "relay" => CandidateKind::Relay,
            _ => return None,
        };
        let mut tcp_type = None;
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            if name == "tcptype" {
                tcp_type = Some(value);
            }
        }
        let transport = match (transport.to_ascii_lowercase().as_str(), tcp_type) {
            ("udp", _) => Transport::Udp,
            ("tcp", Some("passive")) => Transport::TcpPassive,
            ("tcp", Some("active")) => Transport::TcpActive,
            _ => return None,
        };
        Some(Self { foundation, component, transport, priority, address: SocketAddr::new(ip, port), kind })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, component, transport, priority, address, kind } = self;
        let (transport, tail) = match transport {
            Transport::Udp => ("udp", ""),
            Transport::TcpPassive => ("tcp", " tcptype passive"),
            Transport::TcpActive => ("tcp", " tcptype active"),
        };
        let (ip, port, kind) = (address.ip(), address.port(), kind.as_str());
        write!(f, "{foundation} {component} {transport} {priority} {ip} {port} typ {kind}{tail}")
    }
}
