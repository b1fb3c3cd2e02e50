//! What has come to one viewer, and what it tells the server of that.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use wire::rtcp::{Arrival, Block, Nacks, Rtcp, Twcc};
use wire::rtp::Packet;

/// Receiver reports go out this often (RFC 3550).
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Transport-wide feedback, as libwebrtc sends it on its usual terms.
const FEEDBACK_EVERY: Duration = Duration::from_millis(100);
/// A packet is asked for again when later ones have come for so long, and so often.
const NACK_AFTER: Duration = Duration::from_millis(20);
const NACK_TIMES: u8 = 4;
/// Missing packets that are remembered.
const MAX_MISSING: usize = 512;
/// Packets that one message of feedback tells of.
const MAX_TOLD: usize = 4096;
/// Who we are in RTCP.
const OURS: u32 = 1;

/// One source's count.
#[derive(Clone, Debug)]
struct Source {
    ssrc: u32,
    payload_type: u8,
    first: u64,
    highest: u64,
    received: u64,
    /// As of the last report.
    told: (u64, u64),
}

/// All sources of one viewer.
#[derive(Debug)]
pub(super) struct Arrivals {
    sources: Vec<Source>,
    missing: Vec<(u32, u64, u8, Instant)>,
    asks_again: bool,
    transport_cc: Option<u8>,
    /// Transport-wide numbers since the last feedback, and when each came, in units of 250 µs.
    wide_base: Option<u64>,
    wide: Vec<Option<i64>>,
    wide_count: u8,
    began: Instant,
    next_report: Instant,
    next_feedback: Instant,
}

impl Arrivals {
    pub(super) fn new(transport_cc: Option<u8>, asks_again: bool, now: Instant) -> Self {
        Self {
            sources: Vec::new(),
            missing: Vec::new(),
            asks_again,
            transport_cc,
            wide_base: None,
            wide: Vec::new(),
            wide_count: 0,
            began: now,
            next_report: now + REPORT_EVERY,
            next_feedback: now + FEEDBACK_EVERY,
        }
    }

    /// Takes note of a packet by its clear header.
    pub(super) fn note(&mut self, now: Instant, packet: &Packet<'_>) {
        let header = &packet.header;
        if let Some(&[high, low]) = self.transport_cc.and_then(|id| packet.extensions.find(id)) {
            self.note_wide(now, u16::from_be_bytes([high, low]));
        }
        let at = self.sources.iter().position(|source| source.ssrc == header.ssrc);
        let Some(source) = at.and_then(|at| self.sources.get_mut(at)) else {
            // Room to count back in.
            let first = 0x1_0000 + u64::from(header.sequence);
            let (ssrc, payload_type) = (header.ssrc, header.payload_type);
            let told = (first.wrapping_sub(1), 0);
            self.sources.push(Source { ssrc, payload_type, first, highest: first, received: 1, told });
            return;
        };
        source.received += 1;
        let step = i64::from(header.sequence.wrapping_sub(source.highest as u16) as i16);
        let sequence = source.highest.saturating_add_signed(step);
        if step <= 0 {
            source.first = source.first.min(sequence);
            if self.asks_again {
                self.missing.retain(|(ssrc, missing, ..)| (*ssrc, *missing) != (header.ssrc, sequence));
            }
            return;
        }
        if self.asks_again && step > 1 && source.payload_type == super::offer::VIDEO {
            let gap = source.highest + 1..sequence;
            let room = MAX_MISSING.saturating_sub(self.missing.len());
            self.missing.extend(gap.take(room).map(|missing| (header.ssrc, missing, 0, now)));
        }
        source.highest = sequence;
    }

    /// Packets that came of the media's own sources, and how many of them there must have been.
    pub(super) fn counts(&self) -> (u64, u64) {
        let media = self.sources.iter().filter(|source| source.is_media());
        media.fold((0, 0), |(received, expected), source| {
            (received + source.received, expected + source.highest - source.first + 1)
        })
    }

    /// The packet that a retransmission brings is missing no longer.
    pub(super) fn repaired(&mut self, original: u16) {
        self.missing.retain(|(_, missing, ..)| *missing as u16 != original);
        if let Some(source) = self.sources.iter_mut().find(|source| source.payload_type == super::offer::VIDEO) {
            source.received += 1;
        }
    }

    /// What is to be told now, if anything.
    pub(super) fn tell(&mut self, now: Instant, out: &mut BytesMut) -> bool {
        out.clear();
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            let blocks = self.sources.iter_mut().filter(|source| source.is_media()).map(Source::block).collect();
            Rtcp::ReceiverReport { ssrc: OURS, blocks }.write(out);
        }
        if now >= self.next_feedback {
            self.next_feedback = now + FEEDBACK_EVERY;
            self.tell_wide(out);
        }
        self.tell_missing(now, out);
        !out.is_empty()
    }

    fn tell_missing(&mut self, now: Instant, out: &mut BytesMut) {
        if self.missing.is_empty() {
            return;
        }
        self.missing.retain(|(.., times, since)| {
            *times < NACK_TIMES || now.saturating_duration_since(*since) < Duration::from_secs(1)
        });
        let mut asked: Vec<(u32, u16)> = Vec::new();
        for (ssrc, sequence, times, since) in &mut self.missing {
            if *times < NACK_TIMES && now.saturating_duration_since(*since) >= NACK_AFTER * u32::from(*times + 1) {
                *times += 1;
                asked.push((*ssrc, *sequence as u16));
            }
        }
        for source in &self.sources {
            let of_it = asked.iter().filter(|(ssrc, _)| *ssrc == source.ssrc).map(|(_, sequence)| *sequence);
            let missing: Vec<u16> = of_it.collect();
            if !missing.is_empty() {
                Rtcp::Nack { sender: OURS, media: source.ssrc, missing: Nacks(missing) }.write(out);
            }
        }
    }

    fn note_wide(&mut self, now: Instant, number: u16) {
        let units = (now.saturating_duration_since(self.began).as_micros() / 250) as i64;
        let base = *self.wide_base.get_or_insert(0x1_0000 + u64::from(number));
        let newest = base + self.wide.len() as u64;
        let step = i64::from(number.wrapping_sub(newest as u16) as i16);
        let Some(at) = newest.saturating_add_signed(step).checked_sub(base).map(|at| at as usize) else { return };
        if at >= MAX_TOLD {
            return;
        }
        if at >= self.wide.len() {
            self.wide.resize(at + 1, None);
        }
        if let Some(place) = self.wide.get_mut(at) {
            place.get_or_insert(units);
        }
    }

    fn tell_wide(&mut self, out: &mut BytesMut) {
        let Some(base) = self.wide_base else { return };
        let Some(first) = self.wide.iter().flatten().next().copied() else { return };
        // Units of 64 ms are 256 of ours.
        let reference = first / 256;
        let mut last = reference * 256;
        let arrival = |came: &Option<i64>| match came {
            None => Arrival::Lost,
            Some(came) => {
                let delta = (came - last).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
                last += i64::from(delta);
                Arrival::After(delta)
            }
        };
        let arrivals: Vec<Arrival> = self.wide.iter().map(arrival).collect();
        let media = self.sources.first().map_or(0, |source| source.ssrc);
        self.wide_base = Some(base + arrivals.len() as u64);
        self.wide.clear();
        let feedback = Twcc {
            base_sequence: base as u16,
            count: self.wide_count,
            reference_64ms: (reference & 0xff_ffff) as u32,
            arrivals,
        };
        self.wide_count = self.wide_count.wrapping_add(1);
        Rtcp::Twcc { sender: OURS, media, feedback }.write(out);
    }
}

impl Source {
    /// Not a retransmission.
    fn is_media(&self) -> bool {
        matches!(self.payload_type, super::offer::VIDEO | super::offer::AUDIO)
    }

    fn block(&mut self) -> Block {
        let (highest, received) = self.told;
        let expected = self.highest.saturating_sub(highest);
        let lost = expected.saturating_sub(self.received - received);
        self.told = (self.highest, self.received);
        Block {
            ssrc: self.ssrc,
            fraction_lost: (lost * 256 / expected.max(1)).min(255) as u8,
            lost: (self.highest - self.first + 1).saturating_sub(self.received) as i32,
            highest_sequence: (self.highest - 0x1_0000) as u32,
            ..Block::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::rtp::{Header, write_elements};

    use super::*;

    fn note(arrivals: &mut Arrivals, now: Instant, sequence: u16, wide: u16) {
        let mut bytes = BytesMut::new();
        let header = Header { payload_type: super::super::offer::VIDEO, sequence, ssrc: 7, ..Header::default() };
        header.write(true, &mut bytes);
        write_elements([(3, &wide.to_be_bytes()[..])].into_iter(), &mut bytes);
        bytes.extend_from_slice(b"payload");
        arrivals.note(now, &Packet::parse_encrypted(&bytes).unwrap());
    }

    fn told(arrivals: &mut Arrivals, now: Instant) -> Vec<Rtcp> {
        let mut out = BytesMut::new();
        arrivals.tell(now, &mut out);
        Rtcp::parse_all(&out).unwrap()
    }

    #[test]
    fn what_is_missing_is_counted_asked_for_and_told_of() {
        let begin = Instant::now();
        let mut arrivals = Arrivals::new(Some(3), true, begin);
        for (sequence, wide) in [(65_534, 65_530), (65_535, 65_531), (1, 65_533), (2, 65_534)] {
            note(&mut arrivals, begin + Duration::from_millis(70), sequence, wide);
        }
        assert_eq!(arrivals.counts(), (4, 5), "a wrap is none missing, a hole is one");
        let packets = told(&mut arrivals, begin + Duration::from_millis(150));
        let [Rtcp::Twcc { feedback, .. }, Rtcp::Nack { missing, media: 7, .. }] = &packets[..] else {
            panic!("{packets:?}")
        };
        assert_eq!(missing.0, [0]);
        assert_eq!((feedback.base_sequence, feedback.reference_64ms, feedback.arrivals.len()), (65_530, 1, 5));
        assert_eq!(feedback.arrivals[..3], [Arrival::After(24), Arrival::After(0), Arrival::Lost]);

        note(&mut arrivals, begin + Duration::from_millis(160), 0, 65_535);
        assert_eq!(arrivals.counts(), (5, 5), "late is not lost");
        let packets = told(&mut arrivals, begin + REPORT_EVERY);
        let [Rtcp::ReceiverReport { blocks, .. }, Rtcp::Twcc { feedback, .. }] = &packets[..] else {
            panic!("{packets:?}")
        };
        assert_eq!((blocks[0].lost, blocks[0].highest_sequence), (0, 0x1_0002));
        assert_eq!((feedback.base_sequence, feedback.count), (65_535, 1));
    }
}
