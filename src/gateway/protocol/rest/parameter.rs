//! Values of paths and queries: texts that become JSON values of their field's type.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind};
use serde_json::{Map, Value};

use crate::call::{Code, Status};
use crate::json::{WellKnown, camel_case, is_f32, is_f64};
use crate::routes::template::{field_path, has_whole_escapes};

/// Makes the status of a request with a value that does not fit.
pub(crate) fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}

/// Decodes the escapes of a path or a part of a query.
///
/// # Errors
/// What is wrong with it, to be read behind its name.
pub(crate) fn decode_escapes(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !has_whole_escapes(text) {
        return Err("has a `%` without two hexadecimal digits behind it");
    }
    percent_decode_str(text).decode_utf8().map_err(|_| "has escapes that are not UTF-8")
}

/// Reads text as a JSON value of the field's type. A field that repeats is given an item of it.
///
/// # Errors
/// INVALID_ARGUMENT when the field cannot be set by text, or the text is not a value of it.
pub(crate) fn parse_value(field: &[FieldDescriptor], text: &str) -> Result<Value, Status> {
    let name = field_path(field);
    match field.last().filter(|last| !last.is_map()) {
        Some(last) if last.is_list() => Ok(Value::Array(vec![parse_text(&name, &last.kind(), text)?])),
        Some(last) => parse_text(&name, &last.kind(), text),
        None => Err(invalid(format!("`{name}` cannot be set by a path or a query"))),
    }
}

/// Reads text as the JSON of a map with one entry.
///
/// # Errors
/// INVALID_ARGUMENT when the field is not a map, its values cannot be set by text, or the text is not a value of it.
pub(crate) fn parse_entry(field: &[FieldDescriptor], key: &str, text: &str) -> Result<Value, Status> {
    let name = format!("{}[{key}]", field_path(field));
    match field.last().filter(|last| last.is_map()).map(FieldDescriptor::kind) {
        Some(Kind::Message(entry)) => {
            let value = parse_text(&name, &entry.map_entry_value_field().kind(), text)?;
            Ok(Value::Object(Map::from_iter([(key.to_owned(), value)])))
        }
        _ => Err(invalid(format!("`{name}` in the query: `{}` is not a map", field_path(field)))),
    }
}

fn parse_text(name: &str, kind: &Kind, text: &str) -> Result<Value, Status> {
    let kind = match kind {
        Kind::Message(message) => match WellKnown::of(message.full_name()) {
            Some(WellKnown::Timestamp | WellKnown::Duration) => Kind::String,
            Some(WellKnown::Wrapper(kind)) => kind,
            Some(WellKnown::FieldMask) => return parse_field_mask(text).map_err(|error| misfit(name, text, &error)),
            Some(WellKnown::Struct | WellKnown::Value | WellKnown::ListValue) => {
                return serde_json::from_str(text).map_err(|_| misfit(name, text, "expected JSON"));
            }
            Some(WellKnown::Empty) => {
                let is_empty = matches!(text, "" | "{}");
                return is_empty
                    .then(|| Map::new().into())
                    .ok_or_else(|| misfit(name, text, "expected no text, or {}"));
            }
            Some(WellKnown::Any) => {
                return Err(invalid(format!("`{name}` cannot be set by a path or a query")));
            }
            None => return Err(invalid(format!("`{name}` is a message; set its fields"))),
        },
        kind => kind.clone(),
    };
    match kind {
        Kind::Bool => match text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(misfit(name, text, "expected true or false")),
        },
        Kind::Enum(kind) => parse_enum(&kind, text).ok_or_else(|| {
            let wanted = format!("expected a name or number of `{}`", kind.full_name());
            misfit(name, text, &wanted)
        }),
        Kind::Double if !is_f64(text) => {
            Err(misfit(name, text, "expected a number of 64 bits, NaN, Infinity or -Infinity"))
        }
        Kind::Float if !is_f32(text) => {
            Err(misfit(name, text, "expected a number of 32 bits, NaN, Infinity or -Infinity"))
        }
        // JSON takes numbers as strings, too.
        _ => Ok(Value::from(text)),
    }
}

fn misfit(name: &str, text: &str, wanted: &str) -> Status {
    invalid(format!("`{name}` is {text:?}; {wanted}"))
}

fn parse_enum(kind: &EnumDescriptor, text: &str) -> Option<Value> {
    if kind.full_name() == "google.protobuf.NullValue" {
        return matches!(text, "null" | "NULL_VALUE" | "0").then_some(Value::Null);
    }
    if kind.get_value_by_name(text).is_some() {
        return Some(text.into());
    }
    let number = text.parse().ok()?;
    kind.get_value(number).map(|_| number.into())
}

/// Reads the paths of a FieldMask, of which each is in snake_case or in camelCase.
fn parse_field_mask(text: &str) -> Result<Value, String> {
    let paths = text.split(',').map(|path| match path.contains('_') {
        true => camel_case(path).map_err(|error| error.to_string()),
        false => Ok(path.to_owned()),
    });
    Ok(paths.collect::<Result<Vec<_>, _>>()?.join(",").into())
}
