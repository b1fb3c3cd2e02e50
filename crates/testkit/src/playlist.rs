//! Reads HLS playlists (rfc8216bis), keeping every tag that a rule speaks of.

use std::collections::HashMap;

/// A media playlist as it was sent.
#[derive(Clone, Debug, Default)]
pub struct Media {
    /// EXT-X-VERSION.
    pub version: u32,
    /// EXT-X-TARGETDURATION, seconds.
    pub target: u32,
    /// EXT-X-PART-INF PART-TARGET, seconds.
    pub part_target: f64,
    /// EXT-X-SERVER-CONTROL, as written.
    pub server_control: HashMap<String, String>,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE, if it is there.
    pub discontinuity_sequence: Option<u64>,
    /// EXT-X-INDEPENDENT-SEGMENTS.
    pub independent_segments: bool,
    /// EXT-X-SKIP SKIPPED-SEGMENTS.
    pub skipped: u64,
    /// Complete segments, without the skipped ones.
    pub segments: Vec<Segment>,
    /// What is known of the next one: its parts and the tags before them.
    pub open: Segment,
    /// URIs of EXT-X-PRELOAD-HINT, with their TYPE.
    pub hints: Vec<(String, String)>,
    /// EXT-X-RENDITION-REPORT lines, as written.
    pub reports: Vec<HashMap<String, String>>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
    /// Every tag name met.
    pub tags: Vec<String>,
    /// What no reader should have to forgive.
    pub faults: Vec<String>,
}

/// One segment of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Empty while it is open.
    pub uri: String,
    /// EXTINF, seconds.
    pub duration: f64,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP.
    pub gap: bool,
    /// URI of the EXT-X-MAP in force.
    pub map: Option<String>,
    /// EXT-X-PROGRAM-DATE-TIME, Unix milliseconds.
    pub date_ms: Option<i64>,
    /// EXT-X-PART lines.
    pub parts: Vec<Part>,
}

/// One part of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// URI.
    pub uri: String,
    /// DURATION, seconds.
    pub duration: f64,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
}

/// One EXT-X-STREAM-INF of a multivariant playlist.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Attributes, unquoted.
    pub attributes: HashMap<String, String>,
    /// URI of its media playlist.
    pub uri: String,
}

/// A multivariant playlist.
#[derive(Clone, Debug, Default)]
pub struct Multivariant {
    /// EXT-X-VERSION.
    pub version: u32,
    /// EXT-X-STREAM-INF lines.
    pub variants: Vec<Variant>,
    /// EXT-X-MEDIA lines, unquoted.
    pub media: Vec<HashMap<String, String>>,
}

impl Multivariant {
    /// Reads one; panics on what is none.
    pub fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U\n"), "no playlist: {text}");
        let mut list = Self::default();
        let mut pending = None;
        for line in text.lines() {
            if let Some(version) = line.strip_prefix("#EXT-X-VERSION:") {
                list.version = number(version);
            } else if let Some(rest) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                pending = Some(attributes(rest));
            } else if let Some(rest) = line.strip_prefix("#EXT-X-MEDIA:") {
                list.media.push(attributes(rest));
            } else if !line.starts_with('#') && !line.is_empty() {
                let attributes = pending.take().expect("a URI follows its EXT-X-STREAM-INF");
                list.variants.push(Variant { attributes, uri: line.to_owned() });
            }
        }
        list
    }
}

impl Media {
    /// Reads one; panics on what is none.
    pub fn parse(text: &str) -> Self {
        assert!(text.starts_with("#EXTM3U\n"), "no playlist: {text}");
        let mut list = Self::default();
        let mut map = None;
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            let Some(tag) = line.strip_prefix('#') else {
                list.close_segment(line, &map);
                continue;
            };
            let (name, value) = tag.split_once(':').unwrap_or((tag, ""));
            if !name.starts_with("EXT") {
                continue; // a comment
            }
            list.tags.push(name.to_owned());
            if matches!(name, "EXT-X-DISCONTINUITY" | "EXT-X-MAP" | "EXT-X-PROGRAM-DATE-TIME")
                && !list.open.parts.is_empty()
            {
                list.faults.push(format!("H23: {name} after a part of its segment"));
            }
            match name {
                "EXT-X-VERSION" => list.version = number(value),
                "EXT-X-TARGETDURATION" => list.target = number(value),
                "EXT-X-PART-INF" => list.part_target = number(&attributes(value)["PART-TARGET"]),
                "EXT-X-SERVER-CONTROL" => list.server_control = attributes(value),
                "EXT-X-MEDIA-SEQUENCE" => list.media_sequence = number(value),
                "EXT-X-DISCONTINUITY-SEQUENCE" => list.discontinuity_sequence = Some(number(value)),
                "EXT-X-INDEPENDENT-SEGMENTS" => list.independent_segments = true,
                "EXT-X-SKIP" => list.skipped = number(&attributes(value)["SKIPPED-SEGMENTS"]),
                "EXTINF" => list.open.duration = number(value.split(',').next().unwrap_or_default()),
                "EXT-X-DISCONTINUITY" if list.open.discontinuity => list.faults.push("H15: two discontinuities".into()),
                "EXT-X-DISCONTINUITY" => list.open.discontinuity = true,
                "EXT-X-GAP" => list.open.gap = true,
                "EXT-X-MAP" => map = Some(attributes(value)["URI"].clone()),
                "EXT-X-PROGRAM-DATE-TIME" => list.open.date_ms = Some(date_ms(value)),
                "EXT-X-PART" => list.open.parts.push(part(&attributes(value))),
                "EXT-X-PRELOAD-HINT" => {
                    let hint = attributes(value);
                    list.hints.push((hint["TYPE"].clone(), hint["URI"].clone()));
                }
                "EXT-X-RENDITION-REPORT" => list.reports.push(attributes(value)),
                "EXT-X-ENDLIST" => list.ended = true,
                other => list.faults.push(format!("unknown tag {other}")),
            }
        }
        list.open.map = map;
        list.open.msn = list.next_msn();
        list
    }

    fn close_segment(&mut self, uri: &str, map: &Option<String>) {
        let msn = self.next_msn();
        let open = std::mem::take(&mut self.open);
        self.segments.push(Segment { msn, uri: uri.to_owned(), map: map.clone(), ..open });
    }

    /// The number of the segment after the last complete one.
    pub fn next_msn(&self) -> u64 {
        self.media_sequence + self.skipped + self.segments.len() as u64
    }

    /// All segments, the open one last.
    pub fn all(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().chain([&self.open])
    }

    /// The segment of that number.
    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        self.all().find(|segment| segment.msn == msn)
    }

    /// A number in EXT-X-SERVER-CONTROL.
    pub fn control(&self, name: &str) -> Option<f64> {
        self.server_control.get(name).map(|value| number(value))
    }

    /// The full list that this delta update makes of `old` (H36).
    pub fn onto(&self, old: &Self) -> Self {
        let kept = old
            .segments
            .iter()
            .filter(|segment| segment.msn >= self.media_sequence && segment.msn < self.media_sequence + self.skipped);
        let segments: Vec<_> = kept.chain(&self.segments).cloned().collect();
        Self { segments, skipped: 0, ..self.clone() }
    }

    /// Where the live edge is: the open segment and how many parts it has.
    pub fn edge(&self) -> (u64, usize) {
        (self.open.msn, self.open.parts.len())
    }
}

fn part(attributes: &HashMap<String, String>) -> Part {
    let yes = |name| attributes.get(name).is_some_and(|value| value == "YES");
    let (independent, gap) = (yes("INDEPENDENT"), yes("GAP"));
    Part { uri: attributes["URI"].clone(), duration: number(&attributes["DURATION"]), independent, gap }
}

/// `A=1,B="x,y"` as a map, quotes taken off.
pub fn attributes(mut list: &str) -> HashMap<String, String> {
    let mut map = HashMap::new();
    while let Some((name, rest)) = list.split_once('=') {
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (value, rest) = quoted.split_once('"').expect("a closing quote");
                (value, rest.strip_prefix(',').unwrap_or(rest))
            }
            None => rest.split_once(',').unwrap_or((rest, "")),
        };
        let twice = map.insert(name.to_owned(), value.to_owned());
        assert!(twice.is_none(), "attribute {name} stands twice");
        list = rest;
    }
    map
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().unwrap_or_else(|| panic!("not a number: {text:?}"))
}

/// `2026-11-21T03:15:01.123Z` as Unix milliseconds.
fn date_ms(text: &str) -> i64 {
    let (date, time) = text.split_once('T').expect("a date and a time");
    let time = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).expect("a time in UTC");
    let mut date = date.split('-').map(number::<i64>);
    let (y, m, d) = (date.next().expect("year"), date.next().expect("month"), date.next().expect("day"));
    let (clock, ms) = time.split_once('.').expect("milliseconds");
    assert_eq!(ms.len(), 3, "milliseconds in three digits: {text}");
    let secs = clock.split(':').map(number::<i64>).fold(0, |sum, field| sum * 60 + field);
    // Days from civil, after Howard Hinnant.
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let day_of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    let of_era = y.rem_euclid(400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    (days * 86_400 + secs) * 1000 + number::<i64>(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_unix_time() {
        assert_eq!(date_ms("1970-01-01T00:00:00.000Z"), 0);
        assert_eq!(date_ms("2024-02-29T12:34:56.789Z"), 1_709_210_096_789);
    }

    #[test]
    fn attributes_survive_commas_in_quotes() {
        let map = attributes("BANDWIDTH=5,CODECS=\"avc1.4d401f,mp4a.40.2\",FRAME-RATE=30.000");
        assert_eq!(map["CODECS"], "avc1.4d401f,mp4a.40.2");
        assert_eq!(map["FRAME-RATE"], "30.000");
    }

    #[test]
    fn parts_belong_to_the_segment_that_follows() {
        let list = Media::parse(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"i.mp4\"\n\
             #EXT-X-PART:DURATION=1.0,URI=\"7.0\",INDEPENDENT=YES\n#EXT-X-PART:DURATION=1.0,URI=\"7.1\"\n\
             #EXTINF:2.0,\n7\n#EXT-X-PART:DURATION=1.0,URI=\"8.0\",INDEPENDENT=YES\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"8.1\"\n",
        );
        assert_eq!((list.segments.len(), list.segments[0].parts.len()), (1, 2));
        assert_eq!(list.edge(), (8, 1));
        assert_eq!(list.open.map.as_deref(), Some("i.mp4"));
    }
}
