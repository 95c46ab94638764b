//! The `grpc-timeout` header.

use std::time::Duration;

/// Reads a `grpc-timeout`: one to eight digits, then one of the units `H`, `M`, `S`, `m`, `u` and `n`.
///
/// `None` for anything else.
pub(crate) fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0u64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_the_specification_are_known() {
        assert_eq!(parse_timeout(b"1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse_timeout(b"2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse_timeout(b"03S"), Some(Duration::from_secs(3)));
        assert_eq!(parse_timeout(b"99999999m"), Some(Duration::from_millis(99_999_999)));
        assert_eq!(parse_timeout(b"5u"), Some(Duration::from_micros(5)));
        assert_eq!(parse_timeout(b"0n"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_refused() {
        for garbage in ["", "S", "5", "5s", "+5S", "-5S", "5 S", " 5S", "1.5S", "123456789m", "5SS", "٣S"] {
            assert_eq!(parse_timeout(garbage.as_bytes()), None, "{garbage:?}");
        }
    }
}
