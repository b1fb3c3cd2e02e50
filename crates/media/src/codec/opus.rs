//! Opus: the identification header and the durations of packets.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Malformed, Sound};

/// Opus parameters, from the identification header (RFC 7845 §5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opus {
    /// Output channels, 1 to 255.
    pub channels: u8,
    /// Samples at 48 kHz to leave out at the beginning.
    pub pre_skip: u16,
    /// What the encoder was given, in samples a second; decoders always make 48 kHz. 0 where unknown.
    pub input_rate: u32,
    /// Gain to apply, in 1/256 dB.
    pub gain: i16,
    /// `channel mapping family`, and its table where that is not 0.
    pub mapping: (u8, Bytes),
}

/// Ticks a second of every Opus track.
pub(super) const RATE: u32 = 48_000;
/// No packet is longer: 120 ms (RFC 6716 §3.2.5).
const LONGEST: u32 = 5_760;

impl Opus {
    /// Mono or stereo as WebRTC has it, which sends no header.
    pub fn plain(channels: u8) -> Self {
        Self { channels: channels.clamp(1, 2), pre_skip: 312, input_rate: RATE, gain: 0, mapping: (0, Bytes::new()) }
    }

    /// Reads an `OpusHead`, little-endian, as Ogg and Enhanced RTMP carry it.
    pub fn from_head(head: &[u8]) -> Result<Self, Malformed> {
        const PART: Malformed = Malformed("OpusHead");
        let rest = head.strip_prefix(b"OpusHead").ok_or(PART)?;
        let (&[version, channels, s0, s1, r0, r1, r2, r3, g0, g1, family], table) =
            rest.split_first_chunk::<11>().ok_or(PART)?;
        let table_len = if family == 0 { 0 } else { 2 + usize::from(channels) };
        let table = table.get(..table_len).ok_or(PART)?;
        if version > 15 || channels == 0 || family == 0 && channels > 2 {
            return Err(PART);
        }
        Ok(Self {
            channels,
            pre_skip: u16::from_le_bytes([s0, s1]),
            input_rate: u32::from_le_bytes([r0, r1, r2, r3]),
            gain: i16::from_le_bytes([g0, g1]),
            mapping: (family, Bytes::copy_from_slice(table)),
        })
    }

    /// An `OpusHead`, as [`Opus::from_head`] reads it.
    pub fn to_head(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(32);
        out.put_slice(b"OpusHead\x01");
        out.put_u8(self.channels);
        out.put_u16_le(self.pre_skip);
        out.put_u32_le(self.input_rate);
        out.put_i16_le(self.gain);
        out.put_u8(self.mapping.0);
        out.put_slice(&self.mapping.1);
        out.freeze()
    }

    /// The body of a `dOps` box: version 0, and big-endian (conformance C11).
    pub fn to_box(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(16);
        out.put_u8(0);
        out.put_u8(self.channels);
        out.put_u16(self.pre_skip);
        out.put_u32(self.input_rate);
        out.put_i16(self.gain);
        out.put_u8(self.mapping.0);
        out.put_slice(&self.mapping.1);
        out.freeze()
    }

    /// 20 ms of silence: in every stream a frame that says no more than that there is none.
    pub(super) fn silence(&self) -> Bytes {
        let (streams, coupled) = match self.mapping.1[..] {
            [streams, coupled, ..] => (streams.max(1), coupled),
            _ => (1, self.channels.saturating_sub(1)),
        };
        let mut out = BytesMut::with_capacity(4 * usize::from(streams));
        for stream in 0..streams {
            // CELT, full band, 20 ms, one frame; the third bit of the lowest three says stereo.
            out.put_u8(if stream < coupled { 0xfc } else { 0xf8 });
            // All but the last say how long they are (RFC 6716 appendix B).
            if stream + 1 < streams {
                out.put_u8(2);
            }
            out.put_slice(&[0xff, 0xfe]);
        }
        out.freeze()
    }

    /// What comes out of the decoder.
    pub fn sound(&self) -> Sound {
        Sound { rate: RATE, channels: self.channels.into() }
    }
}

/// How many samples at 48 kHz a packet plays, by its table of contents (RFC 6716 §3.1); `None` for what is no packet.
pub fn packet_samples(packet: &[u8]) -> Option<u32> {
    let &toc = packet.first()?;
    let frame = match toc >> 3 {
        silk @ 0..12 => [480, 960, 1920, 2880][usize::from(silk & 3)],
        hybrid @ 12..16 => [480, 960][usize::from(hybrid & 1)],
        celt => [120, 240, 480, 960][usize::from(celt & 3)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    Some(frame * count).filter(|samples| (1..=LONGEST).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_becomes_a_box_with_its_bytes_turned() {
        // C11; as libopus in ffmpeg writes it: stereo, 312 samples of pre-skip.
        let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
        let opus = Opus::from_head(head).unwrap();
        assert_eq!((opus.channels, opus.pre_skip, opus.input_rate), (2, 312, 48_000));
        assert_eq!(opus.to_box(), &b"\x00\x02\x01\x38\x00\x00\xbb\x80\x00\x00\x00"[..]);
        assert_eq!(opus, Opus::plain(2));
    }

    #[test]
    fn surround_keeps_its_table() {
        let head = b"OpusHead\x01\x06\x38\x01\x80\xbb\x00\x00\x00\x00\x01\x04\x02\x00\x04\x01\x02\x03\x05";
        let opus = Opus::from_head(head).unwrap();
        assert_eq!((opus.channels, opus.mapping.1.len()), (6, 8));
        assert!(opus.to_box().ends_with(&head[18..]));
        assert!(Opus::from_head(&head[..20]).is_err());
    }

    /// A10.
    #[test]
    fn silence_lasts_20_ms_in_every_layout() {
        assert_eq!(Opus::plain(1).silence(), [0xf8, 0xff, 0xfe][..]);
        assert_eq!(Opus::plain(2).silence(), [0xfc, 0xff, 0xfe][..]);
        let surround =
            Opus { channels: 6, mapping: (1, Bytes::from_static(&[4, 2, 0, 4, 1, 2, 3, 5])), ..Opus::plain(2) };
        assert_eq!(surround.silence().len(), 4 * 4 - 1);
        assert_eq!(packet_samples(&surround.silence()), Some(960));
    }

    #[test]
    fn durations_from_two_and_a_half_to_120_ms() {
        // C11.
        for (packet, samples) in [
            (&[16 << 3][..], 120),     // CELT, 2.5 ms
            (&[31 << 3], 960),         // CELT fullband, 20 ms
            (&[3 << 3], 2880),         // SILK, 60 ms
            (&[3 << 3 | 1], 5760),     // twice that
            (&[31 << 3 | 3, 3], 2880), // three of 20 ms
            (&[15 << 3 | 2, 0], 1920), // hybrid, two of 20 ms
        ] {
            assert_eq!(packet_samples(packet), Some(samples), "{packet:02x?}");
        }
        for packet in [&[][..], &[3 << 3 | 3, 63], &[31 << 3 | 3], &[31 << 3 | 3, 0]] {
            assert_eq!(packet_samples(packet), None, "{packet:02x?}");
        }
    }
}
