//! From messages to JSON.

use std::fmt::Write as _;

use super::text::{base64, float_text, mask, number_text};
use super::value::{Json, parse, write_string};
use super::{JsonError, time};
use crate::message::fields::{Cardinality, Field, Fields, Kind, Map, Member, Single, Types, View};
use crate::message::{MAX_DEPTH, SpecialValue, merge_message};
use crate::well_known::{self, Any, Duration, Timestamp};

/// Returns a message in JSON. The contents of each `Any` are found in `types`.
pub(crate) fn write(message: &dyn Fields, types: &'static Types) -> Result<String, JsonError> {
    let mut writer = Writer { text: String::new(), types };
    writer.message(message, 0)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    types: &'static Types,
}

impl Writer {
    fn string(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = write_string(text, &mut self.text);
    }

    /// Writes the name of a field or an entry, and what stands before it.
    fn key(&mut self, is_first: &mut bool, name: &str) {
        self.text.push(if *is_first { '{' } else { ',' });
        *is_first = false;
        self.string(name);
        self.text.push(':');
    }

    fn end(&mut self, is_first: bool) {
        self.text.push_str(if is_first { "{}" } else { "}" });
    }

    fn message(&mut self, message: &dyn Fields, depth: u32) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::new(format!("more than {MAX_DEPTH} messages lie within each other")));
        }
        match message.info().full_name {
            well_known::TIMESTAMP => {
                let (seconds, nanos) = time_parts(message);
                self.string(&time::timestamp(&Timestamp { seconds, nanos })?);
                Ok(())
            }
            well_known::DURATION => {
                let (seconds, nanos) = time_parts(message);
                self.string(&time::duration(&Duration { seconds, nanos })?);
                Ok(())
            }
            well_known::ANY => self.any(&any_parts(message), depth),
            _ => {
                let mut is_first = true;
                self.fields(message, &mut is_first, depth)?;
                self.end(is_first);
                Ok(())
            }
        }
    }

    fn fields(&mut self, message: &dyn Fields, is_first: &mut bool, depth: u32) -> Result<(), JsonError> {
        for field in message.info().fields {
            self.field(field, message.member(field.member), is_first, depth)
                .map_err(|error| error.within(field.json_name))?;
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, member: Member<'_>, is_first: &mut bool, depth: u32) -> Result<(), JsonError> {
        match member {
            Member::One(value) if field.cardinality != Cardinality::Implicit || !value.view().is_default() => {
                self.key(is_first, field.json_name);
                self.value(field.kind, value, depth)?;
            }
            Member::Maybe(Some(value)) => {
                self.key(is_first, field.json_name);
                self.value(field.kind, value, depth)?;
            }
            Member::Oneof(Some((case, value))) if case == field.case => {
                self.key(is_first, field.json_name);
                self.value(field.kind, value, depth)?;
            }
            Member::Many(list) if list.count() > 0 => {
                self.key(is_first, field.json_name);
                for index in 0..list.count() {
                    self.text.push(if index == 0 { '[' } else { ',' });
                    if let Some(value) = list.get(index) {
                        self.value(field.kind, value, depth)?;
                    }
                }
                self.text.push(']');
            }
            Member::Map(map) if map.count() > 0 => {
                self.key(is_first, field.json_name);
                self.map(field, map, depth)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn map(&mut self, field: &Field, map: &dyn Map, depth: u32) -> Result<(), JsonError> {
        let mut is_first = true;
        for (key, value) in (0..map.count()).filter_map(|index| map.get(index)) {
            let key = match key.view() {
                View::I32(key) => key.to_string(),
                View::I64(key) => key.to_string(),
                View::U32(key) => key.to_string(),
                View::U64(key) => key.to_string(),
                View::Bool(key) => key.to_string(),
                View::Str(key) => key.to_owned(),
                _ => String::new(),
            };
            self.key(&mut is_first, &key);
            self.value(field.kind, value, depth)?;
        }
        self.end(is_first);
        Ok(())
    }

    fn value(&mut self, kind: Kind, value: &dyn Single, depth: u32) -> Result<(), JsonError> {
        match value.view() {
            View::I32(number) => self.number(number),
            View::U32(number) => self.number(number),
            View::I64(number) => self.string(&number.to_string()),
            View::U64(number) => self.string(&number.to_string()),
            View::F32(number) if number.is_finite() => self.text.push_str(&float_text(number)),
            View::F64(number) if number.is_finite() => self.text.push_str(&number_text(number)),
            View::F32(number) => self.string(not_finite(number.into())),
            View::F64(number) => self.string(not_finite(number)),
            View::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
            View::Bytes(bytes) => self.string(&base64(bytes)),
            View::Strings(paths) => self.string(&mask(paths)?),
            View::Str(text) => match kind {
                Kind::Struct | Kind::Value | Kind::ListValue => {
                    let json = parse(text)?;
                    let fits = match kind {
                        Kind::Struct => matches!(json, Json::Object(_)),
                        Kind::ListValue => matches!(json, Json::Array(_)),
                        _ => true,
                    };
                    if !fits {
                        return Err(JsonError::new(format!("a google.protobuf.{kind:?} is {}", json.describe())));
                    }
                    let _ = write!(self.text, "{json}");
                }
                _ => self.string(text),
            },
            View::Enum(value) => {
                let (number, info) = (value.number(), value.info());
                match info.values.iter().find(|(_, known)| *known == number) {
                    _ if info.full_name == well_known::NULL_VALUE => self.text.push_str("null"),
                    Some((name, _)) => self.string(name),
                    None => self.number(number),
                }
            }
            View::Message(message) => self.message(message, depth + 1)?,
        }
        Ok(())
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        let _ = write!(self.text, "{number}");
    }

    fn any(&mut self, any: &Any, depth: u32) -> Result<(), JsonError> {
        let mut is_first = true;
        if any.type_url.is_empty() && any.value.is_empty() {
            self.end(is_first);
            return Ok(());
        }
        let name = any.type_name();
        self.key(&mut is_first, "@type");
        self.string(&any.type_url);
        if let Some(mut special) = SpecialValue::new(name) {
            special.decode(&any.value)?;
            self.key(&mut is_first, "value");
            self.value(special.kind, &*special.value, depth)?;
        } else {
            let mut message = find_type(self.types, name)?;
            merge_message(&mut message, &any.value)?;
            if well_known::has_own_json(name) {
                self.key(&mut is_first, "value");
                self.message(&message, depth + 1)?;
            } else if depth >= MAX_DEPTH {
                return Err(JsonError::new(format!("more than {MAX_DEPTH} messages lie within each other")));
            } else {
                self.fields(&message, &mut is_first, depth + 1)?;
            }
        }
        self.end(is_first);
        Ok(())
    }
}

/// Returns an empty message of a type.
pub(super) fn find_type(types: &'static Types, name: &str) -> Result<Box<dyn Fields>, JsonError> {
    let found = types.find(name).or_else(|| well_known::TYPES.find(name));
    found.ok_or_else(|| {
        JsonError::new(format!(
            "the project does not have the type `{name}` of a google.protobuf.Any: name it in `types` of [proto] in \
             okra.toml"
        ))
    })
}

fn not_finite(number: f64) -> &'static str {
    match (number.is_nan(), number > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}

/// Seconds and nanoseconds of a message that has these two.
fn time_parts(message: &dyn Fields) -> (i64, i32) {
    let one = |index| match message.member(index) {
        Member::One(value) => Some(value),
        _ => None,
    };
    match (one(0).map(Single::view), one(1).map(Single::view)) {
        (Some(View::I64(seconds)), Some(View::I32(nanos))) => (seconds, nanos),
        _ => (0, 0),
    }
}

fn any_parts(message: &dyn Fields) -> Any {
    let one = |index| match message.member(index) {
        Member::One(value) => Some(value),
        _ => None,
    };
    match (one(0).map(Single::view), one(1).map(Single::view)) {
        (Some(View::Str(type_url)), Some(View::Bytes(value))) => {
            Any { type_url: type_url.to_owned(), value: value.to_vec() }
        }
        _ => Any::default(),
    }
}
