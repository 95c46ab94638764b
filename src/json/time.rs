//! `google.protobuf.Timestamp` and `Duration` as JSON has them.

/// Seconds of the first moment of year 1 and of the last one of year 9999.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Most seconds of a duration, about 10,000 years.
const MAX_DURATION_SECONDS: u64 = 315_576_000_000;

/// Seconds and nanoseconds, of either message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) seconds: i64,
    pub(super) nanos: i32,
}

/// Parses a time of RFC 3339 in the years 1 to 9999, with at most nine digits behind the second.
pub(super) fn parse_timestamp(text: &str) -> Option<Moment> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let bytes = date_time.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, separator)| bytes.get(*at) != Some(separator)) {
        return None;
    }
    let part = |from: usize, to: usize| parse_digits(date_time.get(from..to)?);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|char: char| !char.is_ascii_digit())?;
            let (digits, zone) = rest.split_at_checked(end)?;
            (parse_fraction(digits)?, zone)
        }
        None => (0, rest),
    };
    let seconds = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - parse_zone(zone)?;
    TIMESTAMP_SECONDS.contains(&seconds).then_some(Moment { seconds, nanos })
}

/// Parses a duration of about 10,000 years at most, such as `-1.5s`.
pub(super) fn parse_duration(text: &str) -> Option<Moment> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |number| (-1, number));
    let (seconds, nanos) = match number.split_once('.') {
        Some((seconds, fraction)) => (seconds, parse_fraction(fraction)?),
        None => (number, 0),
    };
    let moment =
        Moment { seconds: parse_digits(seconds)?.checked_mul(sign)?, nanos: nanos * i32::try_from(sign).ok()? };
    moment.seconds.unsigned_abs().le(&MAX_DURATION_SECONDS).then_some(moment)
}

/// Writes a time.
///
/// # Errors
/// When it is not within the years 1 to 9999.
pub(super) fn write_timestamp(moment: Moment) -> Result<String, String> {
    let Moment { seconds, nanos } = moment;
    if !TIMESTAMP_SECONDS.contains(&seconds) {
        return Err(format!("a Timestamp of {seconds} s is not within the years 1 to 9999"));
    }
    if !(0..1_000_000_000).contains(&nanos) {
        return Err(format!("a Timestamp has 0 to 999,999,999 ns, not {nanos}"));
    }
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z", fraction(nanos)))
}

/// Writes a duration.
///
/// # Errors
/// When it is out of range, or its parts have different signs.
pub(super) fn write_duration(moment: Moment) -> Result<String, String> {
    let Moment { seconds, nanos } = moment;
    if seconds.unsigned_abs() > MAX_DURATION_SECONDS || nanos.unsigned_abs() >= 1_000_000_000 {
        return Err(format!("a Duration of {seconds} s and {nanos} ns is out of range"));
    }
    if seconds.signum() * i64::from(nanos.signum()) < 0 {
        return Err(format!("a Duration of {seconds} s and {nanos} ns has two signs"));
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    Ok(format!("{sign}{}{}s", seconds.unsigned_abs(), fraction(nanos.abs())))
}

/// Parses digits, and nothing but digits, of a number below 10^18.
fn parse_digits(text: &str) -> Option<i64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Parses the one to nine digits behind the point as nanoseconds.
fn parse_fraction(digits: &str) -> Option<i32> {
    let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
    i32::try_from(parse_digits(digits)? * 10_i64.pow(missing)).ok()
}

/// Parses a zone, `Z` or such as `+01:30`, as seconds.
fn parse_zone(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (parse_digits(hours)?, parse_digits(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Writes nanoseconds with as many groups of three digits as they need.
fn fraction(nanos: i32) -> String {
    match nanos {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1000 == 0 => format!(".{:06}", nanos / 1000),
        nanos => format!(".{nanos:09}"),
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days from 1970-01-01. Years are counted from March, so that the leap day is their last one.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// Returns year, month and day.
fn date_of(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
