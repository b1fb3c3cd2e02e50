use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::Arc;

use media::{Codec, Kind, Language, Track};

use super::text::KeyQuery;
use crate::Presentation;

/// The multivariant playlist of a presentation: displays as its text.
pub struct Multivariant<'a> {
    /// What there is to choose from.
    pub showing: Vec<Showing>,
    /// The key that child addresses carry, on a path that asks for one (H37).
    pub key: Option<&'a str>,
}

/// One rendition as the multivariant playlist shows it.
#[derive(Clone, Debug)]
pub struct Showing {
    /// Its name in addresses.
    pub name: String,
    /// Codec and parameters.
    pub track: Arc<Track>,
    /// Highest bit rate of any segment so far, bits per second.
    pub peak_bps: u64,
    /// Bit rate over all segments so far, bits per second.
    pub average_bps: u64,
    /// Frames a second as measured, once they were.
    pub frame_rate: Option<f64>,
}

/// Sound that goes with every picture: the renditions of one codec, so that a player that does not know it leaves this
/// group out and finds another (H4).
struct Group<'a> {
    id: String,
    members: Vec<&'a Showing>,
}

impl<'a> Multivariant<'a> {
    /// What that presentation shows now.
    pub fn of(presentation: &Presentation, key: Option<&'a str>) -> Self {
        let renditions = presentation.renditions.borrow();
        let showing = renditions.iter().map(|rendition| {
            let track = rendition.track.borrow().clone();
            let (peak, average) = rendition.rates_bps();
            let guess = track.bitrate_bps.map_or(guess_bps(track.kind()), u64::from);
            let (peak_bps, average_bps) = if peak == 0 { (guess, guess) } else { (peak, average.max(1)) };
            Showing { name: rendition.name.clone(), track, peak_bps, average_bps, frame_rate: rendition.frame_rate() }
        });
        Self { showing: showing.filter(|showing| has_place(&showing.track.codec)).collect(), key }
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Showing> {
        self.showing.iter().filter(move |showing| showing.track.kind() == kind)
    }

    /// Groups in the order of their first members.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for showing in self.of_kind(Kind::Audio) {
            let name = showing.track.codec.name();
            match groups.iter_mut().find(|group| group.id == name) {
                Some(group) => group.members.push(showing),
                None => groups.push(Group { id: name.to_owned(), members: vec![showing] }),
            }
        }
        match &mut groups[..] {
            [only] => "audio".clone_into(&mut only.id),
            several => several.iter_mut().for_each(|group| group.id.insert_str(0, "audio-")),
        }
        groups
    }

    fn write_group(&self, f: &mut fmt::Formatter<'_>, group: &Group<'_>) -> fmt::Result {
        let mut spoken = BTreeSet::new();
        for (index, Showing { name, track, .. }) in group.members.iter().enumerate() {
            write!(f, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"Audio {}", group.id, index + 1)?;
            let language = track.language.as_ref().map(Language::as_str);
            if let Some(language) = language {
                write!(f, " ({language})\",LANGUAGE=\"{language}")?;
            }
            // What a player picks by itself must differ in language (§4.4.6.1).
            let is_selectable = spoken.insert(language);
            let yes_no = |yes| if yes { "YES" } else { "NO" };
            write!(f, "\",DEFAULT={},AUTOSELECT={}", yes_no(index == 0), yes_no(is_selectable))?;
            if let Some(sound) = track.codec.sound() {
                write!(f, ",CHANNELS=\"{}\"", sound.channels)?;
            }
            writeln!(f, ",URI=\"{name}.m3u8{}\"", KeyQuery(self.key))?;
        }
        Ok(())
    }

    /// `group` is the sound it goes with; `None` where `main` is all there is.
    fn variant(&self, f: &mut fmt::Formatter<'_>, main: &Showing, group: Option<&Group<'_>>) -> fmt::Result {
        let members = group.map_or(&[][..], |group| &group.members);
        // What a player may get at worst: the costliest member of the group (H3).
        let peak = members.iter().map(|audio| audio.peak_bps).max().unwrap_or(0);
        let average = members.iter().map(|audio| audio.average_bps).max().unwrap_or(0);
        let bandwidth = main.peak_bps.saturating_add(peak);
        let average = main.average_bps.saturating_add(average).min(bandwidth);
        write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},AVERAGE-BANDWIDTH={average},CODECS=\"{}", main.track.codec)?;
        let own = main.track.codec.to_string();
        let codecs: BTreeSet<_> =
            members.iter().map(|audio| audio.track.codec.to_string()).filter(|c| *c != own).collect();
        codecs.iter().try_for_each(|codec| write!(f, ",{codec}"))?;
        f.write_char('"')?;
        if let Some(picture) = main.track.codec.picture() {
            write!(f, ",RESOLUTION={}x{}", picture.width, picture.height)?;
            if let Some(rate) = frame_rate(picture.frame_rate, main.frame_rate) {
                write!(f, ",FRAME-RATE={rate:.3}")?;
            }
        }
        if let Some(group) = group {
            write!(f, ",AUDIO=\"{}\"", group.id)?;
        }
        writeln!(f, "\n{}.m3u8{}", main.name, KeyQuery(self.key))
    }
}

impl fmt::Display for Multivariant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups();
        let has_video = self.of_kind(Kind::Video).next().is_some();
        let sounds: usize = groups.iter().map(|group| group.members.len()).sum();
        let grouped = sounds > usize::from(!has_video);
        // EXT-X-MEDIA is best known to players of version 4 and up (§8).
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{}", if grouped { 4 } else { 1 })?;
        if grouped {
            groups.iter().try_for_each(|group| self.write_group(f, group))?;
        }
        if has_video && groups.is_empty() {
            return self.of_kind(Kind::Video).try_for_each(|video| self.variant(f, video, None));
        }
        for group in &groups {
            if has_video {
                self.of_kind(Kind::Video).try_for_each(|video| self.variant(f, video, Some(group)))?;
                continue;
            }
            // Sound alone: one variant. With several languages the group's first stands for all (H5).
            match group.members.split_first() {
                Some((only, [])) if !grouped => self.variant(f, only, None)?,
                Some((&first, _)) => {
                    let quiet = Showing { peak_bps: 0, average_bps: 0, ..Showing::clone(first) };
                    self.variant(f, &quiet, Some(group))?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// HLS players know what to do with it. VP8 has a place in MP4, but in no playlist: it is left out, and what else there
/// is goes on.
pub fn has_place(codec: &Codec) -> bool {
    !matches!(codec, Codec::Vp8(_) | Codec::Mp3(_) | Codec::G711(_))
}

/// Frames a second: what the bitstream says, unless it was measured to be something else.
fn frame_rate(said: Option<(u32, u32)>, measured: Option<f64>) -> Option<f64> {
    let said = said.filter(|&(_, seconds)| seconds > 0).map(|(frames, seconds)| f64::from(frames) / f64::from(seconds));
    match (said, measured) {
        (Some(said), Some(measured)) if (said - measured).abs() > measured * 0.05 => Some(measured),
        (said, measured) => said.or(measured),
    }
}

/// What to say before anything was measured.
fn guess_bps(kind: Kind) -> u64 {
    match kind {
        Kind::Video => 5_000_000,
        Kind::Audio => 192_000,
    }
}
