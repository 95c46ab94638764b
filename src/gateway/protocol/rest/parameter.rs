//! Values of paths and queries: texts that become JSON values of their field's type.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind};
use serde_json::Value;

use crate::call::{Code, Status};
use crate::gateway::call::json_scan::JsonScan;
use crate::gateway::call::json_scan::NOT_FINITE;
use crate::gateway::call::json_writer::camel_case;
use crate::gateway::call::well_known::WellKnown;
use crate::gateway::routes::template::field_path;

/// Makes the status of a request with a value that does not fit.
pub(crate) fn invalid(message: String) -> Status {
    Status::new(Code::InvalidArgument, message)
}

/// Reads text as a JSON value of the field's type.
///
/// # Errors
/// INVALID_ARGUMENT when the field cannot be set by text, or the text is not a value of it.
pub(crate) fn parse_value(field: &[FieldDescriptor], text: &str) -> Result<Value, Status> {
    let name = || field_path(field);
    let Some(last) = field.last().filter(|last| !last.is_map()) else {
        return Err(invalid(format!("`{}` cannot be set by a path or a query", name())));
    };
    let kind = match last.kind() {
        Kind::Message(message) => match WellKnown::of(message.full_name()) {
            Some(WellKnown::Timestamp | WellKnown::Duration) => Kind::String,
            Some(WellKnown::Wrapper(kind)) => kind,
            Some(WellKnown::FieldMask) => return parse_field_mask(text).map_err(|error| misfit(&name(), text, &error)),
            Some(WellKnown::Struct | WellKnown::Value | WellKnown::ListValue) => {
                JsonScan::of(text.as_bytes())?;
                return serde_json::from_str(text).map_err(|_| misfit(&name(), text, "expected JSON"));
            }
            Some(WellKnown::Any | WellKnown::Empty) => {
                return Err(invalid(format!("`{}` cannot be set by a path or a query", name())));
            }
            None => return Err(invalid(format!("`{}` is a message; set its fields", name()))),
        },
        kind => kind,
    };
    match kind {
        Kind::Bool => match text {
            "true" | "1" | "" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => Err(misfit(&name(), text, "expected true or false")),
        },
        Kind::Enum(kind) => parse_enum(&kind, text).ok_or_else(|| {
            let wanted = format!("expected a name or number of `{}`", kind.full_name());
            misfit(&name(), text, &wanted)
        }),
        Kind::Double if !is_number(text, text.parse().is_ok_and(f64::is_finite)) => {
            Err(misfit(&name(), text, "expected a number of 64 bits, NaN, Infinity or -Infinity"))
        }
        Kind::Float if !is_number(text, text.parse().is_ok_and(f32::is_finite)) => {
            Err(misfit(&name(), text, "expected a number of 32 bits, NaN, Infinity or -Infinity"))
        }
        // JSON takes numbers as strings, too.
        _ => Ok(Value::from(text)),
    }
}

fn misfit(name: &str, text: &str, wanted: &str) -> Status {
    invalid(format!("`{name}` is {text:?}; {wanted}"))
}

/// Whether a text is a number as JSON has it; Rust reads others as infinite or not a number, too.
fn is_number(text: &str, is_finite: bool) -> bool {
    is_finite || NOT_FINITE.contains(&text)
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
        true => camel_case(path),
        false => Ok(path.to_owned()),
    });
    Ok(paths.collect::<Result<Vec<_>, _>>()?.join(",").into())
}
