use std::time::{Duration, Instant};

use media::Kind;
use wire::rtcp::{Block, Rtcp};

use super::Viewer;

/// No honest datagram asks for more packets.
const MAX_REQUESTS: usize = 1024;

impl Viewer {
    /// Takes what the viewer sent: one RTCP datagram, opened. What is malformed is passed over whole (P13).
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let Ok(packets) = Rtcp::parse_all(datagram) else {
            self.stats.malformed += 1;
            return;
        };
        let mut wants_keyframe = false;
        let mut is_measured = false;
        let mut requests = MAX_REQUESTS;
        for packet in packets {
            match packet {
                Rtcp::SenderReport { blocks, .. } | Rtcp::ReceiverReport { blocks, .. } => {
                    blocks.iter().for_each(|block| self.on_block(now, block));
                }
                Rtcp::Nack { media, missing, .. } => {
                    let missing = missing.0.get(..requests).unwrap_or(&missing.0);
                    requests -= missing.len();
                    self.on_nack(now, media, missing);
                }
                Rtcp::Pli { media, .. } => wants_keyframe |= self.is_picture(media),
                Rtcp::Fir { entries, .. } => {
                    for fir in entries {
                        // A number seen before is the same request once more (P4).
                        let is_new = self.wanting.last_fir != Some(fir.sequence);
                        if self.is_picture(fir.ssrc) && is_new {
                            self.wanting.last_fir = Some(fir.sequence);
                            wants_keyframe = true;
                        }
                    }
                }
                Rtcp::Remb { remb, .. } => self.link.estimate.on_remb(now, remb.bitrate_bps),
                // Numbers on the sound alone tell nothing of what pictures have room for (P6).
                Rtcp::Twcc { feedback, .. } if self.sources.iter().all(super::Source::is_numbered) => {
                    self.link.estimate.on_feedback(now, &feedback);
                    is_measured = true;
                }
                Rtcp::Twcc { .. } => {}
                Rtcp::Cname { .. } | Rtcp::Bye(_) => {}
            }
        }
        if wants_keyframe {
            self.stats.keyframe_requests += 1;
            self.want_keyframe(now);
        }
        let estimate = self.link.estimate.target_bps(now);
        let rate: u64 = self.sources.iter().map(super::Source::rate_bps).sum();
        let is_telling = self.ladder.is_careful() || estimate.is_some_and(|estimate| estimate < rate);
        if is_measured && is_telling {
            // It suffers, or has waited for this: every message counts.
            self.control(now);
        }
        self.stats.estimate_bps = estimate;
    }

    /// Whether that is the source of the pictures.
    fn is_picture(&self, ssrc: u32) -> bool {
        self.sources.iter().any(|source| source.kind == Kind::Video && source.stream.ssrc == ssrc)
    }

    fn on_nack(&mut self, now: Instant, media: u32, missing: &[u16]) {
        let Some(source) = self.sources.iter_mut().find(|source| source.stream.ssrc == media) else { return };
        for &sequence in missing {
            if !source.want(now, sequence, self.link.round_trip) {
                self.stats.refused += 1;
            }
        }
    }

    fn on_block(&mut self, now: Instant, block: &Block) {
        let rate: u64 = self.sources.iter().map(super::Source::rate_bps).sum();
        let Some(source) = self.sources.iter_mut().find(|source| source.stream.ssrc == block.ssrc) else { return };
        source.is_known = true;
        let is_picture = source.kind == Kind::Video;
        if block.last_sr != 0 {
            // In 65 536ths of a second, modulo 18 hours.
            let units = self.link.clock.compact(now).wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_sr);
            let round_trip = Duration::from_secs_f64(f64::from(units) / 65_536.0);
            if round_trip < Duration::from_secs(10) {
                self.link.round_trip = Some(round_trip);
                self.stats.round_trip = Some(round_trip);
            }
        }
        if is_picture {
            self.stats.fraction_lost = block.fraction_lost;
            self.link.estimate.on_report(now, block.fraction_lost, rate);
        }
    }
}
