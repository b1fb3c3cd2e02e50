//! The MPD as XML. One page of elements in the order the schema wants, so an own writer: no type
//! tree to fill, no order to get wrong in a library, nothing between a value and its byte.

use std::fmt::{self, Write};

use media::codec::Codec;
use media::{Kind, Span, Time};

use super::manifest::{Body, Entry, Manifest, Period, Representation, Segments, Set};
use crate::hls::text::{Date, KeyQuery};

const PROFILES: &str = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019,\
                        http://www.dashif.org/guidelines/low-latency-live-v5";

/// A manifest for one key: displays as its text.
pub(super) struct Mpd<'a> {
    pub(super) manifest: &'a Manifest,
    /// The key that media addresses carry, on a path that asks for one.
    pub(super) key: Option<&'a str>,
}

impl fmt::Display for Mpd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        whole(f, self.manifest, KeyQuery(self.key))
    }
}

fn whole(out: &mut fmt::Formatter<'_>, manifest: &Manifest, key: KeyQuery<'_>) -> fmt::Result {
    let body = &manifest.body;
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    write!(out, r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="{PROFILES}""#)?;
    write!(out, r#" type="{}""#, if is_static(body) { "static" } else { "dynamic" })?;
    write!(out, r#" availabilityStartTime="{}""#, Date(body.zero))?;
    write!(out, r#" publishTime="{}""#, Date(manifest.published))?;
    if body.ended {
        let end = body.periods.last().and_then(|period| period.end).unwrap_or_default();
        write!(out, r#" mediaPresentationDuration="{}""#, seconds(end.since(Time::ZERO)))?;
    } else {
        write!(out, r#" minimumUpdatePeriod="{}""#, seconds(manifest.update_period().into()))?;
    }
    if !is_static(body) {
        write!(out, r#" timeShiftBufferDepth="PT{}S""#, body.depth_secs)?;
        write!(out, r#" suggestedPresentationDelay="{}""#, seconds(body.delay))?;
    }
    writeln!(out, r#" maxSegmentDuration="{}" minBufferTime="PT1S">"#, seconds(body.longest))?;

    let latency = body.latency;
    writeln!(out, r#"  <ServiceDescription id="0">"#)?;
    let (target, min, max) = (latency.target_ms, latency.min_ms, latency.max_ms);
    writeln!(out, r#"    <Latency referenceId="1" target="{target}" min="{min}" max="{max}"/>"#)?;
    writeln!(out, r#"    <PlaybackRate min="0.96" max="1.04"/>"#)?;
    writeln!(out, r#"  </ServiceDescription>"#)?;
    for period in &body.periods {
        self::period(out, body, period, key)?;
    }
    // Relative to the manifest: that is why BaseURL stands in the periods and not above.
    let up = "../".repeat(body.path.depth() + 1);
    writeln!(out, r#"  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="{up}api/v1/time"/>"#)?;
    writeln!(out, "</MPD>")
}

/// Of a broadcast that is over, a timeline says exactly what can still be had. Numbers do not: they
/// stay `dynamic` without updates, so that the time shift buffer goes on to bound them (D13).
fn is_static(body: &Body) -> bool {
    let listed = |representation: &Representation| matches!(representation.segments, Segments::Listed { .. });
    body.ended && body.periods.iter().flat_map(|period| &period.sets).all(|set| set.representations.iter().all(listed))
}

fn period(out: &mut fmt::Formatter<'_>, body: &Body, period: &Period, key: KeyQuery<'_>) -> fmt::Result {
    write!(out, r#"  <Period id="{}" start="{}""#, period.id, seconds(period.start.since(Time::ZERO)))?;
    if let Some(end) = period.end {
        write!(out, r#" duration="{}""#, seconds(end.since(period.start)))?;
    }
    writeln!(out, ">")?;
    let up = "../".repeat(body.path.depth() + 1);
    writeln!(out, "    <BaseURL>{up}media/{}/{}/</BaseURL>", Escaped(body.path.as_str()), Escaped(&body.era))?;
    let audios = period.sets.iter().filter(|set| set.kind() == Some(Kind::Audio)).count();
    let mut audio_sets = 0;
    for (index, set) in period.sets.iter().enumerate() {
        let main = set.kind() == Some(Kind::Video) || audio_sets == 0;
        audio_sets += usize::from(set.kind() == Some(Kind::Audio));
        let label = (audios > 1 && set.kind() == Some(Kind::Audio)).then_some(audio_sets);
        adaptation_set(out, body, period, set, &Place { id: index + 1, main, label }, key)?;
    }
    writeln!(out, "  </Period>")
}

/// What a set is among those of its period.
struct Place {
    /// From 1.
    id: usize,
    /// It is what to play unless somebody chooses otherwise.
    main: bool,
    /// Tells several sounds apart, by number.
    label: Option<usize>,
}

fn adaptation_set(
    out: &mut fmt::Formatter<'_>,
    body: &Body,
    period: &Period,
    set: &Set,
    place: &Place,
    key: KeyQuery<'_>,
) -> fmt::Result {
    let &Place { id, main, label } = place;
    let Some(first) = set.representations.first() else { return Ok(()) };
    let track = &first.init.track;
    let kind = track.kind().as_str();
    write!(out, r#"    <AdaptationSet id="{id}" contentType="{kind}" mimeType="{kind}/mp4""#)?;
    if let Some(language) = &track.language {
        write!(out, r#" lang="{}""#, Escaped(language.as_str()))?;
    }
    let pictures = || set.representations.iter().filter_map(|one| one.init.track.codec.picture());
    if let (Some(width), Some(height)) = (pictures().map(|p| p.width).max(), pictures().map(|p| p.height).max()) {
        write!(out, r#" maxWidth="{width}" maxHeight="{height}""#)?;
    }
    write!(out, r#" segmentAlignment="true""#)?;
    if set.independent {
        write!(out, r#" startWithSAP="1""#)?;
    }
    writeln!(out, ">")?;
    if let Some(before) = period.continues {
        let scheme = "urn:mpeg:dash:period-continuity:2015";
        writeln!(out, r#"      <SupplementalProperty schemeIdUri="{scheme}" value="{before}"/>"#)?;
    }
    if let Some(number) = label {
        let language = track.language.as_ref().map(|tag| format!(" ({})", tag.as_str())).unwrap_or_default();
        writeln!(out, "      <Label>Audio {number}{}</Label>", Escaped(&language))?;
    }
    // Presentation time follows the server's clock (D11).
    let wall = Date(body.zero + period.start.since(Time::ZERO).to_duration());
    let ticks = period.origin.to_ticks(track.codec.timescale());
    writeln!(
        out,
        r#"      <ProducerReferenceTime id="{id}" type="encoder" wallClockTime="{wall}" presentationTime="{ticks}"/>"#
    )?;
    let role = if main { "main" } else { "alternate" };
    writeln!(out, r#"      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="{role}"/>"#)?;
    for representation in &set.representations {
        self::representation(out, period, representation, key)?;
    }
    writeln!(out, "    </AdaptationSet>")
}

fn representation(
    out: &mut fmt::Formatter<'_>,
    period: &Period,
    one: &Representation,
    key: KeyQuery<'_>,
) -> fmt::Result {
    let codec = &one.init.track.codec;
    write!(
        out,
        r#"      <Representation id="{}" codecs="{codec}" bandwidth="{}""#,
        Escaped(&one.name),
        one.bandwidth.max(1)
    )?;
    if let Some(picture) = codec.picture() {
        write!(out, r#" width="{}" height="{}""#, picture.width, picture.height)?;
        let (horizontal, vertical) = picture.pixel_aspect;
        write!(out, r#" sar="{horizontal}:{vertical}""#)?;
        match picture.frame_rate {
            Some((frames, 1)) => write!(out, r#" frameRate="{frames}""#)?,
            Some((frames, seconds)) => write!(out, r#" frameRate="{frames}/{seconds}""#)?,
            None => {}
        }
    }
    if let Some(sound) = codec.sound() {
        write!(out, r#" audioSamplingRate="{}""#, sound.rate)?;
    }
    writeln!(out, ">")?;
    if let Some(layout) = codec.sound().map(|sound| channel_configuration(sound.channels)) {
        let scheme = "urn:mpeg:mpegB:cicp:ChannelConfiguration";
        writeln!(out, r#"        <AudioChannelConfiguration schemeIdUri="{scheme}" value="{layout}"/>"#)?;
    }
    segment_template(out, period, one, codec, key)?;
    writeln!(out, "      </Representation>")
}

fn segment_template(
    out: &mut fmt::Formatter<'_>,
    period: &Period,
    one: &Representation,
    codec: &Codec,
    key: KeyQuery<'_>,
) -> fmt::Result {
    let scale = codec.timescale();
    write!(out, r#"        <SegmentTemplate timescale="{scale}""#)?;
    write!(out, r#" presentationTimeOffset="{}""#, period.origin.to_ticks(scale))?;
    write!(out, r#" initialization="$RepresentationID$.i{}.mp4{key}""#, one.init.number)?;
    write!(out, r#" media="$RepresentationID$.$Number$.m4s{key}""#)?;
    if one.offset > Span::ZERO {
        write!(out, r#" availabilityTimeOffset="{}""#, Seconds(one.offset))?;
        write!(out, r#" availabilityTimeComplete="false""#)?;
    }
    match &one.segments {
        Segments::Numbered { first, every } => writeln!(out, r#" startNumber="{first}" duration="{every}"/>"#),
        Segments::Listed { first, entries } => {
            writeln!(out, r#" startNumber="{first}">"#)?;
            writeln!(out, "          <SegmentTimeline>")?;
            timeline(out, entries)?;
            writeln!(out, "          </SegmentTimeline>")?;
            writeln!(out, "        </SegmentTemplate>")
        }
    }
}

/// Equal lengths that follow each other share an `S`; `t` stands where the time is not the sum so far.
fn timeline(out: &mut fmt::Formatter<'_>, entries: &[Entry]) -> fmt::Result {
    let mut rest = entries;
    let mut expected = None;
    while let Some(first) = rest.first() {
        let follows = |(index, entry): (usize, &Entry)| {
            let ahead = i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(first.ticks);
            entry.ticks == first.ticks && entry.start == first.start.saturating_add(ahead)
        };
        let run = rest.iter().enumerate().take_while(|&(index, entry)| follows((index, entry))).count().max(1);
        write!(out, "            <S")?;
        if expected != Some(first.start) {
            write!(out, r#" t="{}""#, first.start)?;
        }
        write!(out, r#" d="{}""#, first.ticks)?;
        if run > 1 {
            write!(out, r#" r="{}""#, run - 1)?;
        }
        writeln!(out, "/>")?;
        expected = rest.get(run - 1).map(|last| last.start.saturating_add(last.ticks));
        rest = rest.get(run..).unwrap_or_default();
    }
    Ok(())
}

impl Set {
    fn kind(&self) -> Option<Kind> {
        self.representations.first().map(|one| one.init.track.kind())
    }
}

/// ISO/IEC 23091-3 code point of the usual layout with that many channels.
fn channel_configuration(channels: u16) -> u16 {
    match channels {
        7 => 11,
        8 => 12,
        other => other,
    }
}

fn seconds(span: Span) -> impl fmt::Display {
    struct Period(Span);
    impl fmt::Display for Period {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "PT{}S", Seconds(self.0))
        }
    }
    Period(span)
}

/// Decimal seconds to the nanosecond, no trailing zeros; negative spans are zero.
struct Seconds(Span);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.0.max(0);
        write!(f, "{}", nanos / 1_000_000_000)?;
        match nanos % 1_000_000_000 {
            0 => Ok(()),
            fraction => f.write_str(format!(".{fraction:09}").trim_end_matches('0')),
        }
    }
}

/// Text that may stand in an attribute or an element (D14).
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c if c.is_control() => Ok(()),
            c => f.write_char(c),
        })
    }
}
