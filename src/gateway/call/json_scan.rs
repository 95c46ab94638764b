//! What is to be known of the JSON of a request before it is read: how deep it is, and whether it has texts that would be
//! read as numbers that are not finite.

use prost_reflect::{DynamicMessage, Value};

use crate::call::{Code, Status};

/// Most levels of objects and arrays in the JSON of a request.
const MAX_JSON_LEVELS: usize = 100;

/// The texts that stand for numbers which are not finite, in protobuf's JSON.
pub(crate) const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The outcome of a pass over JSON. Whether it is JSON at all is left to the parser.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonScan {
    /// How many texts are one of `NaN`, `Infinity` and `-Infinity`.
    not_finite_texts: usize,
    /// Whether another text is infinite or not a number to Rust, such as `inf` and `1e999`.
    has_other_texts: bool,
}

impl JsonScan {
    /// Goes over JSON once, without recursion.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when it has more than 100 levels.
    pub(crate) fn of(json: &[u8]) -> Result<Self, Status> {
        let mut scan = Self::default();
        let mut level = 0_usize;
        let mut text_start = None;
        let mut is_escaped = false;
        for (index, byte) in json.iter().enumerate() {
            match (byte, text_start) {
                _ if is_escaped => is_escaped = false,
                (b'\\', Some(_)) => is_escaped = true,
                (b'"', Some(start)) => {
                    scan.add_text(json.get(start..index).unwrap_or_default());
                    text_start = None;
                }
                (b'"', None) => text_start = Some(index + 1),
                (b'{' | b'[', None) => {
                    level += 1;
                    if level > MAX_JSON_LEVELS {
                        let message =
                            format!("the JSON of the request is nested more than {MAX_JSON_LEVELS} levels deep");
                        return Err(Status::new(Code::InvalidArgument, message));
                    }
                }
                // A bracket too many is an error of the parser.
                (b'}' | b']', None) => level = level.saturating_sub(1),
                _ => {}
            }
        }
        Ok(scan)
    }

    /// Adds a text of the JSON, or one that is set besides it.
    pub(crate) fn add_text(&mut self, text: &[u8]) {
        // Numbers without an exponent are infinite from 39 digits on only.
        let is_short_number = text.len() < 39 && !text.iter().any(|byte| matches!(byte, b'e' | b'E' | b'n' | b'N'));
        if is_short_number
            || !matches!(text.first(), Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'i' | b'I' | b'n' | b'N'))
        {
            return;
        }
        match std::str::from_utf8(text) {
            Ok(text) if NOT_FINITE.contains(&text) => self.not_finite_texts += 1,
            Ok(text) => self.has_other_texts |= text.parse::<f32>().is_ok_and(|number| !number.is_finite()),
            Err(_) => {}
        }
    }

    /// Checks that the message that was read has no more numbers which are not finite than the JSON has texts for.
    ///
    /// # Errors
    /// INVALID_ARGUMENT when a text such as `1e999` was read as one.
    pub(crate) fn check_floats(&self, message: &DynamicMessage) -> Result<(), Status> {
        // Nearly no request has such texts.
        if self.has_other_texts && count_not_finite(message) > self.not_finite_texts {
            let message = "a text of the request is no number of its field: it is out of range, or neither NaN, Infinity nor \
                           -Infinity";
            return Err(Status::new(Code::InvalidArgument, message));
        }
        Ok(())
    }
}

fn count_not_finite(message: &DynamicMessage) -> usize {
    message.fields().map(|(_, value)| count_in_value(value)).sum()
}

fn count_in_value(value: &Value) -> usize {
    match value {
        Value::F32(number) => (!number.is_finite()).into(),
        Value::F64(number) => (!number.is_finite()).into(),
        Value::Message(message) => count_not_finite(message),
        Value::List(values) => values.iter().map(count_in_value).sum(),
        Value::Map(entries) => entries.values().map(count_in_value).sum(),
        _ => 0,
    }
}
