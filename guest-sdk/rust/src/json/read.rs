//! From JSON to messages.

use super::text::{from_base64, from_mask, integer};
use super::value::{Json, number_length, parse};
use super::write::find_type;
use super::{JsonError, time};
use crate::message::fields::{Cardinality, EnumValue, Field, Fields, Kind, MemberMut, Scalar, Single, Types, ViewMut};
use crate::message::{MAX_DEPTH, SpecialValue, encode_message};
use crate::well_known;

/// Reads JSON into an empty message. The contents of each `Any` are found in `types`.
pub(crate) fn read(message: &mut dyn Fields, text: &str, types: &'static Types) -> Result<(), JsonError> {
    let json = parse(text)?;
    Reader { types }.message(message, &json, 0)
}

struct Reader {
    types: &'static Types,
}

impl Reader {
    fn message(&self, message: &mut dyn Fields, json: &Json, depth: u32) -> Result<(), JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::new(format!("more than {MAX_DEPTH} messages lie within each other")));
        }
        let full_name = message.info().full_name;
        match (full_name, json) {
            (well_known::TIMESTAMP, Json::String(text)) => {
                let time = time::parse_timestamp(text)?;
                set_time(message, time.seconds, time.nanos);
                Ok(())
            }
            (well_known::DURATION, Json::String(text)) => {
                let span = time::parse_duration(text)?;
                set_time(message, span.seconds, span.nanos);
                Ok(())
            }
            (well_known::ANY, Json::Object(entries)) => self.any(message, entries, depth),
            (well_known::TIMESTAMP | well_known::DURATION, _) => Err(wrong("a string", json)),
            (_, Json::Object(entries)) => self.fields(message, entries.iter(), depth),
            _ => Err(wrong("an object", json)),
        }
    }

    fn fields<'a>(
        &self,
        message: &mut dyn Fields,
        entries: impl Iterator<Item = &'a (String, Json)>,
        depth: u32,
    ) -> Result<(), JsonError> {
        let info = message.info();
        let mut seen = vec![false; info.fields.len()];
        // The members that are oneofs with a value.
        let mut chosen = Vec::new();
        for (key, json) in entries {
            let is_named = |field: &Field| field.json_name == key || field.name == key;
            let Some(index) = info.fields.iter().position(is_named) else {
                return Err(JsonError::new(format!("{} has no field `{key}`", info.full_name)));
            };
            let Some(field) = info.fields.get(index) else { continue };
            match seen.get_mut(index) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(JsonError::new(format!("field `{key}` is there twice"))),
            }
            if *json == Json::Null && field.kind != Kind::Value && !self.is_null_value(message, field) {
                continue;
            }
            if field.cardinality == Cardinality::Case {
                if chosen.contains(&field.member) {
                    return Err(JsonError::new(format!("field `{key}` is in a oneof of which another field is there")));
                }
                chosen.push(field.member);
            }
            self.field(field, message.member_mut(field.member), json, depth)
                .map_err(|error| error.within(field.json_name))?;
        }
        for (field, _) in info.fields.iter().zip(&seen).filter(|(_, seen)| !**seen) {
            if field.cardinality == Cardinality::Required {
                return Err(JsonError::new(format!("the required field `{}` is missing", field.json_name)));
            }
        }
        Ok(())
    }

    /// Whether a field is a `google.protobuf.NullValue`, whose only value is null.
    fn is_null_value(&self, message: &mut dyn Fields, field: &Field) -> bool {
        if field.kind != Kind::Enum {
            return false;
        }
        let mut is_null_value = false;
        let mut look = |value: &mut dyn Single| {
            is_null_value =
                matches!(value.view_mut(), ViewMut::Enum(value) if value.info().full_name == well_known::NULL_VALUE);
            false
        };
        match message.member_mut(field.member) {
            MemberMut::One(value) => {
                look(value);
            }
            MemberMut::Maybe(value) => value.merge(&mut look),
            MemberMut::Oneof(oneof) => oneof.merge(field.case, &mut look),
            _ => {}
        }
        is_null_value
    }

    fn field(&self, field: &Field, member: MemberMut<'_>, json: &Json, depth: u32) -> Result<(), JsonError> {
        let mut result = Ok(());
        let mut fill = |value: &mut dyn Single| {
            result = self.value(field.kind, value, json, depth);
            result.is_ok()
        };
        match member {
            MemberMut::One(value) => {
                fill(value);
            }
            MemberMut::Maybe(value) => value.merge(&mut fill),
            MemberMut::Oneof(oneof) => oneof.merge(field.case, &mut fill),
            MemberMut::Many(list) => {
                let Json::Array(values) = json else { return Err(wrong("an array", json)) };
                for (index, json) in values.iter().enumerate() {
                    list.push(&mut |value| {
                        result = self.value(field.kind, value, json, depth);
                        result.is_ok()
                    });
                    if let Err(error) = result {
                        return Err(error.within(index.to_string()));
                    }
                }
            }
            MemberMut::Map(map) => {
                let Json::Object(entries) = json else { return Err(wrong("an object", json)) };
                let Cardinality::Map(scalar) = field.cardinality else { return Ok(()) };
                for (key_text, json) in entries {
                    map.push(&mut |key, value| {
                        result = map_key(scalar, key.view_mut(), key_text)
                            .and_then(|()| self.value(field.kind, value, json, depth));
                        result.is_ok()
                    });
                    if let Err(error) = result {
                        return Err(error.within(key_text));
                    }
                }
                if map.count() > 1 && map.remove_duplicates() > 0 {
                    return Err(JsonError::new("a key is there twice"));
                }
            }
            MemberMut::Missing => {}
        }
        result
    }

    fn value(&self, kind: Kind, value: &mut dyn Single, json: &Json, depth: u32) -> Result<(), JsonError> {
        match (value.view_mut(), json) {
            (ViewMut::Str(text), _) if matches!(kind, Kind::Struct | Kind::Value | Kind::ListValue) => {
                match (kind, json) {
                    (Kind::Struct, Json::Object(_)) | (Kind::ListValue, Json::Array(_)) | (Kind::Value, _) => {
                        check_json(json, depth)?;
                        *text = json.to_string();
                    }
                    (Kind::Struct, _) => return Err(wrong("an object", json)),
                    _ => return Err(wrong("an array", json)),
                }
            }
            (ViewMut::Str(value), Json::String(text)) => value.clone_from(text),
            (ViewMut::Bytes(value), Json::String(text)) => {
                *value = from_base64(text).ok_or_else(|| JsonError::new("a string is not base64"))?;
            }
            (ViewMut::Strings(paths), Json::String(text)) => *paths = from_mask(text)?,
            (ViewMut::Str(_) | ViewMut::Bytes(_) | ViewMut::Strings(_), _) => return Err(wrong("a string", json)),
            (ViewMut::Bool(value), Json::Bool(json)) => *value = *json,
            (ViewMut::Bool(_), _) => return Err(wrong("a boolean", json)),
            (ViewMut::I32(value), json) => *value = whole(json)?,
            (ViewMut::I64(value), json) => *value = whole(json)?,
            (ViewMut::U32(value), json) => *value = whole(json)?,
            (ViewMut::U64(value), json) => *value = whole(json)?,
            (ViewMut::F64(value), json) => *value = float(json)?,
            (ViewMut::F32(value), json) => {
                let wide: f64 = float(json)?;
                let narrow = wide as f32;
                if narrow.is_infinite() && wide.is_finite() {
                    return Err(JsonError::new("a number is out of range"));
                }
                *value = narrow;
            }
            (ViewMut::Enum(value), json) => enumeration(value, json)?,
            (ViewMut::Message(message), json) => self.message(message, json, depth + 1)?,
        }
        Ok(())
    }

    fn any(&self, any: &mut dyn Fields, entries: &[(String, Json)], depth: u32) -> Result<(), JsonError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut urls = entries.iter().filter(|(key, _)| key == "@type").map(|(_, url)| url);
        let Some(Json::String(url)) = urls.next() else {
            return Err(JsonError::new("a google.protobuf.Any has no string `@type`"));
        };
        if urls.next().is_some() {
            return Err(JsonError::new("field `@type` is there twice"));
        }
        let Some((_, name)) = url.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Err(JsonError::new(format!("`@type` is {url:?}, without a `/` and the name of a type")));
        };
        let fields = || entries.iter().filter(|(key, _)| key != "@type");
        // The only field beside `@type`.
        let only_value = || match fields().collect::<Vec<_>>().as_slice() {
            [(key, json)] if key == "value" => Ok(json),
            _ => Err(JsonError::new(format!(
                "a google.protobuf.Any of type `{name}` has one field beside `@type`: `value`"
            ))),
        };
        let bytes = if let Some(mut special) = SpecialValue::new(name) {
            self.value(special.kind, &mut *special.value, only_value()?, depth)?;
            special.encode()?
        } else {
            let mut message = find_type(self.types, name)?;
            if well_known::has_own_json(name) {
                self.message(&mut message, only_value()?, depth + 1)?;
            } else if depth >= MAX_DEPTH {
                return Err(JsonError::new(format!("more than {MAX_DEPTH} messages lie within each other")));
            } else {
                self.fields(&mut message, fields(), depth + 1)?;
            }
            encode_message(&message)?
        };
        if let MemberMut::One(value) = any.member_mut(0)
            && let ViewMut::Str(type_url) = value.view_mut()
        {
            type_url.clone_from(url);
        }
        if let MemberMut::One(value) = any.member_mut(1)
            && let ViewMut::Bytes(value) = value.view_mut()
        {
            *value = bytes;
        }
        Ok(())
    }
}

fn wrong(expected: &str, json: &Json) -> JsonError {
    JsonError::new(format!("expected {expected}, found {}", json.describe()))
}

/// Refuses JSON that a `google.protobuf.Value` cannot hold: numbers out of range, keys that are there twice, and more messages
/// within each other than can be encoded.
fn check_json(json: &Json, depth: u32) -> Result<(), JsonError> {
    if depth > MAX_DEPTH {
        return Err(JsonError::new(format!("more than {MAX_DEPTH} messages lie within each other")));
    }
    match json {
        Json::Number(text) if !text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(JsonError::new("a number is out of range"))
        }
        Json::Array(values) => values.iter().try_for_each(|value| check_json(value, depth + 1)),
        Json::Object(entries) => {
            let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|pair| pair.first() == pair.last()) {
                return Err(JsonError::new("a key is there twice"));
            }
            entries.iter().try_for_each(|(_, value)| check_json(value, depth + 1))
        }
        _ => Ok(()),
    }
}

/// Reads a whole number: a number, or a string with one.
fn whole<T: TryFrom<i128>>(json: &Json) -> Result<T, JsonError> {
    let (Json::Number(text) | Json::String(text)) = json else { return Err(wrong("a number", json)) };
    let number = integer(text).ok_or_else(|| JsonError::new(format!("{text:?} is not a whole number")))?;
    T::try_from(number).map_err(|_| JsonError::new(format!("{text} is out of range")))
}

fn float(json: &Json) -> Result<f64, JsonError> {
    let text = match json {
        Json::Number(text) => text,
        Json::String(text) => match text.as_str() {
            "NaN" => return Ok(f64::NAN),
            "Infinity" => return Ok(f64::INFINITY),
            "-Infinity" => return Ok(f64::NEG_INFINITY),
            _ if number_length(text) == Some(text.len()) => text,
            _ => return Err(JsonError::new(format!("{text:?} is not a number"))),
        },
        _ => return Err(wrong("a number", json)),
    };
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| JsonError::new(format!("{text} is out of range")))
}

fn enumeration(value: &mut dyn EnumValue, json: &Json) -> Result<(), JsonError> {
    let info = value.info();
    let number = match json {
        Json::String(name) => info.values.iter().find(|(known, _)| known == name).map(|(_, number)| *number),
        Json::Number(_) => Some(whole(json)?),
        Json::Null if info.full_name == well_known::NULL_VALUE => Some(0),
        _ => return Err(wrong("a string", json)),
    };
    match number {
        Some(number) if value.set_number(number) => Ok(()),
        _ => Err(JsonError::new(format!("enum {} has no value {json}", info.full_name))),
    }
}

fn map_key(scalar: Scalar, key: ViewMut<'_>, text: &str) -> Result<(), JsonError> {
    let json = Json::String(text.to_owned());
    match (scalar, key) {
        (_, ViewMut::Str(key)) => text.clone_into(key),
        (_, ViewMut::I32(key)) => *key = whole(&json)?,
        (_, ViewMut::I64(key)) => *key = whole(&json)?,
        (_, ViewMut::U32(key)) => *key = whole(&json)?,
        (_, ViewMut::U64(key)) => *key = whole(&json)?,
        (_, ViewMut::Bool(key)) => match text {
            "true" => *key = true,
            "false" => *key = false,
            _ => return Err(JsonError::new(format!("the key {text:?} is neither \"true\" nor \"false\""))),
        },
        _ => debug_assert!(false, "keys of maps are whole numbers, booleans and strings"),
    }
    Ok(())
}

fn set_time(message: &mut dyn Fields, new_seconds: i64, new_nanos: i32) {
    if let MemberMut::One(value) = message.member_mut(0)
        && let ViewMut::I64(seconds) = value.view_mut()
    {
        *seconds = new_seconds;
    }
    if let MemberMut::One(value) = message.member_mut(1)
        && let ViewMut::I32(nanos) = value.view_mut()
    {
        *nanos = new_nanos;
    }
}
