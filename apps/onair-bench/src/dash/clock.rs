//! The server's clock, by which segments come (§5.8.4.11).

use std::time::Duration;

use super::mpd::{Clock, Mpd};
use crate::date::date_ms;
use crate::url::Url;
use crate::viewer::{Kind, Request};

/// What is known of it.
#[derive(Debug)]
pub(super) struct ServerClock {
    /// This machine's clock at the viewer's time zero, milliseconds since 1970.
    ours_ms: i64,
    state: State,
}

/// The server's clock at the viewer's time zero, milliseconds since 1970, and how it is found.
#[derive(Debug)]
enum State {
    Unknown,
    /// To be asked for; what it must be by the MPD's own `Date`.
    Wanted {
        request: Request,
        is_body: bool,
        guess_ms: i64,
    },
    /// Asked for then.
    Asked {
        at: Duration,
        is_body: bool,
        guess_ms: i64,
    },
    Known(i64),
}

impl ServerClock {
    pub(super) fn new(ours_ms: i64) -> Self {
        Self { ours_ms, state: State::Unknown }
    }

    /// An MPD came, and perhaps says whose clock it goes by.
    pub(super) fn on_mpd(&mut self, now: Duration, url: &Url, mpd: &Mpd, date_ms: Option<i64>) {
        if !matches!(self.state, State::Unknown) {
            return;
        }
        let guess_ms = self.by_date(now, date_ms);
        let found = mpd.clocks.iter().find_map(|clock| match clock {
            Clock::Direct(at_ms) => Some(State::Known(at_ms.saturating_sub(ms(now)))),
            Clock::Body(at) | Clock::Header(at) => {
                let request = Request::new(url.join(at).ok()?, Kind::Clock);
                Some(State::Wanted { request, is_body: matches!(clock, Clock::Body(_)), guess_ms })
            }
        });
        self.state = found.unwrap_or(State::Known(guess_ms));
    }

    pub(super) fn poll(&mut self, now: Duration) -> Option<Request> {
        let State::Wanted { request, is_body, guess_ms } = &self.state else { return None };
        let request = request.clone();
        self.state = State::Asked { at: now, is_body: *is_body, guess_ms: *guess_ms };
        Some(request)
    }

    /// An answer came, if it is one: its body and its `Date`.
    pub(super) fn done(&mut self, now: Duration, answer: Option<(&[u8], Option<i64>)>) {
        let State::Asked { at, is_body, guess_ms } = self.state else { return };
        let read = match answer {
            // What it said held when it was half way back.
            Some((body, _)) if is_body => {
                let said = std::str::from_utf8(body).ok().and_then(|text| date_ms(text.trim()));
                said.map(|said| said.saturating_sub(ms((at + now) / 2)))
            }
            Some((_, Some(date))) => Some(self.by_date(now, Some(date))),
            _ => None,
        };
        self.state = State::Known(read.unwrap_or(guess_ms));
    }

    /// The server's clock at time zero, once it is known.
    pub(super) fn zero_ms(&self) -> Option<i64> {
        match self.state {
            State::Known(zero_ms) => Some(zero_ms),
            _ => None,
        }
    }

    /// `Date` names a second: our own clock is right where it agrees, and is moved as little as need be where not.
    fn by_date(&self, now: Duration, date_ms: Option<i64>) -> i64 {
        let ours = self.ours_ms.saturating_add(ms(now));
        let theirs = date_ms.map_or(ours, |date| ours.clamp(date, date.saturating_add(999)));
        theirs.saturating_sub(ms(now))
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
