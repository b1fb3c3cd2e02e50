//! As much of an MPD as a player must read (ISO/IEC 23009-1): segment templates by number or by timeline. Total, and
//! indifferent to what it does not know.

use roxmltree::{Document, Node};

use crate::date::date_ms;

/// What there is to play, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mpd {
    /// `type="dynamic"`: segments come with time.
    pub is_live: bool,
    /// availabilityStartTime, milliseconds since 1970: presentation time zero.
    pub zero_ms: i64,
    /// minimumUpdatePeriod, seconds; `None`: it stays as it is.
    pub update_secs: Option<f64>,
    /// suggestedPresentationDelay, seconds.
    pub delay_secs: Option<f64>,
    /// ServiceDescription's Latency target, seconds.
    pub latency_secs: Option<f64>,
    /// Where the next one is to be had, if elsewhere.
    pub location: Option<String>,
    /// Whose clock it goes by, the best first.
    pub clocks: Vec<Clock>,
    /// One after the other.
    pub periods: Vec<Period>,
}

/// UTCTiming, where a player can use it.
#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// This text is the time at which the MPD was made.
    Direct(i64),
    /// The time is the body of what is at that address.
    Body(String),
    /// The time is the `Date` of what is at that address.
    Header(String),
}

/// A stretch of the presentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// Seconds from zero.
    pub start_secs: f64,
    /// The same of its end, where that is known.
    pub end_secs: Option<f64>,
    /// Its dearest pictures.
    pub video: Option<Representation>,
    /// Its dearest sound.
    pub audio: Option<Representation>,
}

/// One rendition in one period.
#[derive(Clone, Debug, PartialEq)]
pub struct Representation {
    /// Its name.
    pub id: String,
    /// Bits per second.
    pub bandwidth_bps: u64,
    /// What its addresses are relative to, from the MPD's own on.
    pub bases: Vec<String>,
    /// Template of its init's address.
    pub init: Option<String>,
    /// Template of its segments' addresses.
    pub media: String,
    /// Ticks a second.
    pub scale: f64,
    /// presentationTimeOffset: ticks at the period's start.
    pub origin: f64,
    /// availabilityTimeOffset: so many seconds before its end a segment may be asked for.
    pub early_secs: f64,
    /// And comes as it is made then (availabilityTimeComplete is false).
    pub is_partial: bool,
    /// startNumber.
    pub first: u64,
    /// There is a timeline: what it names is there, beside what is partial.
    pub is_listed: bool,
    /// Segments of equal length that follow each other, oldest first.
    pub runs: Vec<Run>,
}

/// Segments of equal length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Start of the first, ticks.
    pub start: f64,
    /// Length of each, ticks; above zero.
    pub every: f64,
    /// How many; `None`: as many as fit.
    pub count: Option<u64>,
}

impl Mpd {
    /// Reads an MPD; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let xml = Document::parse(text).ok()?;
        let mpd = xml.root_element();
        if mpd.tag_name().name() != "MPD" {
            return None;
        }
        let secs = |name: &str| mpd.attribute(name).and_then(duration_secs);
        let latency = child(mpd, "ServiceDescription").and_then(|service| child(service, "Latency"));
        let mut out = Self {
            is_live: mpd.attribute("type") == Some("dynamic"),
            zero_ms: mpd.attribute("availabilityStartTime").and_then(date_ms).unwrap_or(0),
            update_secs: secs("minimumUpdatePeriod"),
            delay_secs: secs("suggestedPresentationDelay"),
            latency_secs: latency.and_then(|latency| number(latency, "target")).map(|target| target / 1000.0),
            location: child(mpd, "Location").and_then(|location| location.text()).map(|text| text.trim().to_owned()),
            clocks: children(mpd, "UTCTiming").filter_map(clock).collect(),
            periods: Vec::new(),
        };
        let end_secs = secs("mediaPresentationDuration");
        for node in children(mpd, "Period") {
            let before = out.periods.last_mut();
            let said = node.attribute("start").and_then(duration_secs);
            let start_secs = said.or(before.as_ref().and_then(|before| before.end_secs)).unwrap_or(0.0);
            if let Some(before) = before {
                before.end_secs.get_or_insert(start_secs);
            }
            let end_secs = node.attribute("duration").and_then(duration_secs).map(|secs| start_secs + secs);
            let dearest = |kind| dearest(mpd, node, kind);
            out.periods.push(Period { start_secs, end_secs, video: dearest("video"), audio: dearest("audio") });
        }
        if let Some((last, end_secs)) = out.periods.last_mut().zip(end_secs) {
            last.end_secs.get_or_insert(end_secs);
        }
        Some(out)
    }
}

impl Representation {
    /// An address with its name, a segment's number and its start in ticks filled in (§5.3.9.4.4).
    pub fn fill(&self, template: &str, number: u64, ticks: f64) -> String {
        let mut out = String::with_capacity(template.len() + 16);
        let mut pieces = template.split('$');
        out.push_str(pieces.next().unwrap_or_default());
        while let (Some(name), Some(text)) = (pieces.next(), pieces.next()) {
            let (name, width) = name.split_once("%0").unwrap_or((name, ""));
            let width = width.trim_end_matches('d').parse::<usize>().unwrap_or(0).min(20);
            match name {
                "RepresentationID" => out.push_str(&self.id),
                "Number" => out.push_str(&format!("{number:0width$}")),
                "Time" => out.push_str(&format!("{:0width$}", ticks.max(0.0) as u64)),
                "Bandwidth" => out.push_str(&format!("{:0width$}", self.bandwidth_bps)),
                _ => out.push('$'),
            }
            out.push_str(text);
        }
        out
    }
}

fn clock(node: Node<'_, '_>) -> Option<Clock> {
    let value = node.attribute("value")?.split_whitespace().next()?;
    let scheme = node.attribute("schemeIdUri")?.strip_prefix("urn:mpeg:dash:utc:")?;
    match scheme.split(':').next()? {
        "direct" => date_ms(value).map(Clock::Direct),
        "http-xsdate" | "http-iso" => Some(Clock::Body(value.to_owned())),
        "http-head" => Some(Clock::Header(value.to_owned())),
        _ => None,
    }
}

/// Of all representations of that kind the one with the highest bandwidth, the first of equals.
fn dearest(mpd: Node<'_, '_>, period: Node<'_, '_>, kind: &str) -> Option<Representation> {
    let mut best: Option<Representation> = None;
    for set in children(period, "AdaptationSet") {
        for node in children(set, "Representation") {
            let said = |name| node.attribute(name).or(set.attribute(name)).is_some_and(|it| it.starts_with(kind));
            if !said("contentType") && !said("mimeType") {
                continue;
            }
            let found = representation(&[node, set, period, mpd]);
            if let Some(found) = found
                && best.as_ref().is_none_or(|best| best.bandwidth_bps < found.bandwidth_bps)
            {
                best = Some(found);
            }
        }
    }
    best
}

/// A representation and what stands around it, from the inside: what is said further in counts (§5.3.9.1).
fn representation(nodes: &[Node<'_, '_>; 4]) -> Option<Representation> {
    let [node, ..] = nodes;
    let templates = || nodes.iter().filter_map(|node| child(*node, "SegmentTemplate"));
    let attribute = |name: &str| templates().find_map(|template| template.attribute(name));
    let value = |name: &str| templates().find_map(|template| number(template, name));
    let bases = nodes.iter().rev().filter_map(|node| child(*node, "BaseURL"));
    let base_early = bases.clone().filter_map(|base| number(base, "availabilityTimeOffset")).sum::<f64>();
    let base_partial = bases.clone().any(|base| base.attribute("availabilityTimeComplete") == Some("false"));
    let origin = value("presentationTimeOffset").unwrap_or(0.0);
    let timeline = templates().find_map(|template| child(template, "SegmentTimeline"));
    let runs = match timeline {
        Some(timeline) => runs(timeline),
        None => vec![Run { start: origin, every: value("duration").filter(|every| *every > 0.0)?, count: None }],
    };
    Some(Representation {
        id: node.attribute("id").unwrap_or_default().to_owned(),
        bandwidth_bps: number(*node, "bandwidth").unwrap_or(0.0) as u64,
        bases: bases.filter_map(|base| base.text()).map(|text| text.trim().to_owned()).collect(),
        init: attribute("initialization").map(Into::into),
        media: attribute("media")?.to_owned(),
        scale: value("timescale").filter(|scale| *scale > 0.0).unwrap_or(1.0),
        origin,
        early_secs: value("availabilityTimeOffset").unwrap_or(0.0) + base_early,
        is_partial: base_partial || attribute("availabilityTimeComplete") == Some("false"),
        first: attribute("startNumber").and_then(|text| text.parse().ok()).unwrap_or(1),
        is_listed: timeline.is_some(),
        runs,
    })
}

fn runs(timeline: Node<'_, '_>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut end = 0.0;
    for node in children(timeline, "S") {
        let Some(every) = number(node, "d").filter(|every| *every > 0.0) else { continue };
        let start = number(node, "t").unwrap_or(end);
        // A run without an end goes on to the next one.
        if let Some(before) = out.last_mut() {
            before.count.get_or_insert(((start - before.start) / before.every).round().max(0.0) as u64);
        }
        let repeat = number(node, "r").unwrap_or(0.0);
        let count = (repeat >= 0.0).then_some(repeat as u64 + 1);
        end = start + count.unwrap_or(0) as f64 * every;
        out.push(Run { start, every, count });
    }
    out
}

fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> + Clone {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn child<'a>(node: Node<'a, 'a>, name: &'static str) -> Option<Node<'a, 'a>> {
    children(node, name).next()
}

/// A number of reasonable size; `INF` is none.
fn number(node: Node<'_, '_>, name: &str) -> Option<f64> {
    node.attribute(name)?.trim().parse::<f64>().ok().filter(|value| value.abs() < 1e18)
}

/// Seconds of `P1DT2H3M4.5S`; years and months are not counted, as no broadcast has them.
fn duration_secs(text: &str) -> Option<f64> {
    let (date, time) = text.trim().strip_prefix('P')?.split_once('T').unwrap_or((text.trim().strip_prefix('P')?, ""));
    let mut secs = 0.0;
    for (part, units) in
        [(date, [('D', 86_400.0), ('Y', 0.0), ('M', 0.0)]), (time, [('H', 3600.0), ('M', 60.0), ('S', 1.0)])]
    {
        let mut rest = part;
        while let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) {
            let (value, unit) = rest.split_at(at);
            let of = units.iter().find(|(name, _)| unit.starts_with(*name))?.1;
            secs += value.parse::<f64>().ok().filter(|value| (0.0..1e12).contains(value))? * of;
            rest = unit.get(1..)?;
        }
    }
    Some(secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OTHERS: &str = r#"<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" availabilityStartTime="1970-01-01T00:00:10Z"
  minimumUpdatePeriod="PT1M0.5S" mediaPresentationDuration="P1DT1H">
  <BaseURL availabilityTimeOffset="1.5" availabilityTimeComplete="false">cdn/</BaseURL>
  <Period duration="PT10S"><AdaptationSet mimeType="audio/mp4">
    <SegmentTemplate media="$Time$.m4s" timescale="1000"><SegmentTimeline>
      <S t="500" d="1000" r="2"/><S d="2000" r="-1"/><S t="9500" d="500"/>
    </SegmentTimeline></SegmentTemplate>
    <Representation id="a" bandwidth="100"/>
  </AdaptationSet></Period>
  <Period><AdaptationSet contentType="video">
    <SegmentTemplate media="$RepresentationID$/$Number%05d$-$Bandwidth$-$$.m4s" initialization="$RepresentationID$.mp4" duration="4" startNumber="7"/>
    <Representation id="low" bandwidth="1"/><Representation id="high" bandwidth="2"><BaseURL>x/</BaseURL></Representation>
  </AdaptationSet><AdaptationSet contentType="text"><Representation id="t" bandwidth="9"/></AdaptationSet></Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:ntp:2014" value="a b"/>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-head:2014" value="http://t/1 http://t/2"/>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:direct:2014" value="1970-01-01T00:00:20Z"/>
</MPD>"#;

    #[test]
    fn what_is_said_further_out_holds_further_in() {
        let mpd = Mpd::parse(OTHERS).unwrap();
        assert_eq!((mpd.is_live, mpd.zero_ms, mpd.update_secs), (true, 10_000, Some(60.5)));
        assert_eq!(mpd.clocks, [Clock::Header("http://t/1".into()), Clock::Direct(20_000)]);
        let spans: Vec<_> = mpd.periods.iter().map(|period| (period.start_secs, period.end_secs)).collect();
        assert_eq!(spans, [(0.0, Some(10.0)), (10.0, Some(90_000.0))]);

        let sound = mpd.periods[0].audio.as_ref().unwrap();
        let runs: Vec<_> = sound.runs.iter().map(|run| (run.start, run.every, run.count)).collect();
        assert_eq!(runs, [(500.0, 1000.0, Some(3)), (3500.0, 2000.0, Some(3)), (9500.0, 500.0, Some(1))]);
        assert_eq!((sound.early_secs, sound.is_partial, sound.is_listed), (1.5, true, true));
        assert_eq!(mpd.periods[0].video, None);

        let picture = mpd.periods[1].video.as_ref().unwrap();
        assert_eq!((picture.id.as_str(), picture.first, picture.bases.len()), ("high", 7, 2));
        assert_eq!(picture.fill(&picture.media, 42, 0.0), "high/00042-2-$.m4s");
        assert_eq!(sound.fill(&sound.media, 1, 3500.0), "3500.m4s");
    }

    #[test]
    fn durations_are_those_of_xml_schema() {
        let read = ["PT0S", "PT1.5S", "PT1H2M3S", "P1D", "P0Y0M1DT1S", "PT", "1S", "PT1X", "PT-1S"].map(duration_secs);
        let secs = [Some(0.0), Some(1.5), Some(3723.0), Some(86_400.0), Some(86_401.0), Some(0.0), None, None, None];
        assert_eq!(read, secs);
    }

    #[test]
    fn what_is_no_mpd_is_refused() {
        assert_eq!(Mpd::parse("#EXTM3U"), None);
        assert_eq!(Mpd::parse("<html/>"), None);
        assert_eq!(Mpd::parse("<MPD/>"), Some(Mpd::default()));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(values in prop::collection::vec("[-0-9PTHMS.:eINFZ$%d]{0,12}", 9), text in "\\PC{0,60}") {
            let mut mpd = OTHERS.to_owned();
            for value in &values {
                for name in ["duration=\"", "d=\"", "t=\"", "r=\"", "media=\""] {
                    mpd = mpd.replacen(name, &format!("{name}{value}"), 1);
                }
            }
            let read = Mpd::parse(&mpd);
            for one in read.iter().flat_map(|mpd| &mpd.periods).filter_map(|period| period.video.as_ref()) {
                one.fill(&text, u64::MAX, 1e17);
            }
            Mpd::parse(&text);
            duration_secs(&text);
        }
    }
}
