//! How values are spelled in playlists.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use media::Span;

/// Seconds as a decimal number to the microsecond, without needless zeros: `2.0`, `0.200011`.
pub(super) struct Seconds(pub(super) Span);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.to_ticks(1_000_000).max(0);
        let (mut fraction, mut digits) = (micros % 1_000_000, 6);
        while digits > 1 && fraction % 10 == 0 {
            (fraction, digits) = (fraction / 10, digits - 1);
        }
        write!(f, "{}.{fraction:0digits$}", micros / 1_000_000)
    }
}

/// A date and time in UTC to the millisecond (H11): `2026-11-21T03:15:01.123Z`.
pub(crate) struct Date(pub(crate) SystemTime);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = since.saturating_add(std::time::Duration::from_micros(500)).as_millis();
        let (days, ms) = (i64::try_from(ms / 86_400_000).unwrap_or(0), ms % 86_400_000);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
    }
}

/// Year, month and day so many days after 1970-01-01, by counting eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * march_month + 2) / 5 + 1)
}

/// `?key=…` at the end of an address on a protected path; nothing elsewhere (H37).
#[derive(Clone, Copy)]
pub(crate) struct KeyQuery<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for KeyQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(key) = self.0 else { return Ok(()) };
        f.write_str("?key=")?;
        form_urlencoded::byte_serialize(key.as_bytes()).try_for_each(|piece| f.write_str(piece))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_are_short_and_exact_to_the_microsecond() {
        let text = |ns| Seconds(Span(ns)).to_string();
        assert_eq!(text(2_000_000_000), "2.0");
        assert_eq!(text(200_000_000), "0.2");
        assert_eq!(text(33_366_667), "0.033367");
        assert_eq!(text(1_999_999_600), "2.0");
        assert_eq!(text(10_000_001_000), "10.000001");
        assert_eq!(text(0), "0.0");
        assert_eq!(text(-5), "0.0");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = |secs, ms| Date(UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(ms)).to_string();
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400, 7), "2000-02-29T00:00:00.007Z");
        assert_eq!(text(1_709_251_199, 999), "2024-02-29T23:59:59.999Z");
        assert_eq!(text(1_795_230_901, 123), "2026-11-21T03:15:01.123Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }

    /// F7: a key cannot break out of its attribute.
    #[test]
    fn keys_are_escaped() {
        assert_eq!(KeyQuery(Some("a\"\r\n,&=ä b")).to_string(), "?key=a%22%0D%0A%2C%26%3D%C3%A4+b");
        assert_eq!(KeyQuery(None).to_string(), "");
    }
}
