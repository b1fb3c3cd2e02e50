use bytes::{BufMut, BytesMut};

use super::{Block, Fir, Nacks, Remb, SenderInfo, Twcc};
use crate::Malformed;
use crate::take::{Take, need};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const CNAME: u8 = 1;

/// One packet of a compound datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rtcp {
    /// SR: what its sender sent, and what it received of others.
    SenderReport {
        /// Who reports.
        ssrc: u32,
        /// Its own stream.
        info: SenderInfo,
        /// At most 31.
        blocks: Vec<Block>,
    },
    /// RR: what its sender received.
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// At most 31.
        blocks: Vec<Block>,
    },
    /// SDES with a CNAME: which sources share one clock.
    Cname {
        /// The source.
        ssrc: u32,
        /// Its name, at most 255 bytes.
        name: String,
    },
    /// These sources have ended.
    Bye(Vec<u32>),
    /// Packets of `media` that are missed.
    Nack {
        /// Who misses them.
        sender: u32,
        /// Whose packets.
        media: u32,
        /// Which.
        missing: Nacks,
    },
    /// A keyframe is needed: the picture is lost.
    Pli {
        /// Who needs it.
        sender: u32,
        /// Of which source.
        media: u32,
    },
    /// A keyframe is asked for.
    Fir {
        /// Who asks.
        sender: u32,
        /// Of which sources.
        entries: Vec<Fir>,
    },
    /// What the receiver believes it can take.
    Remb {
        /// Who believes.
        sender: u32,
        /// How much.
        remb: Remb,
    },
    /// When packets arrived.
    Twcc {
        /// Who saw them.
        sender: u32,
        /// One of the sources; has no meaning.
        media: u32,
        /// When.
        feedback: Twcc,
    },
}

impl Rtcp {
    /// Reads a whole datagram, decrypted. Packets of types that we do not know are left out.
    pub fn parse_all(mut datagram: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut packets = Vec::new();
        while !datagram.is_empty() {
            let flags = need(datagram.u8(), "RTCP header")?;
            let kind = need(datagram.u8(), "RTCP header")?;
            let words = usize::from(need(datagram.u16(), "RTCP header")?);
            let mut body = need(datagram.run(words * 4), "RTCP length")?;
            if flags >> 6 != 2 {
                return Err(Malformed("RTCP version"));
            }
            if flags & 0x20 != 0 {
                let padding = body.last().map_or(0, |&count| usize::from(count));
                let len = body.len().checked_sub(padding).filter(|_| padding > 0);
                body = len.and_then(|len| body.get(..len)).ok_or(Malformed("RTCP padding"))?;
            }
            Self::parse(flags & 0x1f, kind, body, &mut packets)?;
        }
        Ok(packets)
    }

    fn parse(count: u8, kind: u8, mut src: &[u8], packets: &mut Vec<Self>) -> Result<(), Malformed> {
        let src = &mut src;
        match kind {
            SENDER_REPORT | RECEIVER_REPORT => packets.push(need(Self::parse_report(count, kind, src), "RTCP report")?),
            DESCRIPTION => need(Self::parse_names(count, src, packets), "RTCP description")?,
            BYE => {
                let ssrcs = (0..count).map(|_| src.u32()).collect::<Option<_>>();
                packets.push(Self::Bye(need(ssrcs, "RTCP bye")?));
            }
            TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => {
                packets.extend(need(Self::parse_feedback(count, kind, src), "RTCP feedback")?);
            }
            _ => {}
        }
        Ok(())
    }

    fn parse_report(count: u8, kind: u8, src: &mut &[u8]) -> Option<Self> {
        let ssrc = src.u32()?;
        let info = if kind == SENDER_REPORT { Some(SenderInfo::parse(src)?) } else { None };
        let blocks = (0..count).map(|_| Block::parse(src)).collect::<Option<_>>()?;
        Some(match info {
            Some(info) => Self::SenderReport { ssrc, info, blocks },
            None => Self::ReceiverReport { ssrc, blocks },
        })
    }

    fn parse_names(count: u8, src: &mut &[u8], packets: &mut Vec<Self>) -> Option<()> {
        for _ in 0..count {
            let ssrc = src.u32()?;
            let begin = src.len();
            loop {
                let kind = src.u8()?;
                if kind == 0 {
                    break;
                }
                let len = usize::from(src.u8()?);
                let text = src.run(len)?;
                if kind == CNAME {
                    packets.push(Self::Cname { ssrc, name: String::from_utf8_lossy(text).into_owned() });
                }
            }
            src.run((4 - (begin - src.len()) % 4) % 4)?;
        }
        Some(())
    }

    /// `Some(None)` for feedback of a kind that we do not know.
    fn parse_feedback(format: u8, kind: u8, src: &mut &[u8]) -> Option<Option<Self>> {
        let (sender, media) = (src.u32()?, src.u32()?);
        Some(Some(match (kind, format) {
            (TRANSPORT_FEEDBACK, 1) => Self::Nack { sender, media, missing: Nacks::parse(src)? },
            (TRANSPORT_FEEDBACK, 15) => Self::Twcc { sender, media, feedback: Twcc::parse(src)? },
            (PAYLOAD_FEEDBACK, 1) => Self::Pli { sender, media },
            (PAYLOAD_FEEDBACK, 4) => Self::Fir { sender, entries: Fir::parse_all(src)? },
            (PAYLOAD_FEEDBACK, 15) => return Some(Remb::parse(src).map(|remb| Self::Remb { sender, remb })),
            _ => return Some(None),
        }))
    }

    /// Writes the packet with its header, at the end of `out`.
    pub fn write(&self, out: &mut BytesMut) {
        let begin = out.len();
        out.put_u32(0);
        let (count, kind) = self.write_body(out);
        let padding = (4 - (out.len() - begin) % 4) % 4;
        // Descriptions end in zeros by their own rule; everything else says how much it padded.
        let mut flags = 0x80 | count;
        out.put_bytes(0, padding);
        if padding > 0 && kind != DESCRIPTION {
            flags |= 0x20;
            if let Some(last) = out.last_mut() {
                *last = padding as u8;
            }
        }
        let words = ((out.len() - begin) / 4 - 1) as u16;
        let [high, low] = words.to_be_bytes();
        out[begin..begin + 4].copy_from_slice(&[flags, kind, high, low]);
    }

    fn write_body(&self, out: &mut BytesMut) -> (u8, u8) {
        let blocks_of = |blocks: &[Block], out: &mut BytesMut| {
            let blocks = blocks.get(..31).unwrap_or(blocks);
            blocks.iter().for_each(|block| block.write(out));
            blocks.len() as u8
        };
        match self {
            Self::SenderReport { ssrc, info, blocks } => {
                out.put_u32(*ssrc);
                info.write(out);
                (blocks_of(blocks, out), SENDER_REPORT)
            }
            Self::ReceiverReport { ssrc, blocks } => {
                out.put_u32(*ssrc);
                (blocks_of(blocks, out), RECEIVER_REPORT)
            }
            Self::Cname { ssrc, name } => {
                let name = name.as_bytes();
                let name = name.get(..255).unwrap_or(name);
                out.put_u32(*ssrc);
                out.put_slice(&[CNAME, name.len() as u8]);
                out.put_slice(name);
                out.put_u8(0);
                (1, DESCRIPTION)
            }
            Self::Bye(ssrcs) => {
                let ssrcs = ssrcs.get(..31).unwrap_or(ssrcs);
                ssrcs.iter().for_each(|&ssrc| out.put_u32(ssrc));
                (ssrcs.len() as u8, BYE)
            }
            Self::Nack { sender, media, missing } => {
                feedback(*sender, *media, out);
                missing.write(out);
                (1, TRANSPORT_FEEDBACK)
            }
            Self::Twcc { sender, media, feedback: twcc } => {
                feedback(*sender, *media, out);
                twcc.write(out);
                (15, TRANSPORT_FEEDBACK)
            }
            Self::Pli { sender, media } => {
                feedback(*sender, *media, out);
                (1, PAYLOAD_FEEDBACK)
            }
            Self::Fir { sender, entries } => {
                feedback(*sender, 0, out);
                entries.iter().for_each(|entry| entry.write(out));
                (4, PAYLOAD_FEEDBACK)
            }
            Self::Remb { sender, remb } => {
                feedback(*sender, 0, out);
                remb.write(out);
                (15, PAYLOAD_FEEDBACK)
            }
        }
    }
}

fn feedback(sender: u32, media: u32, out: &mut BytesMut) {
    out.put_u32(sender);
    out.put_u32(media);
}
