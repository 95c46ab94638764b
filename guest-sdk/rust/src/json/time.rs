//! The texts of `google.protobuf.Timestamp` and `Duration`.

use super::JsonError;
use crate::well_known::{Duration, Timestamp};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About 10,000 years.
const MAX_DURATION: i64 = 315_576_000_000;
const NANOS: std::ops::RangeInclusive<i32> = 0..=999_999_999;
const DAY: i64 = 86_400;

/// Returns the time as RFC 3339 has it.
pub(super) fn timestamp(time: &Timestamp) -> Result<String, JsonError> {
    if !SECONDS.contains(&time.seconds) || !NANOS.contains(&time.nanos) {
        return Err(JsonError::new("a google.protobuf.Timestamp is not between the years 1 and 9999"));
    }
    let (year, month, day) = date(time.seconds.div_euclid(DAY));
    let second = time.seconds.rem_euclid(DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = fraction(time.nanos);
    Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Reads a time of RFC 3339.
pub(super) fn parse_timestamp(text: &str) -> Result<Timestamp, JsonError> {
    let invalid = || JsonError::new(format!("{text:?} is not a time such as \"1970-01-01T00:00:00Z\""));
    let time = read_timestamp(text).ok_or_else(invalid)?;
    match SECONDS.contains(&time.seconds) {
        true => Ok(time),
        false => Err(JsonError::new(format!("{text:?} is not between the years 1 and 9999"))),
    }
}

fn read_timestamp(text: &str) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !separators.iter().all(|(at, byte)| text.as_bytes().get(*at) == Some(byte)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let days = days(year, month, day)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at_checked(zone)?;
    let nanos = match fraction.strip_prefix('.') {
        Some(digits) => read_fraction(digits)?,
        None if fraction.is_empty() => 0,
        None => return None,
    };
    let offset = match zone.as_bytes() {
        b"Z" => 0,
        [sign, a, b, b':', c, d] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) => {
            let two = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            let (hours, minutes) = (two(*a, *b), two(*c, *d));
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp { seconds, nanos })
}

/// Returns a span as seconds with an `s` behind them.
pub(super) fn duration(span: &Duration) -> Result<String, JsonError> {
    let is_mixed = (span.seconds > 0 && span.nanos < 0) || (span.seconds < 0 && span.nanos > 0);
    if span.seconds.unsigned_abs() > MAX_DURATION as u64 || !NANOS.contains(&span.nanos.saturating_abs()) || is_mixed {
        return Err(JsonError::new(
            "a google.protobuf.Duration is longer than 10,000 years, or has parts of two signs",
        ));
    }
    let sign = if span.seconds < 0 || span.nanos < 0 { "-" } else { "" };
    Ok(format!("{sign}{}{}s", span.seconds.unsigned_abs(), fraction(span.nanos.abs())))
}

/// Reads a span.
pub(super) fn parse_duration(text: &str) -> Result<Duration, JsonError> {
    let read = || {
        let number = text.strip_suffix('s')?;
        let (is_negative, number) = number.strip_prefix('-').map_or((false, number), |number| (true, number));
        let (whole, nanos) = match number.split_once('.') {
            Some((whole, digits)) => (whole, read_fraction(digits)?),
            None => (number, 0),
        };
        let is_whole = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: i64 = is_whole.then(|| whole.parse().ok())??;
        Some(if is_negative { Duration { seconds: -seconds, nanos: -nanos } } else { Duration { seconds, nanos } })
    };
    match read() {
        Some(span) if span.seconds.unsigned_abs() <= MAX_DURATION as u64 => Ok(span),
        Some(_) => Err(JsonError::new(format!("{text:?} is longer than 10,000 years"))),
        None => Err(JsonError::new(format!("{text:?} is not a duration such as \"1.5s\""))),
    }
}

/// Returns a fraction of a second with three, six or nine digits, or none if it is zero.
fn fraction(nanos: i32) -> String {
    match nanos {
        0 => String::new(),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!(".{:06}", nanos / 1_000),
        _ => format!(".{nanos:09}"),
    }
}

fn read_fraction(digits: &str) -> Option<i32> {
    let is_fraction = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_fraction.then(|| format!("{digits:0<9}").parse().ok())?
}

/// Returns year, month and day of a day, counted from 1970-01-01, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01, in eras of 400 years that are all alike; a year begins in March, so that its leap day is its last.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Returns the day of a date, counted from 1970-01-01, or none if there is no such date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    // A day that its month does not have is one of the next month.
    (date(days) == (year, month, day)).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_texts_of_rfc_3339() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
            (951_782_400, 10_000_000, "2000-02-29T00:00:00.010Z"),
            (-1, 1_000, "1969-12-31T23:59:59.000001Z"),
        ] {
            let time = Timestamp { seconds, nanos };
            assert_eq!(timestamp(&time).unwrap(), text);
            assert_eq!(parse_timestamp(text).unwrap(), time);
        }
        assert_eq!(
            parse_timestamp("1970-01-01T01:30:00.5+01:30").unwrap(),
            Timestamp { seconds: 0, nanos: 500_000_000 }
        );
        assert_eq!(parse_timestamp("1969-12-31T23:00:00-01:00").unwrap(), Timestamp { seconds: 0, nanos: 0 });
    }

    #[test]
    fn times_out_of_range_and_texts_that_are_no_times_are_refused() {
        for (seconds, nanos) in [(253_402_300_800, 0), (-62_135_596_801, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(timestamp(&Timestamp { seconds, nanos }).is_err());
        }
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-02-30T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00Zx",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "1970-13-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00+1:00",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00é",
        ] {
            assert!(parse_timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_seconds() {
        for (seconds, nanos, text) in [
            (0, 0, "0s"),
            (1, 500_000_000, "1.500s"),
            (0, -1, "-0.000000001s"),
            (-315_576_000_000, -999_999_999, "-315576000000.999999999s"),
        ] {
            let span = Duration { seconds, nanos };
            assert_eq!(duration(&span).unwrap(), text);
            assert_eq!(parse_duration(text).unwrap(), span);
        }
        for (seconds, nanos) in
            [(315_576_000_001, 0), (i64::MIN, 0), (1, -1), (-1, 1), (0, 1_000_000_000), (0, i32::MIN)]
        {
            assert!(duration(&Duration { seconds, nanos }).is_err());
        }
        for text in [
            "",
            "s",
            "1",
            "1 s",
            "+1s",
            "--1s",
            "1.s",
            ".5s",
            "1.0000000000s",
            "315576000001s",
            "99999999999999999999s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
