//! As much of HLS as a player must read (RFC 8216bis): total, and indifferent to tags it does not know.

use std::sync::Arc;

use crate::date::date_ms;

/// A playlist of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Playlist {
    /// What there is to choose from.
    Multivariant(Multivariant),
    /// Segments of one rendition.
    Media(Media),
}

/// What there is to choose from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Multivariant {
    /// In the order of the playlist.
    pub variants: Vec<Variant>,
    /// Audio renditions with an address of their own: group and address, defaults first.
    pub audio: Vec<(String, String)>,
}

/// One EXT-X-STREAM-INF.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Address of its media playlist.
    pub uri: String,
    /// BANDWIDTH, bits per second.
    pub bandwidth_bps: u64,
    /// Group of audio renditions that goes with it.
    pub audio: Option<String>,
}

/// Segments of one rendition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    /// EXT-X-TARGETDURATION, seconds.
    pub target_secs: f64,
    /// PART-TARGET, seconds, where there are parts.
    pub part_target_secs: Option<f64>,
    /// PART-HOLD-BACK, seconds.
    pub part_hold_back_secs: Option<f64>,
    /// CAN-BLOCK-RELOAD=YES.
    pub can_block: bool,
    /// Number of the first segment.
    pub msn: u64,
    /// Complete ones, oldest first.
    pub segments: Vec<Segment>,
    /// Parts of the segment in the making.
    pub open: Segment,
    /// Nothing will be added.
    pub ended: bool,
}

/// A segment, or what there is of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Its address; empty for one in the making.
    pub uri: String,
    /// EXTINF, seconds.
    pub secs: f64,
    /// EXT-X-GAP: not to be fetched.
    pub gap: bool,
    /// Address of the init that it needs.
    pub init: Option<Arc<str>>,
    /// EXT-X-PROGRAM-DATE-TIME in milliseconds since 1970.
    pub date_ms: Option<i64>,
    /// Its parts, where they are listed.
    pub parts: Vec<Part>,
}

/// A partial segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its address.
    pub uri: String,
    /// DURATION, seconds.
    pub secs: f64,
    /// A player may start with it.
    pub independent: bool,
}

impl Playlist {
    /// Reads a playlist; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        if lines.next()? != "#EXTM3U" {
            return None;
        }
        if text.contains("#EXT-X-STREAM-INF:") {
            return Some(Self::Multivariant(multivariant(lines)));
        }
        Some(Self::Media(media(lines)))
    }
}

fn multivariant<'a>(lines: impl Iterator<Item = &'a str>) -> Multivariant {
    let mut out = Multivariant::default();
    let mut next: Option<(u64, Option<String>)> = None;
    for line in lines {
        if let Some(list) = line.strip_prefix("#EXT-X-STREAM-INF:") {
            let bandwidth = attribute(list, "BANDWIDTH").and_then(|text| text.parse().ok()).unwrap_or(0);
            next = Some((bandwidth, attribute(list, "AUDIO").map(Into::into)));
        } else if let Some(list) = line.strip_prefix("#EXT-X-MEDIA:") {
            let audio = attribute(list, "TYPE") == Some("AUDIO");
            if let (true, Some(group), Some(uri)) = (audio, attribute(list, "GROUP-ID"), attribute(list, "URI")) {
                let default = attribute(list, "DEFAULT") == Some("YES");
                let at = if default { 0 } else { out.audio.len() };
                out.audio.insert(at, (group.into(), uri.into()));
            }
        } else if !line.starts_with('#')
            && let Some((bandwidth_bps, audio)) = next.take()
        {
            out.variants.push(Variant { uri: line.into(), bandwidth_bps, audio });
        }
    }
    out
}

fn media<'a>(lines: impl Iterator<Item = &'a str>) -> Media {
    let mut out = Media::default();
    let mut current = Segment::default();
    let mut init: Option<Arc<str>> = None;
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-TARGETDURATION" => out.target_secs = seconds(value),
            "#EXT-X-MEDIA-SEQUENCE" => out.msn = value.parse().unwrap_or(0),
            "#EXT-X-PART-INF" => out.part_target_secs = attribute(value, "PART-TARGET").map(seconds),
            "#EXT-X-SERVER-CONTROL" => {
                out.can_block = attribute(value, "CAN-BLOCK-RELOAD") == Some("YES");
                out.part_hold_back_secs = attribute(value, "PART-HOLD-BACK").map(seconds);
            }
            "#EXT-X-MAP" => init = attribute(value, "URI").map(Into::into),
            "#EXT-X-PROGRAM-DATE-TIME" => current.date_ms = date_ms(value),
            "#EXT-X-GAP" => current.gap = true,
            "#EXT-X-ENDLIST" => out.ended = true,
            "#EXTINF" => current.secs = seconds(value.split(',').next().unwrap_or("")),
            "#EXT-X-PART" => {
                let (Some(uri), Some(duration)) = (attribute(value, "URI"), attribute(value, "DURATION")) else {
                    continue;
                };
                let independent = attribute(value, "INDEPENDENT") == Some("YES");
                current.init = init.clone();
                current.parts.push(Part { uri: uri.into(), secs: seconds(duration), independent });
            }
            _ if line.starts_with('#') => {}
            _ => {
                let segment = Segment { uri: line.into(), init: init.clone(), ..std::mem::take(&mut current) };
                out.segments.push(segment);
            }
        }
    }
    let mut date_ms = None;
    for segment in out.segments.iter_mut().chain([&mut current]) {
        segment.date_ms = segment.date_ms.or(date_ms);
        date_ms = segment.date_ms.map(|at| at.saturating_add((segment.secs * 1000.0).round() as i64));
    }
    current.init = current.init.or(init);
    out.open = current;
    out
}

/// The value of an attribute in a list, without its quotes.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, next) = quoted.split_once('"')?;
                (value, next.strip_prefix(',').unwrap_or(next))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim() == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// Decimal seconds; a day at most, never negative.
fn seconds(text: &str) -> f64 {
    text.trim().parse::<f64>().ok().filter(|secs| secs.is_finite()).unwrap_or(0.0).clamp(0.0, 86_400.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOW_LATENCY: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=0.6,HOLD-BACK=6.0\n\
        #EXT-X-PART-INF:PART-TARGET=0.2\n#EXT-X-MEDIA-SEQUENCE:7\n\
        #EXT-X-MAP:URI=\"v0.i0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-11-21T03:15:01.123Z\n\
        #EXTINF:2.0,\nv0.7.m4s\n#EXT-X-GAP\n#EXTINF:1.5,\nv0.8.m4s\n\
        #EXT-X-PART:DURATION=0.2,URI=\"v0.9.0.m4s\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=0.1,URI=\"v0.9.1.m4s\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v0.9.2.m4s\"\n";

    #[test]
    fn a_low_latency_playlist_is_read() {
        let Some(Playlist::Media(media)) = Playlist::parse(LOW_LATENCY) else { panic!() };
        assert_eq!((media.target_secs, media.part_target_secs, media.msn), (2.0, Some(0.2), 7));
        assert_eq!((media.can_block, media.part_hold_back_secs, media.ended), (true, Some(0.6), false));
        let gaps: Vec<_> = media.segments.iter().map(|segment| (segment.secs, segment.gap)).collect();
        assert_eq!(gaps, [(2.0, false), (1.5, true)]);
        assert_eq!(media.open.parts.len(), 2);
        assert_eq!(media.open.date_ms, Some(1_795_230_904_623));
        assert_eq!(media.open.init.as_deref(), Some("v0.i0.mp4"));
    }

    #[test]
    fn a_multivariant_playlist_is_read() {
        let text = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"x, y\",URI=\"a1.m3u8\"\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",DEFAULT=YES,URI=\"a0.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=900,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"a\"\nv0.m3u8\n";
        let Some(Playlist::Multivariant(read)) = Playlist::parse(text) else { panic!() };
        assert_eq!(read.variants, [Variant { uri: "v0.m3u8".into(), bandwidth_bps: 900, audio: Some("a".into()) }]);
        assert_eq!(read.audio[0].1, "a0.m3u8");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(lines in prop::collection::vec("[#A-Z:,=\"0-9.éT+-]{0,40}", 0..20)) {
            Playlist::parse(&format!("#EXTM3U\n{}", lines.join("\n")));
            lines.iter().for_each(|line| assert!(attribute(line, "URI").is_none_or(|uri| uri.len() < line.len())));
        }
    }
}
