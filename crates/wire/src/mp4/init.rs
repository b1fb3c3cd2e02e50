use bytes::{BufMut, Bytes};
use media::{Kind, Track};

use super::boxes::{boxed, full, put_unity_matrix};
use super::entry;

/// Every file has one track, and this is its number (conformance C14).
pub(super) const TRACK: u32 = 1;

/// The initialization segment of a track: `ftyp` and `moov`, without media or durations (conformance C1).
///
/// Samples are shown `delay` ticks before their composition time: an edit list takes back what all composition offsets
/// have in common, so that a segment is shown from its `tfdt` on and every offset is positive. Signed offsets would do
/// the same without one, but ffmpeg then shows pictures late (conformance C5).
pub fn init(track: &Track, delay: u64) -> Bytes {
    let mut out = Vec::with_capacity(1024);
    boxed(&mut out, b"ftyp", |out| {
        out.put_slice(b"iso6");
        out.put_u32(0);
        for brand in [b"iso6", b"cmfc"] {
            out.put_slice(brand);
        }
    });
    boxed(&mut out, b"moov", |out| {
        movie_header(out, track.codec.timescale());
        boxed(out, b"trak", |out| {
            track_header(out, track);
            if delay > 0 {
                boxed(out, b"edts", |out| edit(out, delay));
            }
            boxed(out, b"mdia", |out| media(out, track));
        });
        boxed(out, b"mvex", |out| {
            full(out, b"trex", 0, 0, |out| {
                out.put_u32(TRACK);
                out.put_u32(1); // the one sample description
                out.put_slice(&[0; 12]); // durations, sizes and flags come with the fragments
            });
        });
    });
    out.into()
}

fn movie_header(out: &mut Vec<u8>, timescale: u32) {
    full(out, b"mvhd", 0, 0, |out| {
        out.put_u64(0); // created, modified
        out.put_u32(timescale);
        out.put_u32(0); // duration
        out.put_u32(0x0001_0000); // rate 1.0
        out.put_u16(0x0100); // volume 1.0
        out.put_slice(&[0; 10]);
        put_unity_matrix(out);
        out.put_slice(&[0; 24]);
        out.put_u32(TRACK + 1); // next track
    });
}

fn track_header(out: &mut Vec<u8>, track: &Track) {
    // Enabled, in the movie.
    full(out, b"tkhd", 0, 3, |out| {
        out.put_u64(0); // created, modified
        out.put_u32(TRACK);
        out.put_u32(0);
        out.put_u32(0); // duration
        out.put_u64(0);
        out.put_u16(0); // layer
        out.put_u16(0); // alternate group
        out.put_u16(if track.kind() == Kind::Audio { 0x0100 } else { 0 });
        out.put_u16(0);
        put_unity_matrix(out);
        let (width, height) = track.codec.picture().map_or((0, 0), shown_size);
        out.put_u32(width);
        out.put_u32(height);
    });
}

/// One edit without end that begins `delay` ticks into the media.
fn edit(out: &mut Vec<u8>, delay: u64) {
    full(out, b"elst", 1, 0, |out| {
        out.put_u32(1);
        out.put_u64(0); // as long as the fragments make it
        out.put_u64(delay);
        out.put_u32(0x0001_0000); // rate 1.0
    });
}

/// The size at which to show the picture, in 16.16: its width stretched by the pixels' aspect (conformance C15).
fn shown_size(picture: &media::codec::Picture) -> (u32, u32) {
    let (across, down) = picture.pixel_aspect;
    let width = (u64::from(picture.width) << 16) * u64::from(across) / u64::from(down.max(1));
    (u32::try_from(width).unwrap_or(u32::MAX), picture.height.min(0xffff) << 16)
}

fn media(out: &mut Vec<u8>, track: &Track) {
    full(out, b"mdhd", 0, 0, |out| {
        out.put_u64(0); // created, modified
        out.put_u32(track.codec.timescale());
        out.put_u32(0); // duration
        out.put_u16(0x55c4); // `und`; the language stands in `elng`
        out.put_u16(0);
    });
    let (handler, name) = match track.kind() {
        Kind::Video => (b"vide", b"Video\0"),
        Kind::Audio => (b"soun", b"Sound\0"),
    };
    full(out, b"hdlr", 0, 0, |out| {
        out.put_u32(0);
        out.put_slice(handler);
        out.put_slice(&[0; 12]);
        out.put_slice(name);
    });
    if let Some(language) = &track.language {
        full(out, b"elng", 0, 0, |out| {
            out.put_slice(language.as_str().as_bytes());
            out.put_u8(0);
        });
    }
    boxed(out, b"minf", |out| {
        match track.kind() {
            Kind::Video => full(out, b"vmhd", 0, 1, |out| out.put_u64(0)),
            Kind::Audio => full(out, b"smhd", 0, 0, |out| out.put_u32(0)),
        }
        boxed(out, b"dinf", |out| {
            full(out, b"dref", 0, 0, |out| {
                out.put_u32(1);
                full(out, b"url ", 0, 1, |_| {}); // the media is in this file
            });
        });
        boxed(out, b"stbl", |out| {
            full(out, b"stsd", 0, 0, |out| {
                out.put_u32(1);
                entry::put(out, &track.codec);
            });
            for empty in [b"stts", b"stsc", b"stco"] {
                full(out, empty, 0, 0, |out| out.put_u32(0));
            }
            full(out, b"stsz", 0, 0, |out| out.put_u64(0));
        });
    });
}
