use std::fmt::{self, Write};
use std::sync::Arc;

use media::{Path, Span};

use super::multivariant::has_place;
use super::text::{Date, KeyQuery, Seconds};
use super::{Address, cache::Variant};
use crate::{Init, Segment, Window};

/// The media playlist of one rendition: displays as its text.
#[derive(Clone, Copy)]
pub struct Media<'a> {
    /// The broadcast.
    pub path: &'a Path,
    /// The presentation's.
    pub era: &'a str,
    /// Name of the rendition.
    pub name: &'a str,
    /// What to list.
    pub window: &'a Window,
    /// The other renditions of the presentation by name, for EXT-X-RENDITION-REPORT (H29).
    pub others: &'a [(&'a str, Arc<Window>)],
    /// Which of the ways to write it.
    pub variant: Variant<'a>,
}

/// CAN-SKIP-UNTIL in target durations (H19).
const SKIP_BOUNDARY: i64 = 6;
/// For how many target durations from the end parts are listed (RFC 8216bis §4.4.4.9).
const PARTS_LISTED: i64 = 3;
/// PART-HOLD-BACK in part targets (H19, A-14.3).
const PART_HOLD_BACK: i64 = 3;
/// HOLD-BACK in target durations (H19).
const HOLD_BACK: i64 = 3;

impl fmt::Display for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let window = self.window;
        let skipped = if self.variant.skip { self.skippable() } else { 0 };
        self.head(f, skipped)?;

        let end = window.segments.iter().chain(&window.open).map(|s| s.duration).fold(Span::ZERO, |a, b| a + b);
        let mut at = Span::ZERO;
        let mut init: Option<&Arc<Init>> = None;
        for (index, segment) in window.segments.iter().enumerate() {
            at += segment.duration;
            if index >= skipped {
                self.announce(f, segment, init)?;
                if end - at < self.targets(PARTS_LISTED) {
                    self.parts(f, segment)?;
                }
                if segment.gap {
                    f.write_str("#EXT-X-GAP\n")?;
                }
                let address = Address::Segment { rendition: self.name, msn: segment.msn };
                writeln!(f, "#EXTINF:{},\n{}", Seconds(segment.duration), self.uri(&address))?;
                init = Some(&segment.init);
            }
        }
        if window.ended {
            return f.write_str("#EXT-X-ENDLIST\n");
        }
        self.edge(f, init)?;
        self.others.iter().try_for_each(|(name, other)| self.report(f, name, other))
    }
}

impl Media<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>, skipped: usize) -> fmt::Result {
        let window = self.window;
        let part_target = window.part_target;
        // EXT-X-MAP asks for 6, EXT-X-SKIP for 9 (H6).
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{}", if skipped > 0 { 9 } else { 6 })?;
        writeln!(f, "#EXT-X-TARGETDURATION:{}", window.target_duration_secs)?;
        writeln!(
            f,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={},PART-HOLD-BACK={},HOLD-BACK={}",
            Seconds(self.targets(SKIP_BOUNDARY)),
            Seconds(Span(part_target.0.saturating_mul(PART_HOLD_BACK))),
            Seconds(self.targets(HOLD_BACK)),
        )?;
        writeln!(f, "#EXT-X-PART-INF:PART-TARGET={}", Seconds(part_target))?;
        writeln!(f, "#EXT-X-MEDIA-SEQUENCE:{}", window.media_sequence())?;
        writeln!(f, "#EXT-X-DISCONTINUITY-SEQUENCE:{}", window.discontinuity_sequence)?;
        if window.independent_segments {
            f.write_str("#EXT-X-INDEPENDENT-SEGMENTS\n")?;
        }
        if skipped > 0 {
            writeln!(f, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")?;
        }
        Ok(())
    }

    /// What stands before the first line of a segment: the break, the init where it changes, the date (H11, H14, H15, H23).
    fn announce(&self, f: &mut fmt::Formatter<'_>, segment: &Segment, before: Option<&Arc<Init>>) -> fmt::Result {
        if segment.discontinuity {
            f.write_str("#EXT-X-DISCONTINUITY\n")?;
        }
        if before.is_none_or(|before| before.number != segment.init.number) {
            writeln!(f, "#EXT-X-MAP:URI=\"{}\"", self.init_uri(&segment.init))?;
        }
        // On every segment, so that no line of one ever changes while the window slides.
        writeln!(f, "#EXT-X-PROGRAM-DATE-TIME:{}", Date(segment.wall))
    }

    fn parts(&self, f: &mut fmt::Formatter<'_>, segment: &Segment) -> fmt::Result {
        for (index, part) in segment.parts.iter().enumerate() {
            let address = Address::Part { rendition: self.name, msn: segment.msn, part: index };
            let independent = if part.independent { ",INDEPENDENT=YES" } else { "" };
            let duration = Seconds(part.duration);
            writeln!(f, "#EXT-X-PART:DURATION={duration},URI=\"{}\"{independent}", self.uri(&address))?;
        }
        Ok(())
    }

    /// The open segment and what comes after its last part (H26).
    fn edge(&self, f: &mut fmt::Formatter<'_>, before: Option<&Arc<Init>>) -> fmt::Result {
        let (msn, part) = match (&self.window.open, self.window.segments.last()) {
            (Some(open), _) => {
                if !open.parts.is_empty() {
                    self.announce(f, open, before)?;
                    self.parts(f, open)?;
                } else if before.is_some_and(|before| before.number != open.init.number) {
                    writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=MAP,URI=\"{}\"", self.init_uri(&open.init))?;
                }
                (open.msn, open.parts.len())
            }
            (None, Some(last)) => (last.msn.saturating_add(1), 0),
            (None, None) => return Ok(()),
        };
        let next = Address::Part { rendition: self.name, msn, part };
        writeln!(f, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"", self.uri(&next))
    }

    fn report(&self, f: &mut fmt::Formatter<'_>, name: &str, other: &Window) -> fmt::Result {
        let open = other.open.as_ref().filter(|open| !open.parts.is_empty());
        let Some(last) = open.or(other.segments.last()) else { return Ok(()) };
        if !has_place(&last.init.track.codec) {
            return Ok(());
        }
        let key = KeyQuery(self.variant.key);
        write!(f, "#EXT-X-RENDITION-REPORT:URI=\"{name}.m3u8{key}\",LAST-MSN={}", last.msn)?;
        match last.parts.len().checked_sub(1) {
            Some(part) => writeln!(f, ",LAST-PART={part}"),
            None => f.write_char('\n'),
        }
    }

    /// How many segments from the start lie wholly farther from the end than CAN-SKIP-UNTIL (H36).
    fn skippable(&self) -> usize {
        let boundary = self.targets(SKIP_BOUNDARY);
        let mut behind = self.window.open.as_ref().map_or(Span::ZERO, |open| open.duration);
        let kept = self.window.segments.iter().rev().take_while(|segment| {
            let near = behind < boundary;
            behind += segment.duration;
            near
        });
        self.window.segments.len().saturating_sub(kept.count())
    }

    fn targets(&self, count: i64) -> Span {
        Span::from_millis(i64::from(self.window.target_duration_secs).saturating_mul(count * 1000))
    }

    fn init_uri<'a>(&'a self, init: &Init) -> impl fmt::Display + use<'a> {
        let address = Address::Init { rendition: self.name, number: init.number };
        Uri { media: self, address }
    }

    fn uri<'a>(&'a self, address: &Address<'a>) -> impl fmt::Display + use<'a> {
        Uri { media: self, address: address.clone() }
    }
}

/// A media URI, relative to the playlist's own.
struct Uri<'a> {
    media: &'a Media<'a>,
    address: Address<'a>,
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Media { path, era, variant, .. } = self.media;
        (0..=path.depth()).try_for_each(|_| f.write_str("../"))?;
        write!(f, "media/{path}/{era}/{}{}", self.address, KeyQuery(variant.key))
    }
}
