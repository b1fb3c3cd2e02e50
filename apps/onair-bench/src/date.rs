//! Dates as servers write them.

/// Milliseconds since 1970 of `2026-11-21T03:15:01.123Z`, with `Z` or an offset such as `+01:00`.
pub(crate) fn date_ms(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let fraction_ms = match fraction.strip_prefix('.') {
        Some(digits) => format!("{digits:0<3}").get(..3)?.parse::<i64>().ok()?,
        None => 0,
    };
    let offset_minutes = match zone.split_at(1) {
        ("Z", _) => 0,
        (sign, at) => {
            let at = at.replace(':', "");
            let minutes = at.get(..2)?.parse::<i64>().ok()? * 60 + at.get(2..4)?.parse::<i64>().ok()?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let days = days(year, month, day);
    Some((((days * 24 + hour) * 60 + minute - offset_minutes) * 60 + second) * 1000 + fraction_ms)
}

/// Milliseconds since 1970 of `Sat, 21 Nov 2026 03:15:01 GMT` (RFC 9110 §5.6.7).
pub(crate) fn http_date_ms(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.trim().split_once(", ")?.1.split(' ');
    let day = words.next()?.parse::<u8>().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year = words.next()?.parse::<u16>().ok()?;
    let mut clock = words.next()?.split(':').map(|digits| digits.parse::<u8>().map(i64::from));
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    let days = days(year.into(), month, day.into());
    (words.next() == Some("GMT")).then_some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Days from 1970 to a civil date, counting years from March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(date_ms("2000-02-29T00:00:00.5+00:00"), Some(951_782_400_500));
        assert_eq!(date_ms("2026-11-21T04:15:01.123456+0100"), Some(1_795_230_901_123));
        assert_eq!(date_ms("2026-11-21"), None);
    }

    #[test]
    fn dates_of_headers_are_those_of_rfc_9110() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date_ms("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "[0-9T:.Z+, A-Znov-]{0,40}") {
            date_ms(&text);
            http_date_ms(&format!("Sun, {text}"));
        }
    }
}
