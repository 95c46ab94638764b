//! The texts of numbers, bytes and field masks in JSON.

use super::JsonError;
use super::value::number_length;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Returns the text of a finite number: without exponent where that is short.
pub(crate) fn number_text(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e17).contains(&size) { format!("{number}") } else { format!("{number:e}") }
}

/// Returns the text of a finite number of single precision.
pub(super) fn float_text(number: f32) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-5..1e9).contains(&size) { format!("{number}") } else { format!("{number:e}") }
}

/// Reads a whole number, which may have a fraction of zeros and an exponent.
pub(super) fn integer(text: &str) -> Option<i128> {
    if number_length(text) != Some(text.len()) {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{}", fraction.trim_end_matches('0'));
    let shift = i64::from(exponent) - fraction.trim_end_matches('0').len() as i64;
    let number: i128 = digits.parse().ok()?;
    if number == 0 {
        return Some(0);
    }
    match shift {
        0.. => 10_i128.checked_pow(u32::try_from(shift).ok()?).and_then(|power| number.checked_mul(power)),
        _ => {
            let power = 10_i128.checked_pow(u32::try_from(-shift).ok()?)?;
            (number % power == 0).then_some(number / power)
        }
    }
}

/// Returns bytes in base64, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4 {
            let digit = ALPHABET.get((bits >> (18 - 6 * index) & 63) as usize).copied().unwrap_or_default();
            text.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Reads base64 of either alphabet, with or without padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let is_padded = padding > 0;
    if digits.len() % 4 == 1 || (is_padded && (padding > 2 || text.len() % 4 != 0)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

/// Returns the paths of a field mask in JSON: in lower camel case, with commas between them.
pub(super) fn mask(paths: &[String]) -> Result<String, JsonError> {
    let mut text = String::new();
    for (index, path) in paths.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        let mut is_upper = false;
        for char in path.chars() {
            match (char, is_upper) {
                ('_', false) => is_upper = true,
                ('a'..='z', true) => {
                    text.push(char.to_ascii_uppercase());
                    is_upper = false;
                }
                (_, true) | ('A'..='Z' | ',', _) => {
                    return Err(JsonError::new(format!("the path `{path}` of a field mask has no JSON")));
                }
                _ => text.push(char),
            }
        }
        if is_upper {
            return Err(JsonError::new(format!("the path `{path}` of a field mask has no JSON")));
        }
    }
    Ok(text)
}

/// Reads the paths of a field mask.
pub(super) fn from_mask(text: &str) -> Result<Vec<String>, JsonError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let path = |path: &str| {
        let mut name = String::new();
        for char in path.chars() {
            match char {
                'A'..='Z' => {
                    name.push('_');
                    name.push(char.to_ascii_lowercase());
                }
                '_' => return Err(JsonError::new(format!("`{path}` is not a path of a field mask"))),
                _ => name.push(char),
            }
        }
        Ok(name)
    };
    text.split(',').map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_exactly_however_they_are_written() {
        for (text, number) in [
            ("9223372036854775807", Some(9_223_372_036_854_775_807)),
            ("9223372036854775807.000", Some(9_223_372_036_854_775_807)),
            ("1e5", Some(100_000)),
            ("-1.50e1", Some(-15)),
            ("100e-2", Some(1)),
            ("0e999999", Some(0)),
            ("0.5", None),
            ("1e999999999", None),
            ("1e-5", None),
            (" 1", None),
            ("1 ", None),
            ("", None),
            ("0x1", None),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
    }

    #[test]
    fn bytes_go_through_base64() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\xfe\xfd\xfb"] {
            let text = base64(bytes);
            assert_eq!(from_base64(&text).as_deref(), Some(bytes), "{text}");
            assert_eq!(from_base64(text.trim_end_matches('=')).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(from_base64("-_8"), from_base64("+/8="));
        for text in ["A", "A=", "AA=", "AA===", "A*AA", "=", "AAAA=", "AA==AA"] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    #[test]
    fn masks_that_would_not_come_back_are_refused() {
        let paths = ["a_b.c".to_owned(), "d".to_owned()];
        assert_eq!(mask(&paths).unwrap(), "aB.c,d");
        assert_eq!(from_mask("aB.c,d").unwrap(), paths);
        for path in ["aB", "a__b", "a_", "a_1", "a,b"] {
            assert!(mask(&[path.to_owned()]).is_err(), "{path}");
        }
        assert!(from_mask("a_b").is_err());
    }
}
