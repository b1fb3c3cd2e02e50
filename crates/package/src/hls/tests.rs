//! Playlists as texts, and every reload of a live run against the one before it.

use std::sync::Arc;

use insta::assert_snapshot;
use media::codec::{Opus, Picture, Vp9};
use media::{Codec, Path};

use super::sample::{PARTS, Shape, aac, avc, ended, track, window};
use super::{Media, Multivariant, Showing, Variant};
use crate::Window;

const PLAIN: Variant<'static> = Variant { skip: false, key: None };
const DELTA: Variant<'static> = Variant { skip: true, key: None };

fn path() -> Path {
    "live/alice".parse().unwrap()
}

fn write(window: &Window, others: &[(&str, Arc<Window>)], variant: Variant<'_>) -> String {
    Media { path: &path(), era: "tqzlpg", name: "v0", window, others, variant }.to_string()
}

fn showing(name: &str, track: Arc<media::Track>, peak_bps: u64, average_bps: u64) -> Showing {
    Showing { name: name.to_owned(), track, peak_bps, average_bps, frame_rate: None }
}

fn multivariant(showing: Vec<Showing>) -> String {
    Multivariant { showing, key: None }.to_string()
}

fn vp9() -> Vp9 {
    let picture = Picture { width: 640, height: 360, pixel_aspect: (1, 1), frame_rate: None, colour: None };
    Vp9 { profile: 0, level: 21, depth: 8, chroma: 1, picture }
}

#[test]
fn a_multivariant_of_picture_and_sound() {
    let video = showing("v0", track(0, avc(), None), 3_210_000, 2_800_123);
    let audio = showing("a1", track(1, aac(2), None), 131_072, 128_000);
    assert_snapshot!(multivariant(vec![video, audio]));
}

/// H5.
#[test]
fn a_multivariant_of_sound_alone() {
    assert_snapshot!(multivariant(vec![showing("a0", track(0, aac(1), None), 131_072, 128_000)]));
}

/// H5.
#[test]
fn a_multivariant_of_pictures_alone() {
    assert_snapshot!(multivariant(vec![showing("v0", track(0, avc(), None), 3_210_000, 2_800_123)]));
}

/// H4.
#[test]
fn a_multivariant_of_two_languages() {
    let video = showing("v0", track(0, avc(), None), 3_210_000, 2_800_123);
    let english = showing("a1", track(1, aac(2), Some("en")), 131_072, 128_000);
    let french = showing("a2", track(2, aac(6), Some("fr-CA")), 401_000, 384_000);
    assert_snapshot!(multivariant(vec![video, english.clone(), french.clone()]), @r#"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 1 (en)",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 2 (fr-CA)",LANGUAGE="fr-CA",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="6",URI="a2.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=3611000,AVERAGE-BANDWIDTH=3184123,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"
    v0.m3u8
    "#);
    assert_snapshot!(multivariant(vec![english, french]), @r#"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 1 (en)",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 2 (fr-CA)",LANGUAGE="fr-CA",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="6",URI="a2.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=401000,AVERAGE-BANDWIDTH=384000,CODECS="mp4a.40.2",AUDIO="audio"
    a1.m3u8
    "#);
}

/// H3, H4: a ladder with two codecs of sound is a group of each, and every picture goes with both.
#[test]
fn a_multivariant_of_a_ladder_with_two_codecs_of_sound() {
    let large = showing("v0", track(0, avc(), None), 3_210_000, 2_800_123);
    let mut small = showing("v2", track(2, Codec::Vp9(vp9()), None), 800_000, 700_000);
    small.frame_rate = Some(25.0);
    let aac = showing("a1", track(1, aac(2), None), 131_072, 128_000);
    let opus = showing("a3", track(3, Codec::Opus(Opus::plain(2)), None), 99_000, 96_000);
    assert_snapshot!(multivariant(vec![large, small, aac.clone(), opus.clone()]), @r#"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-aac",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-opus",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a3.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=3341072,AVERAGE-BANDWIDTH=2928123,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio-aac"
    v0.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=931072,AVERAGE-BANDWIDTH=828000,CODECS="vp09.00.21.08,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=25.000,AUDIO="audio-aac"
    v2.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=3309000,AVERAGE-BANDWIDTH=2896123,CODECS="avc1.64001f,opus",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio-opus"
    v0.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=899000,AVERAGE-BANDWIDTH=796000,CODECS="vp09.00.21.08,opus",RESOLUTION=640x360,FRAME-RATE=25.000,AUDIO="audio-opus"
    v2.m3u8
    "#);
    assert_snapshot!(multivariant(vec![aac, opus]), @r#"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-aac",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-opus",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a3.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=131072,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2",AUDIO="audio-aac"
    a1.m3u8
    #EXT-X-STREAM-INF:BANDWIDTH=99000,AVERAGE-BANDWIDTH=96000,CODECS="opus",AUDIO="audio-opus"
    a3.m3u8
    "#);
}

/// What a player picks by itself differs in language.
#[test]
fn a_second_sound_in_the_same_language_is_chosen_by_hand_only() {
    let video = showing("v0", track(0, avc(), None), 3_210_000, 2_800_123);
    let first = showing("a1", track(1, aac(2), None), 131_072, 128_000);
    let second = showing("a3", track(3, aac(2), None), 131_072, 128_000);
    assert_snapshot!(multivariant(vec![video, first, second]), @r#"
    #EXTM3U
    #EXT-X-VERSION:4
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 1",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="a1.m3u8"
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio 2",DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="a3.m3u8"
    #EXT-X-STREAM-INF:BANDWIDTH=3341072,AVERAGE-BANDWIDTH=2928123,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="audio"
    v0.m3u8
    "#);
}

/// A publisher that is about to send parts: H19, H26 and nothing to show of LL-HLS yet.
#[test]
fn a_young_live_playlist() {
    assert_snapshot!(write(&window(&Shape { segments: 1, ..Shape::default() }), &[], PLAIN));
}

/// H6, H11, H14, H19, H23, H24, H26, H29.
#[test]
fn a_live_playlist_with_parts_and_a_report() {
    let audio = Shape { codec: aac(2), first: 871, segments: 7, open_parts: 2, ..Shape::default() };
    let video = Shape { first: 871, segments: 7, open_parts: 3, ..Shape::default() };
    assert_snapshot!(write(&window(&video), &[("a1", Arc::new(window(&audio)))], PLAIN));
}

/// H22, H24.
#[test]
fn a_live_playlist_of_sound() {
    assert_snapshot!(write(&window(&Shape { codec: aac(2), open_parts: 2, ..Shape::default() }), &[], PLAIN));
}

/// H14, H15, H23.
#[test]
fn a_live_playlist_with_a_break_in_it() {
    assert_snapshot!(write(&window(&Shape { breaks_at: Some(3), open_parts: 1, ..Shape::default() }), &[], PLAIN));
}

/// H23, H26: the break lies before the open segment.
#[test]
fn a_live_playlist_with_a_break_at_its_edge() {
    let edge = Shape { segments: 3, breaks_at: Some(3), ..Shape::default() };
    let text = write(&window(&edge), &[], PLAIN);
    let tail: String = text.split_inclusive('\n').skip_while(|line| !line.contains("v0.2.m4s")).collect();
    assert_snapshot!(tail, @r#"
    ../../../media/live/alice/tqzlpg/v0.2.m4s
    #EXT-X-PRELOAD-HINT:TYPE=MAP,URI="../../../media/live/alice/tqzlpg/v0.i1.mp4"
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="../../../media/live/alice/tqzlpg/v0.3.0.m4s"
    "#);
    let text = write(&window(&Shape { open_parts: 1, ..edge }), &[], PLAIN);
    let tail: String = text.split_inclusive('\n').skip_while(|line| !line.contains("v0.2.m4s")).collect();
    assert_snapshot!(tail, @r#"
    ../../../media/live/alice/tqzlpg/v0.2.m4s
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="../../../media/live/alice/tqzlpg/v0.i1.mp4"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-21T03:15:06.000Z
    #EXT-X-PART:DURATION=0.2,URI="../../../media/live/alice/tqzlpg/v0.3.0.m4s",INDEPENDENT=YES
    #EXT-X-PRELOAD-HINT:TYPE=PART,URI="../../../media/live/alice/tqzlpg/v0.3.1.m4s"
    "#);
}

/// H17.
#[test]
fn a_live_playlist_with_a_gap() {
    assert_snapshot!(write(&window(&Shape { gap_at: Some(4), ..Shape::default() }), &[], PLAIN));
}

/// H17.
#[test]
fn an_ended_playlist() {
    assert_snapshot!(write(&ended(&Shape::default()), &[("a1", Arc::new(ended(&Shape::default())))], PLAIN));
}

/// H6, H36.
#[test]
fn a_delta_update() {
    assert_snapshot!(write(&window(&Shape { segments: 15, open_parts: 1, ..Shape::default() }), &[], DELTA));
}

/// H36.
#[test]
fn a_delta_skips_nothing_within_the_boundary() {
    let shape = |segments, open_parts| window(&Shape { segments, open_parts, ..Shape::default() });
    let skipped = |window: &Window| Parsed::of(&write(window, &[], DELTA)).skipped;
    assert_eq!(skipped(&shape(6, 0)), 0);
    assert_eq!(skipped(&shape(6, 9)), 0);
    assert_eq!(skipped(&shape(7, 0)), 1);
    assert_eq!(skipped(&shape(7, 9)), 1);
    assert_eq!(write(&shape(6, 0), &[], DELTA), write(&shape(6, 0), &[], PLAIN));
}

/// H37: the key is on every address of a protected path, and on none of an open one; `_HLS_…` on none.
#[test]
fn children_of_a_protected_path_carry_the_key() {
    let live = window(&Shape { open_parts: 2, breaks_at: Some(5), ..Shape::default() });
    let others = [("a1", Arc::new(window(&Shape { codec: aac(2), ..Shape::default() })))];
    let text = write(&live, &others, Variant { skip: true, key: Some("s3cret&\"") });
    let addresses: Vec<_> = text.lines().filter(|line| line.contains("URI=") || !line.starts_with('#')).collect();
    assert!(addresses.len() > 20);
    for line in addresses {
        assert!(line.contains("?key=s3cret%26%22"), "{line}");
    }
    assert!(!text.contains("_HLS_"));

    let audio = showing("a1", track(1, aac(2), None), 1, 1);
    let video = showing("v0", track(0, avc(), None), 1, 1);
    let text = Multivariant { showing: vec![video, audio], key: Some("k y") }.to_string();
    assert!(text.contains("URI=\"a1.m3u8?key=k+y\"") && text.ends_with("v0.m3u8?key=k+y\n"), "{text}");
}

/// A playlist taken apart: what stays, what slides and what each segment says.
#[derive(Debug, Default, PartialEq)]
struct Parsed {
    constant: Vec<String>,
    msn: u64,
    breaks: u64,
    skipped: usize,
    /// Complete ones. The init that applies comes first, wherever it was named.
    segments: Vec<Vec<String>>,
    /// Parts by their lines, and the lines before the first of the open segment.
    parts: Vec<String>,
    open: Vec<String>,
    hints: Vec<String>,
    ended: bool,
}

impl Parsed {
    fn of(text: &str) -> Self {
        let mut parsed = Self::default();
        let (mut map, mut lines) = (String::new(), Vec::new());
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-MEDIA-SEQUENCE" => parsed.msn = value.parse().unwrap(),
                "#EXT-X-DISCONTINUITY-SEQUENCE" => parsed.breaks = value.parse().unwrap(),
                "#EXT-X-SKIP" => parsed.skipped = value.strip_prefix("SKIPPED-SEGMENTS=").unwrap().parse().unwrap(),
                "#EXT-X-VERSION" | "#EXT-X-RENDITION-REPORT" => {}
                "#EXT-X-MAP" => map = line.to_owned(),
                "#EXT-X-PART" => parsed.parts.push(line.to_owned()),
                "#EXT-X-PRELOAD-HINT" => parsed.hints.push(line.to_owned()),
                "#EXT-X-ENDLIST" => parsed.ended = true,
                "#EXT-X-DISCONTINUITY" | "#EXT-X-GAP" | "#EXT-X-PROGRAM-DATE-TIME" | "#EXTINF" => {
                    lines.push(line.to_owned());
                }
                _ if line.starts_with('#') => parsed.constant.push(line.to_owned()),
                _ => {
                    lines.push(line.to_owned());
                    lines.insert(0, map.clone());
                    parsed.segments.push(std::mem::take(&mut lines));
                }
            }
        }
        parsed.open = lines;
        parsed
    }

    /// What a client holds after a delta update (RFC 8216bis §6.2.5.1).
    fn merged(old: &Self, delta: Self) -> Self {
        let from = usize::try_from(delta.msn - old.msn).unwrap();
        let kept = old.segments.get(from..from + delta.skipped).expect("the client has what was skipped").to_vec();
        Self { segments: kept.into_iter().chain(delta.segments).collect(), skipped: 0, ..delta }
    }

    /// Panics unless `self` may follow `old` on the same URL (RFC 8216bis §6.2.1).
    fn follows(&self, old: &Self) {
        assert_eq!(self.constant, old.constant, "H7, H20");
        let gone = usize::try_from(self.msn.checked_sub(old.msn).expect("H8")).unwrap();
        let (removed, kept) = old.segments.split_at(gone);
        assert!(self.segments.starts_with(kept), "segments only go at the head and come at the tail");
        let breaks = removed.iter().filter(|lines| lines.iter().any(|line| line == "#EXT-X-DISCONTINUITY")).count();
        assert_eq!(self.breaks, old.breaks + breaks as u64, "H15");
        let first = self.parts.first().map_or(old.parts.len(), |first| {
            old.parts.iter().position(|part| part == first).unwrap_or(old.parts.len())
        });
        assert!(self.parts.starts_with(&old.parts[first..]), "parts only go at the head and come at the tail");
        assert!(!old.ended || self == old, "nothing comes after the end");
        for hint in old.hints.iter().filter(|hint| hint.contains("TYPE=PART")).filter(|_| self.parts != old.parts) {
            let uri = hint.split('"').nth(1).unwrap();
            assert!(self.parts.iter().any(|part| part.contains(uri)), "H26: {uri} was promised");
        }
    }
}

/// H7, H8, H15, H20, H26, H36, and all of §6.2.1: a publisher who comes back once and is silent once.
#[test]
fn every_reload_of_a_live_run_may_follow_the_one_before_it() {
    let mut last: Option<Parsed> = None;
    let mut reloads = 0;
    for open in 1..=60_u64 {
        let first = open.saturating_sub(15);
        for open_parts in 0..PARTS {
            let shape = Shape {
                first,
                segments: open - first,
                open_parts,
                breaks_at: Some(25),
                gap_at: Some(40),
                ..Shape::default()
            };
            if shape.gap_at == Some(open) && open_parts > 0 {
                continue;
            }
            let mut window = window(&shape);
            if open == 60 {
                (window.open, window.ended) = (None, true);
            }
            let text = write(&window, &[], PLAIN);
            let full = Parsed::of(&text);
            if let Some(last) = &last {
                // A hint is broken only where nothing came.
                if shape.gap_at != Some(open - 1) {
                    full.follows(last);
                }
                let delta = write(&window, &[], DELTA);
                assert!(full.segments.len() < 8 || delta.len() < text.len());
                assert_eq!(Parsed::merged(last, Parsed::of(&delta)), full);
            }
            last = Some(full);
            reloads += 1;
        }
    }
    assert!(reloads > 500);
    assert_eq!(last.unwrap().breaks, 41, "the break has left the list");
}
