//! The rules of `rfc8216bis` and Apple's authoring specification that can be seen in media playlists.
//!
//! Every check answers with sentences that begin with the number of the rule that broke; none means all is well.

use crate::playlist::{Media, Segment};

/// What kind of rendition a playlist is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rendition {
    /// Has pictures.
    Video,
    /// Has sound alone.
    Audio,
}

/// Durations are written with so many decimals that this covers their rounding.
const ROUNDING: f64 = 0.0006;

/// What is wrong with one playlist by itself. `frame` is the longest frame of the source, in seconds.
pub fn faults(list: &Media, rendition: Rendition, frame: f64) -> Vec<String> {
    let mut faults = list.faults.clone();
    let mut check = |ok: bool, fault: String| {
        if !ok {
            faults.push(fault);
        }
    };
    let has = |tag: &str| list.tags.iter().any(|name| name == tag);

    check((6..=9).contains(&list.version), format!("H6: version {}", list.version));
    check(list.skipped == 0 || list.version >= 9, "H6: EXT-X-SKIP below version 9".into());
    check(!has("EXT-X-PLAYLIST-TYPE"), "H9: PLAYLIST-TYPE in a sliding list".into());
    check(list.discontinuity_sequence.is_some(), "H15: no DISCONTINUITY-SEQUENCE".into());

    let control = |name| list.control(name).unwrap_or(0.0);
    let (target, part_target) = (f64::from(list.target), list.part_target);
    check(list.server_control.get("CAN-BLOCK-RELOAD").is_some_and(|can| can == "YES"), "H19: cannot block".into());
    check(control("PART-HOLD-BACK") >= 3.0 * part_target - ROUNDING, "H19: PART-HOLD-BACK below 3 parts".into());
    check(control("HOLD-BACK") >= 3.0 * target, "H19: HOLD-BACK below 3 targets".into());
    check(control("CAN-SKIP-UNTIL") >= 6.0 * target, "H19: CAN-SKIP-UNTIL below 6 targets".into());

    for segment in list.all() {
        let msn = segment.msn;
        let is_open = segment.uri.is_empty();
        check(segment.duration.round() <= target, format!("H7: segment {msn} of {} s", segment.duration));
        check(is_open || segment.duration > 0.0, format!("H7: segment {msn} is empty"));
        check(segment.map.is_some() || (is_open && segment.parts.is_empty()), format!("H14: {msn} has no MAP"));
        check(!segment.discontinuity || segment.date_ms.is_some(), format!("H11: no date at discontinuity {msn}"));
        check_parts(segment, list, rendition, &mut check);
    }
    if list.skipped == 0 {
        let dated = list.all().next().is_some_and(|first| first.date_ms.is_some() || first.parts.is_empty());
        check(dated, "H11: the first segment has no date".into());
    }
    for pair in list.segments.windows(2) {
        if let (Some(a), Some(b)) = (pair[0].date_ms, pair[1].date_ms) {
            let drift = (b - a) as f64 / 1000.0 - pair[0].duration;
            let allowed = frame + 0.002;
            let ok = if pair[1].discontinuity { drift >= -allowed } else { drift.abs() <= allowed };
            check(ok, format!("H11: date of {} is off by {drift:.3} s", pair[1].msn));
        }
    }

    let parts = list.hints.iter().filter(|(kind, _)| kind == "PART").count();
    check(parts == usize::from(!list.ended), format!("H26: {parts} part hints, ended: {}", list.ended));
    check(!list.ended || list.open.parts.is_empty(), "H17: open parts in an ended list".into());
    faults
}

fn check_parts(segment: &Segment, list: &Media, rendition: Rendition, check: &mut impl FnMut(bool, String)) {
    let (msn, target) = (segment.msn, list.part_target);
    let is_open = segment.uri.is_empty();
    for (i, part) in segment.parts.iter().enumerate() {
        let is_last = i + 1 == segment.parts.len();
        check(part.duration <= target + ROUNDING, format!("H21: part {msn}.{i} of {} s over {target}", part.duration));
        let may_be_short = part.independent || part.gap || (is_last && !is_open);
        let long_enough = part.duration >= 0.85 * target - ROUNDING;
        check(may_be_short || long_enough, format!("H21: part {msn}.{i} of {} s below 85 %", part.duration));
        check(part.duration > 0.0 || part.gap, format!("H21: part {msn}.{i} is empty"));
        if rendition == Rendition::Audio {
            check(part.independent || part.gap, format!("H24: audio part {msn}.{i} is not INDEPENDENT"));
        } else if list.independent_segments && i == 0 {
            check(part.independent || part.gap, format!("H24: first part of {msn} is not INDEPENDENT"));
        }
    }
    if !is_open && !segment.parts.is_empty() && !segment.gap {
        let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
        let off = (sum - segment.duration).abs();
        check(off <= ROUNDING * segment.parts.len() as f64, format!("H25: parts of {msn} are off by {off:.4} s"));
    }
}

/// What must not have changed between two readings of one URL, the earlier one first (§6.2.1).
pub fn step_faults(old: &Media, new: &Media) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |ok: bool, fault: String| {
        if !ok {
            faults.push(fault);
        }
    };
    check(old.target == new.target, format!("H7: target {} became {}", old.target, new.target));
    check(
        old.part_target == new.part_target,
        format!("H20: part target {} became {}", old.part_target, new.part_target),
    );
    check(old.server_control == new.server_control, "H20: SERVER-CONTROL changed".into());
    check(old.media_sequence <= new.media_sequence, format!("H8: {} after {}", new.media_sequence, old.media_sequence));
    check(old.edge() <= new.edge(), format!("H8: edge {:?} after {:?}", new.edge(), old.edge()));
    check(!old.ended || new.ended, "H17: ENDLIST was taken back".into());

    let rolled_off = old.all().filter(|segment| segment.discontinuity && segment.msn < new.media_sequence).count();
    let (was, is) = (old.discontinuity_sequence.unwrap_or(0), new.discontinuity_sequence.unwrap_or(0));
    check(
        new.media_sequence > old.open.msn || was + rolled_off as u64 == is,
        format!("H15: DISCONTINUITY-SEQUENCE {was} became {is} while {rolled_off} tags left"),
    );

    for before in old.all() {
        let msn = before.msn;
        let Some(after) = new.segment(msn) else { continue };
        if !before.uri.is_empty() {
            let same = (&before.uri, before.duration, before.gap, &before.map, before.date_ms, before.discontinuity)
                == (&after.uri, after.duration, after.gap, &after.map, after.date_ms, after.discontinuity);
            // The first of the list may gain a date or lose its mark as its forerunners leave; nothing else may change.
            check(same, format!("H18: segment {msn} changed"));
        }
        let common = before.parts.len().min(after.parts.len());
        let grew = after.parts.len() >= before.parts.len() || after.parts.is_empty();
        check(grew && before.parts[..common] == after.parts[..common], format!("H18: parts of {msn} changed"));
    }

    // The part that was hinted comes under that very name, unless the segment ended before it.
    if let Some((_, hinted)) = old.hints.iter().find(|(kind, _)| kind == "PART") {
        let (msn, parts) = old.edge();
        let came = new.segment(msn).and_then(|segment| segment.parts.get(parts));
        let next = new.segment(msn + 1).and_then(|segment| segment.parts.first());
        if new.edge() > old.edge() {
            let kept = came.or(next).is_none_or(|part| part.uri == *hinted);
            check(kept, format!("H26: hinted {hinted}, which never came at {msn}.{parts}"));
        }
    }
    faults
}
