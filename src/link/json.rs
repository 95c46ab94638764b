//! `google.protobuf.Struct`, `Value` and `ListValue` as JSON text and back.
//!
//! <https://protobuf.dev/reference/protobuf/google.protobuf/#value>

use okra_codegen::schema::JsonKind;
use prost::Message;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::{Map, Number};

/// The text of nothing: what an absent message stands for where there is no absence.
pub(crate) fn empty(kind: JsonKind) -> &'static str {
    match kind {
        JsonKind::Struct => "{}",
        JsonKind::Value => "null",
        JsonKind::ListValue => "[]",
    }
}

/// Why there is no JSON text of an encoded message.
#[derive(Debug)]
pub(crate) enum NoJson {
    /// It is no message.
    Malformed(String),
    /// It has a number that is not finite, or a Value without a kind.
    NoForm(String),
}

impl NoJson {
    pub(crate) fn into_text(self) -> String {
        let (NoJson::Malformed(what) | NoJson::NoForm(what)) = self;
        what
    }
}

/// The JSON text of an encoded message.
///
/// # Errors
/// When there is none.
pub(crate) fn from_wire(kind: JsonKind, wire: &[u8]) -> Result<String, NoJson> {
    let malformed = |error: prost::DecodeError| NoJson::Malformed(error.to_string());
    let value = match kind {
        JsonKind::Struct => object(Struct::decode(wire).map_err(malformed)?),
        JsonKind::Value => value(Value::decode(wire).map_err(malformed)?),
        JsonKind::ListValue => array(ListValue::decode(wire).map_err(malformed)?),
    };
    value.map(|value| value.to_string()).map_err(NoJson::NoForm)
}

/// The encoded message of a JSON text.
///
/// # Errors
/// When the text is not JSON, or not of the kind.
pub(crate) fn to_wire(kind: JsonKind, text: &str) -> Result<Vec<u8>, String> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match (kind, to_value(json).kind) {
        (JsonKind::Value, kind) => Ok(Value { kind }.encode_to_vec()),
        (JsonKind::Struct, Some(Kind::StructValue(object))) => Ok(object.encode_to_vec()),
        (JsonKind::ListValue, Some(Kind::ListValue(list))) => Ok(list.encode_to_vec()),
        (JsonKind::Struct, _) => Err("not a JSON object".to_owned()),
        (JsonKind::ListValue, _) => Err("not a JSON array".to_owned()),
    }
}

fn value(value: Value) -> Result<serde_json::Value, String> {
    Ok(match value.kind.ok_or("a Value without a kind")? {
        Kind::NullValue(_) => serde_json::Value::Null,
        Kind::NumberValue(number) => serde_json::Value::Number(self::number(number)?),
        Kind::StringValue(text) => serde_json::Value::String(text),
        Kind::BoolValue(flag) => serde_json::Value::Bool(flag),
        Kind::StructValue(fields) => object(fields)?,
        Kind::ListValue(values) => array(values)?,
    })
}

fn number(number: f64) -> Result<Number, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT && !(number == 0.0 && number.is_sign_negative()) {
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number).ok_or_else(|| format!("the number {number} is not finite"))
}

fn object(object: Struct) -> Result<serde_json::Value, String> {
    let fields = object.fields.into_iter().map(|(name, field)| Ok((name, value(field)?)));
    Ok(serde_json::Value::Object(fields.collect::<Result<Map<_, _>, String>>()?))
}

fn array(list: ListValue) -> Result<serde_json::Value, String> {
    Ok(serde_json::Value::Array(list.values.into_iter().map(value).collect::<Result<_, _>>()?))
}

fn to_value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(flag),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.into_iter().map(to_value).collect() })
        }
        serde_json::Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields.into_iter().map(|(name, field)| (name, to_value(field))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}
