//! Numbers as JSON writes them, within quotes or not.

/// The texts that stand for numbers which are not finite.
const NOT_FINITE: [(&str, f64); 3] = [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// Returns the length of the number at the beginning of a text; `None` when none is there.
pub(super) fn number_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || whole > 1 && text.get(at) == Some(&b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}

/// Whether the whole text is a number.
fn is_number(text: &str) -> bool {
    number_length(text.as_bytes()) == Some(text.len())
}

/// Reads a number that is whole, such as `-12`, `1e5` and `1.50e1`; `None` when it is not one, or has more than 20 digits.
pub(super) fn parse_integer(text: &str) -> Option<i128> {
    if !is_number(text) {
        return None;
    }
    let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().all(|digit| digit == b'0') {
        return Some(0);
    }
    // An exponent that no integer of 64 bits can have, in a text of any length, stays far out of range.
    let exponent =
        exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
    let shift = exponent.saturating_sub(i64::try_from(fraction.len()).ok()?);
    let trailing_zeros = digits().rev().take_while(|digit| *digit == b'0').count();
    let significant = whole.len() + fraction.len() - trailing_zeros;
    let zeros = shift.saturating_add(i64::try_from(trailing_zeros).ok()?);
    let zeros = u32::try_from(zeros).ok().filter(|zeros| *zeros <= 20)?;
    let mut value = 0_i128;
    for digit in digits().take(significant).skip_while(|digit| *digit == b'0').map(|digit| i128::from(digit - b'0')) {
        value = value * 10 + digit;
        if value > 1 << 70 {
            return None;
        }
    }
    let value = value.checked_mul(10_i128.checked_pow(zeros)?)?;
    Some(if is_negative { -value } else { value })
}

/// Reads a number of 64 bits; `None` when it is not one, or out of range.
pub(super) fn parse_f64(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && is_number(text))
}

/// Reads a number of 32 bits; `None` when it is not one, or out of range.
pub(super) fn parse_f32(text: &str) -> Option<f32> {
    text.parse().ok().filter(|number: &f32| number.is_finite() && is_number(text))
}

/// Returns the number that is not finite for which a text stands.
pub(super) fn parse_not_finite(text: &str) -> Option<f64> {
    NOT_FINITE.iter().find_map(|(name, number)| (*name == text).then_some(*number))
}

/// Returns the text that stands for a number which is not finite.
pub(super) fn not_finite_text(number: f64) -> &'static str {
    match number {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

/// Whether a text is a number of 64 bits, or stands for one that is not finite.
pub(crate) fn is_f64(text: &str) -> bool {
    parse_f64(text).is_some() || parse_not_finite(text).is_some()
}

/// Whether a text is a number of 32 bits, or stands for one that is not finite.
pub(crate) fn is_f32(text: &str) -> bool {
    parse_f32(text).is_some() || parse_not_finite(text).is_some()
}
