use std::borrow::Cow;

use form_urlencoded::parse;

use crate::Window;

/// What a player asks of a media playlist by `_HLS_…` in its query (RFC 8216bis §6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`: wait for this segment.
    pub msn: Option<u64>,
    /// `_HLS_part`: wait for this part of it.
    pub part: Option<u64>,
    /// `_HLS_skip`: older segments may be left out.
    pub skip: bool,
}

/// A query that breaks the rules for directives; answered by 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDirectives {
    /// No decimal number, or one beyond 64 bits.
    #[error("{0} is not a number")]
    NoNumber(&'static str),
    /// Given more than once.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// A part of no segment.
    #[error("_HLS_part needs _HLS_msn")]
    PartAlone,
}

impl Directives {
    /// Reads the query of a request, without its question mark. What is no known directive is left to others (H34, H37).
    pub fn parse(query: &str) -> Result<Self, BadDirectives> {
        let mut found = Self::default();
        for (name, value) in parse(query.as_bytes()) {
            match &*name {
                "_HLS_msn" => set(&mut found.msn, "_HLS_msn", value)?,
                "_HLS_part" => set(&mut found.part, "_HLS_part", value)?,
                "_HLS_skip" => found.skip = matches!(&*value, "YES" | "v2"),
                _ => {}
            }
        }
        match found {
            Self { msn: None, part: Some(_), .. } => Err(BadDirectives::PartAlone),
            fine => Ok(fine),
        }
    }

    /// The reply may be held back, and may be cached for longer (H38).
    pub fn is_blocking(&self) -> bool {
        self.msn.is_some()
    }
}

fn set(slot: &mut Option<u64>, name: &'static str, value: Cow<'_, str>) -> Result<(), BadDirectives> {
    // `u64::from_str` takes a leading `+`.
    let plain = value.bytes().all(|c| c.is_ascii_digit());
    let number = value.parse().ok().filter(|_| plain).ok_or(BadDirectives::NoNumber(name))?;
    if slot.replace(number).is_some() { Err(BadDirectives::Twice(name)) } else { Ok(()) }
}

/// What to do with a request for a media playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Answer with the playlist as it is now.
    Serve,
    /// Not yet: look again when the window has changed.
    Wait,
    /// It asks for what lies too far in the future: 400.
    Refuse,
}

/// Whether the playlist of `window` is the answer to `directives` (RFC 8216bis §6.2.5.2).
///
/// Once `Serve`, always `Serve`: a later window answers too.
pub fn decide(window: &Window, directives: &Directives) -> Decision {
    let Some(msn) = directives.msn.filter(|_| !window.ended) else { return Decision::Serve };
    let open_msn = match (&window.open, window.segments.last()) {
        (Some(open), _) => open.msn,
        (None, Some(last)) => last.msn.saturating_add(1),
        (None, None) => return Decision::Wait,
    };
    let open_parts = window.open.as_ref().map_or(0, |open| open.parts.len() as u64);
    // The last segment of the list is the one before the open one (H33).
    if msn > open_msn.saturating_add(1) {
        return Decision::Refuse;
    }
    let Some(part) = directives.part else {
        return if msn < open_msn { Decision::Serve } else { Decision::Wait };
    };
    if msn >= open_msn {
        let listed = if msn == open_msn { open_parts } else { 0 };
        return match part.checked_sub(listed) {
            None => Decision::Serve,
            // `part` is the one after so many that are to come (H33).
            Some(ahead) if ahead >= advance_part_limit(window) => Decision::Refuse,
            Some(_) => Decision::Wait,
        };
    }
    // Beyond the end of a finished segment, the first part of the next is meant (H31).
    let last = window.segments.last().filter(|last| last.msn == msn);
    let beyond = last.is_some_and(|last| part >= last.parts.len() as u64);
    if beyond && open_parts == 0 { Decision::Wait } else { Decision::Serve }
}

/// How many parts beyond the newest one may be asked for: three seconds' worth, or three (RFC 8216bis §6.2.5.2).
fn advance_part_limit(window: &Window) -> u64 {
    let target_ns = u64::try_from(window.part_target.0).unwrap_or(0).max(1);
    if target_ns < 1_000_000_000 { 3_000_000_000_u64.div_ceil(target_ns) } else { 3 }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{PARTS, Shape, window};
    use super::*;

    fn ask(query: &str) -> Directives {
        Directives::parse(query).unwrap()
    }

    #[test]
    fn directives_are_read_among_other_parameters() {
        let all = Directives { msn: Some(273), part: Some(2), skip: true };
        assert_eq!(ask("_HLS_msn=273&key=a%26b&_HLS_part=2&_HLS_skip=YES"), all);
        assert_eq!(ask("_HLS_skip=v2&_HLS_part=2&_HLS_msn=273"), all);
        assert_eq!(ask("%5FHLS_msn=%32%373&_HLS_part=02&_HLS_skip=v2"), all);
        assert_eq!(ask(""), Directives::default());
        assert_eq!(ask("_HLS_skip=NO&a&&=&%ff"), Directives::default());
    }

    /// H34.
    #[test]
    fn a_part_without_a_segment_is_refused() {
        assert_eq!(Directives::parse("_HLS_part=1"), Err(BadDirectives::PartAlone));
    }

    /// H34.
    #[test]
    fn what_is_no_number_is_refused() {
        for value in ["", "-1", "+1", "1.0", "abc", "0x10", "18446744073709551616", "%201", "1%00", "१"] {
            let query = format!("_HLS_msn={value}");
            assert_eq!(Directives::parse(&query), Err(BadDirectives::NoNumber("_HLS_msn")), "{query}");
            let query = format!("_HLS_msn=1&_HLS_part={value}");
            assert_eq!(Directives::parse(&query), Err(BadDirectives::NoNumber("_HLS_part")), "{query}");
        }
        assert_eq!(Directives::parse("_HLS_msn=1&_HLS_msn=1"), Err(BadDirectives::Twice("_HLS_msn")));
    }

    /// H37.
    #[test]
    fn unknown_directives_are_ignored() {
        assert_eq!(ask("_HLS_x=1&_HLS_push=0&_hls_msn=7"), Directives::default());
    }

    /// Ten segments 100 to 109 of ten parts, and three parts of 110.
    fn live() -> Window {
        window(&Shape { first: 100, segments: 10, open_parts: 3, ..Shape::default() })
    }

    fn on(window: &Window, query: &str) -> Decision {
        decide(window, &ask(query))
    }

    /// H30.
    #[test]
    fn a_segment_is_waited_for_until_it_is_complete() {
        assert_eq!(on(&live(), "_HLS_msn=109"), Decision::Serve);
        assert_eq!(on(&live(), "_HLS_msn=110"), Decision::Wait);
        assert_eq!(on(&live(), "_HLS_msn=111"), Decision::Wait);
    }

    /// H30.
    #[test]
    fn a_part_is_waited_for_until_it_is_there() {
        assert_eq!(on(&live(), "_HLS_msn=110&_HLS_part=2"), Decision::Serve);
        assert_eq!(on(&live(), "_HLS_msn=110&_HLS_part=3"), Decision::Wait);
        assert_eq!(on(&live(), "_HLS_msn=111&_HLS_part=0"), Decision::Wait);
    }

    /// H31.
    #[test]
    fn a_part_beyond_the_last_of_its_segment_means_the_first_of_the_next() {
        let fresh = window(&Shape { first: 100, segments: 10, open_parts: 0, ..Shape::default() });
        assert_eq!(on(&fresh, "_HLS_msn=109&_HLS_part=9"), Decision::Serve);
        assert_eq!(on(&fresh, "_HLS_msn=109&_HLS_part=10"), Decision::Wait);
        assert_eq!(on(&fresh, "_HLS_msn=109&_HLS_part=4000"), Decision::Wait);
        assert_eq!(on(&fresh, "_HLS_msn=108&_HLS_part=4000"), Decision::Serve);
        assert_eq!(on(&live(), "_HLS_msn=109&_HLS_part=10"), Decision::Serve);
    }

    /// H32.
    #[test]
    fn what_was_evicted_is_answered_at_once() {
        assert_eq!(on(&live(), "_HLS_msn=7"), Decision::Serve);
        assert_eq!(on(&live(), "_HLS_msn=0&_HLS_part=99999"), Decision::Serve);
    }

    /// H33.
    #[test]
    fn what_lies_too_far_ahead_is_refused() {
        assert_eq!(on(&live(), "_HLS_msn=112"), Decision::Refuse);
        assert_eq!(on(&live(), "_HLS_msn=18446744073709551615"), Decision::Refuse);
        // 3 s of 200 ms parts: 15 beyond part 2.
        assert_eq!(on(&live(), "_HLS_msn=110&_HLS_part=17"), Decision::Wait);
        assert_eq!(on(&live(), "_HLS_msn=110&_HLS_part=18"), Decision::Refuse);
        assert_eq!(on(&live(), "_HLS_msn=111&_HLS_part=15"), Decision::Refuse);
    }

    /// H30, H31: over a whole run, what waits is served in the end, and stays served.
    #[test]
    fn every_wait_ends_and_serving_never_does() {
        let run: Vec<_> = (1..8_u64)
            .flat_map(|segments| (0..PARTS).map(move |open_parts| (segments, open_parts)))
            .map(|(segments, open_parts)| window(&Shape { segments, open_parts, ..Shape::default() }))
            .collect();
        for (msn, part) in
            (0..6).flat_map(|msn| [None, Some(0), Some(1), Some(9), Some(10), Some(14)].map(|p| (msn, p)))
        {
            let asked = Directives { msn: Some(msn), part, skip: false };
            let decisions: Vec<_> = run.iter().map(|window| decide(window, &asked)).collect();
            let rank = |decision: &Decision| match decision {
                Decision::Refuse => 0,
                Decision::Wait => 1,
                Decision::Serve => 2,
            };
            assert!(decisions.is_sorted_by_key(rank), "{asked:?}: {decisions:?}");
            assert_eq!(decisions.last(), Some(&Decision::Serve), "{asked:?}");
        }
    }

    /// H35.
    #[test]
    fn after_the_end_directives_mean_nothing() {
        let over = Window { ended: true, open: None, ..live() };
        for query in ["_HLS_msn=110", "_HLS_msn=110&_HLS_part=9", "_HLS_msn=999"] {
            assert_eq!(on(&over, query), Decision::Serve);
        }
    }

    #[test]
    fn before_the_first_segment_everybody_waits() {
        let empty = window(&Shape { segments: 0, open_parts: 0, ..Shape::default() });
        assert_eq!(on(&Window { open: None, ..empty }, "_HLS_msn=5"), Decision::Wait);
    }
}
