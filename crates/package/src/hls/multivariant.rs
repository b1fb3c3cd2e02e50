use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::sync::Arc;

use media::{Kind, Track};

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
}

const GROUP: &str = "audio";

impl<'a> Multivariant<'a> {
    /// What that presentation shows now.
    pub fn of(presentation: &Presentation, key: Option<&'a str>) -> Self {
        let renditions = presentation.renditions.borrow();
        let showing = renditions.iter().map(|rendition| {
            let track = rendition.track.borrow().clone();
            let (peak, average) = rendition.rates_bps();
            let guess = track.bitrate_bps.map_or(guess_bps(track.kind()), u64::from);
            let (peak_bps, average_bps) = if peak == 0 { (guess, guess) } else { (peak, average.max(1)) };
            Showing { name: rendition.name.clone(), track, peak_bps, average_bps }
        });
        Self { showing: showing.collect(), key }
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Showing> {
        self.showing.iter().filter(move |showing| showing.track.kind() == kind)
    }

    fn audio_group(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Showing { name, track, .. }) in self.of_kind(Kind::Audio).enumerate() {
            write!(f, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{GROUP}\",NAME=\"Audio {}", index + 1)?;
            if let Some(language) = &track.language {
                write!(f, " ({0})\",LANGUAGE=\"{0}", language.as_str())?;
            }
            write!(f, "\",DEFAULT={},AUTOSELECT=YES", if index == 0 { "YES" } else { "NO" })?;
            if let Some(sound) = track.codec.sound() {
                write!(f, ",CHANNELS=\"{}\"", sound.channels)?;
            }
            writeln!(f, ",URI=\"{name}.m3u8{}\"", KeyQuery(self.key))?;
        }
        Ok(())
    }

    /// `audio` is the group it goes with; empty where `main` is all there is.
    fn variant(&self, f: &mut fmt::Formatter<'_>, main: &Showing, audio: &[&Showing]) -> fmt::Result {
        // What a player may get at worst: the costliest member of the group (H3).
        let peak = audio.iter().map(|audio| audio.peak_bps).max().unwrap_or(0);
        let average = audio.iter().map(|audio| audio.average_bps).max().unwrap_or(0);
        let bandwidth = main.peak_bps.saturating_add(peak);
        let average = main.average_bps.saturating_add(average).min(bandwidth);
        write!(f, "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},AVERAGE-BANDWIDTH={average},CODECS=\"{}", main.track.codec)?;
        let own = main.track.codec.to_string();
        let codecs: BTreeSet<_> =
            audio.iter().map(|audio| audio.track.codec.to_string()).filter(|c| *c != own).collect();
        codecs.iter().try_for_each(|codec| write!(f, ",{codec}"))?;
        f.write_char('"')?;
        if let Some(picture) = main.track.codec.picture() {
            write!(f, ",RESOLUTION={}x{}", picture.width, picture.height)?;
            if let Some((frames, seconds @ 1..)) = picture.frame_rate {
                write!(f, ",FRAME-RATE={:.3}", f64::from(frames) / f64::from(seconds))?;
            }
        }
        if !audio.is_empty() {
            write!(f, ",AUDIO=\"{GROUP}\"")?;
        }
        writeln!(f, "\n{}.m3u8{}", main.name, KeyQuery(self.key))
    }
}

impl fmt::Display for Multivariant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audio: Vec<_> = self.of_kind(Kind::Audio).collect();
        let has_video = self.of_kind(Kind::Video).next().is_some();
        let grouped = audio.len() > usize::from(!has_video);
        // EXT-X-MEDIA is best known to players of version 4 and up (§8).
        writeln!(f, "#EXTM3U\n#EXT-X-VERSION:{}", if grouped { 4 } else { 1 })?;
        if grouped {
            self.audio_group(f)?;
        }
        if has_video {
            return self.of_kind(Kind::Video).try_for_each(|video| self.variant(f, video, &audio));
        }
        // Sound alone: one variant. With several languages the group's first stands for all (H5).
        match audio.split_first() {
            Some((only, [])) => self.variant(f, only, &[]),
            Some((first, _)) => {
                let quiet = Showing { peak_bps: 0, average_bps: 0, ..Showing::clone(first) };
                self.variant(f, &quiet, &audio)
            }
            None => Ok(()),
        }
    }
}

/// What to say before anything was measured.
fn guess_bps(kind: Kind) -> u64 {
    match kind {
        Kind::Video => 5_000_000,
        Kind::Audio => 192_000,
    }
}
