use bytes::BufMut;
use media::Codec;
use media::codec::{Aac, Picture, Sound};

use super::boxes::{boxed, full};

/// Writes the sample entry of a codec, with what its decoder must know.
pub(super) fn put(out: &mut Vec<u8>, codec: &Codec) {
    match codec {
        // C8.
        Codec::Avc(avc) => visual(out, b"avc1", &avc.picture, |out| {
            boxed(out, b"avcC", |out| out.put_slice(&avc.to_record()));
        }),
        // C9.
        Codec::Hevc(hevc) => visual(out, b"hvc1", &hevc.picture, |out| {
            boxed(out, b"hvcC", |out| out.put_slice(&hevc.to_record()));
        }),
        // C13.
        Codec::Av1(av1) => visual(out, b"av01", &av1.picture, |out| {
            boxed(out, b"av1C", |out| out.put_slice(&av1.config));
        }),
        Codec::Vp9(vp9) => visual(out, b"vp09", &vp9.picture, |out| {
            full(out, b"vpcC", 1, 0, |out| out.put_slice(&vp9.to_record()));
        }),
        Codec::Vp8(vp8) => visual(out, b"vp08", &vp8.picture, |out| {
            full(out, b"vpcC", 1, 0, |out| out.put_slice(&vp8.to_record()));
        }),
        Codec::Flac(flac) => sound(out, b"fLaC", flac.sound, |out| {
            full(out, b"dfLa", 0, 0, |out| out.put_slice(&flac.to_box()));
        }),
        Codec::Ac3(ac3) => {
            let (entry, config) = if ac3.enhanced { (b"ec-3", b"dec3") } else { (b"ac-3", b"dac3") };
            sound(out, entry, ac3.sound, |out| boxed(out, config, |out| out.put_slice(&ac3.config)));
        }
        // C11.
        Codec::Opus(opus) => sound(out, b"Opus", opus.sound(), |out| {
            boxed(out, b"dOps", |out| out.put_slice(&opus.to_box()));
        }),
        Codec::Aac(aac) => sound(out, b"mp4a", aac.sound, |out| elementary_stream(out, aac)),
        // A codec that has no entry here is not packaged; an empty entry makes players say so.
        _ => boxed(out, b"free", |_| {}),
    }
}

/// VisualSampleEntry (ISO/IEC 14496-12 §12.1.3), closed by colour and pixel aspect (conformance C15).
fn visual(out: &mut Vec<u8>, kind: &[u8; 4], picture: &Picture, config: impl FnOnce(&mut Vec<u8>)) {
    boxed(out, kind, |out| {
        out.put_slice(&[0; 6]);
        out.put_u16(1); // data reference
        out.put_slice(&[0; 16]);
        out.put_u16(picture.width.min(0xffff) as u16);
        out.put_u16(picture.height.min(0xffff) as u16);
        out.put_u32(0x0048_0000); // 72 dpi
        out.put_u32(0x0048_0000);
        out.put_u32(0);
        out.put_u16(1); // frames in a sample
        out.put_slice(&[0; 32]); // name of the compressor
        out.put_u16(24); // depth
        out.put_u16(0xffff);
        config(out);
        if let Some(colour) = picture.colour {
            boxed(out, b"colr", |out| {
                out.put_slice(b"nclx");
                out.put_u16(colour.primaries.into());
                out.put_u16(colour.transfer.into());
                out.put_u16(colour.matrix.into());
                out.put_u8(if colour.full_range { 0x80 } else { 0 });
            });
        }
        boxed(out, b"pasp", |out| {
            out.put_u32(picture.pixel_aspect.0);
            out.put_u32(picture.pixel_aspect.1);
        });
    });
}

/// AudioSampleEntry (ISO/IEC 14496-12 §12.2.3).
fn sound(out: &mut Vec<u8>, kind: &[u8; 4], sound: Sound, config: impl FnOnce(&mut Vec<u8>)) {
    boxed(out, kind, |out| {
        out.put_slice(&[0; 6]);
        out.put_u16(1); // data reference
        out.put_u64(0);
        out.put_u16(sound.channels);
        out.put_u16(16); // bits of a sample
        out.put_u32(0);
        // 16.16: a rate that does not fit stands in the decoder's configuration alone.
        out.put_u32(u16::try_from(sound.rate).map_or(0, |rate| u32::from(rate) << 16));
        config(out);
    });
}

/// `esds` with the publisher's AudioSpecificConfig as it came (conformance C10; ISO/IEC 14496-1 §7.2.6).
fn elementary_stream(out: &mut Vec<u8>, aac: &Aac) {
    full(out, b"esds", 0, 0, |out| {
        // ES_Descriptor with id 0 and no options.
        descriptor(out, 0x03, |out| {
            out.put_slice(&[0, 0, 0]);
            descriptor(out, 0x04, |out| {
                out.put_u8(0x40); // MPEG-4 audio
                out.put_u8(0x15); // audio stream
                out.put_slice(&[0; 11]); // buffer size and bit rates: unknown
                descriptor(out, 0x05, |out| out.put_slice(&aac.config));
            });
            descriptor(out, 0x06, |out| out.put_u8(2)); // SLConfig: as in MP4 files
        });
    });
}

/// A descriptor with its size in two groups of seven bits, which hold all that a configuration can be.
fn descriptor(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.put_slice(&[tag, 0, 0]);
    let start = out.len();
    body(out);
    let len = out.len() - start;
    if let Some(size) = out.get_mut(start - 2..start) {
        size.copy_from_slice(&[0x80 | (len >> 7 & 0x7f) as u8, (len & 0x7f) as u8]);
    }
}
