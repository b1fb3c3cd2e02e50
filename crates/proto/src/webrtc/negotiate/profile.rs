//! Whether what is published is what a format stands for: profiles, tiers and levels.

use std::cmp::Ordering;

use media::Codec;
use media::codec::{Avc, Hevc};
use wire::sdp::Format;

use super::Coding;

/// How well a format of an offer fits a published codec: 0 is exact, 1 is a decoder that can do more, [`AT_ODDS`] one
/// that says it can do less and is known to show it all the same. `None`: not.
pub(super) fn fit(codec: &Codec, format: &Format) -> Option<u8> {
    let coding = Coding::of(format)?;
    if Coding::carrying(codec) != Some(coding) {
        return None;
    }
    match codec {
        Codec::Avc(avc) => fit_avc(avc, format),
        Codec::Hevc(hevc) => fit_hevc(hevc, format),
        Codec::Vp9(vp9) => (number(format, "profile-id", 0)? == vp9.profile.into()).then_some(0),
        // The level is what every browser puts there, whatever it can decode.
        Codec::Av1(av1) => (number(format, "profile", 0)? == av1.profile.into()).then_some(0),
        _ => Some(0),
    }
}

/// A format that is taken when no other is there.
pub(super) const AT_ODDS: u8 = 2;

/// H.264's profiles as negotiation tells them apart (RFC 6184 table 5), the one that can do least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Profile {
    /// Both baselines: what plain Baseline adds (arbitrary slice order and the like), no encoder uses.
    Baseline,
    Main,
    /// With or without the flags that say it is constrained: a stream without B-frames is.
    High,
}

impl Profile {
    fn new(idc: u8, constraints: u8) -> Option<Self> {
        match (idc, constraints) {
            (0x42, _) => Some(Self::Baseline),
            (0x4d, flags) if flags & 0x80 != 0 => Some(Self::Baseline),
            (0x58, flags) if flags & 0xc0 == 0xc0 => Some(Self::Baseline),
            (0x4d, _) => Some(Self::Main),
            (0x64, _) => Some(Self::High),
            _ => None,
        }
    }

    /// Of a `profile-level-id`; unsaid it is 420010 (P15).
    fn of(format: &Format) -> Option<Self> {
        let Some(text) = format.parameter("profile-level-id") else { return Some(Self::Baseline) };
        let id = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6)?;
        Self::new((id >> 16) as u8, (id >> 8) as u8)
    }
}

/// A decoder of a higher profile shows a lower one too. Levels are asymmetric (RFC 6184 §8.2.2).
///
/// The other way round, what an offer names is what its writer would *encode*: Firefox has Constrained Baseline alone, and
/// Chromium's list follows its build. Their decoders (FFmpeg, OpenH264, those of the machines) show Main and High of 8 bits
/// without B-frames, and nothing else is sent here. So such a format is taken when no other fits, as every other server
/// does, rather than a viewer refused who could watch.
fn fit_avc(avc: &Avc, format: &Format) -> Option<u8> {
    let (ours, theirs) = (Profile::new(avc.profile, avc.constraints)?, Profile::of(format)?);
    Some(match theirs.cmp(&ours) {
        Ordering::Equal => 0,
        Ordering::Greater => 1,
        Ordering::Less => AT_ODDS,
    })
}

/// The level is a ceiling, Main fits into Main 10, and the main tier into the high one (P20).
fn fit_hevc(hevc: &Hevc, format: &Format) -> Option<u8> {
    let (profile, ours) = (number(format, "profile-id", 1)?, u32::from(hevc.profile.idc));
    let tier = number(format, "tier-flag", 0)?;
    let level = number(format, "level-id", 93)?;
    let is_able = (profile == ours || (ours, profile) == (1, 2)) && tier >= u32::from(hevc.profile.high_tier);
    (is_able && level >= u32::from(hevc.profile.level)).then_some(u8::from(profile != ours))
}

fn number(format: &Format, name: &str, unsaid: u32) -> Option<u32> {
    format.parameter(name).map_or(Some(unsaid), |text| text.parse().ok())
}

/// The parameters of our own offer for a codec.
pub(super) fn parameters(codec: &Codec) -> String {
    match codec {
        Codec::Avc(Avc { profile, constraints, level, .. }) => format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile:02x}{constraints:02x}{level:02x}"
        ),
        Codec::Hevc(Hevc { profile, .. }) => format!(
            "profile-id={};tier-flag={};level-id={};tx-mode=SRST",
            profile.idc,
            u8::from(profile.high_tier),
            profile.level
        ),
        Codec::Vp9(vp9) => format!("profile-id={}", vp9.profile),
        Codec::Av1(av1) => format!("level-idx={};profile={};tier={}", av1.level, av1.profile, u8::from(av1.high_tier)),
        Codec::Opus(opus) if opus.channels > 1 => "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1".to_owned(),
        Codec::Opus(_) => "minptime=10;useinbandfec=1".to_owned(),
        _ => String::new(),
    }
}
