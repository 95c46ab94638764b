//! From messages to bytes. Everything is written backwards, so that each length is known when it is written.

use super::fields::{Cardinality, Field, Fields, Kind, Member, Scalar, Single, View};
use super::{EncodeError, MAX_DEPTH};
use crate::json::{Json, parse};

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const START_GROUP: u32 = 3;
const END_GROUP: u32 = 4;
const FIXED32: u32 = 5;

/// Returns the encoding of a message.
pub(crate) fn encode_message(message: &dyn Fields) -> Result<Vec<u8>, EncodeError> {
    let mut output = Output::default();
    output.message(message, 0)?;
    Ok(output.into_bytes())
}

/// Returns the encoding of a value as it stands in a message of its own, such as `google.protobuf.StringValue`.
pub(crate) fn encode_special(kind: Kind, value: &dyn Single) -> Result<Vec<u8>, EncodeError> {
    let mut output = Output::default();
    output.content(kind, value, 0)?;
    Ok(output.into_bytes())
}

/// Bytes, the last one first.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
}

impl Output {
    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.reverse();
        self.bytes
    }

    fn message(&mut self, message: &dyn Fields, depth: u32) -> Result<(), EncodeError> {
        let info = message.info();
        if depth > MAX_DEPTH {
            return Err(EncodeError(format!(
                "more than {MAX_DEPTH} messages lie within each other in {}",
                info.full_name
            )));
        }
        for field in info.fields.iter().rev() {
            match message.member(field.member) {
                Member::One(value) => {
                    if field.cardinality != Cardinality::Implicit || !value.view().is_default() {
                        self.field(field.number, field.kind, value, depth)?;
                    }
                }
                Member::Maybe(Some(value)) => self.field(field.number, field.kind, value, depth)?,
                Member::Oneof(Some((case, value))) if case == field.case => {
                    self.field(field.number, field.kind, value, depth)?;
                }
                Member::Many(list) => self.list(field, list, depth)?,
                Member::Map(map) => {
                    let Cardinality::Map(key_scalar) = field.cardinality else { continue };
                    for index in (0..map.count()).rev() {
                        let Some((key, value)) = map.get(index) else { continue };
                        let end = self.bytes.len();
                        self.field(2, field.kind, value, depth)?;
                        self.field(1, Kind::Scalar(key_scalar), key, depth)?;
                        self.close(field.number, end);
                    }
                }
                Member::Maybe(None) | Member::Oneof(_) | Member::Missing => {}
            }
        }
        Ok(())
    }

    fn list(&mut self, field: &Field, list: &dyn super::fields::Many, depth: u32) -> Result<(), EncodeError> {
        let is_packed = field.cardinality == Cardinality::Packed && list.count() > 0;
        let end = self.bytes.len();
        for index in (0..list.count()).rev() {
            let Some(value) = list.get(index) else { continue };
            match field.kind {
                Kind::Scalar(scalar) if is_packed => {
                    self.scalar(scalar, &value.view());
                }
                Kind::Enum if is_packed => {
                    self.scalar(Scalar::Int32, &value.view());
                }
                kind => self.field(field.number, kind, value, depth)?,
            }
        }
        if is_packed {
            self.close(field.number, end);
        }
        Ok(())
    }

    /// Writes a value with its tag.
    fn field(&mut self, number: u32, kind: Kind, value: &dyn Single, depth: u32) -> Result<(), EncodeError> {
        let wire_type = match kind {
            Kind::Scalar(scalar) => self.scalar(scalar, &value.view()),
            Kind::Enum => self.scalar(Scalar::Int32, &value.view()),
            Kind::Group => {
                self.tag(number, END_GROUP);
                self.content(kind, value, depth)?;
                START_GROUP
            }
            _ => {
                let end = self.bytes.len();
                self.content(kind, value, depth)?;
                self.close(number, end);
                return Ok(());
            }
        };
        self.tag(number, wire_type);
        Ok(())
    }

    /// Writes what is in a message.
    fn content(&mut self, kind: Kind, value: &dyn Single, depth: u32) -> Result<(), EncodeError> {
        match (kind, value.view()) {
            (Kind::Message | Kind::Group, View::Message(message)) => self.message(message, depth + 1)?,
            (Kind::Wrapper(scalar), view) => {
                if !view.is_default() {
                    let wire_type = self.scalar(scalar, &view);
                    self.tag(1, wire_type);
                }
            }
            (Kind::FieldMask, View::Strings(paths)) => {
                for path in paths.iter().rev() {
                    self.bytes(path.as_bytes());
                    self.tag(1, LENGTH);
                }
            }
            (Kind::Struct | Kind::Value | Kind::ListValue, View::Str(text)) => {
                let json = parse(text).map_err(|error| EncodeError(format!("a google.protobuf.{kind:?}: {error}")))?;
                self.json(kind, &json, depth + 1)?;
            }
            _ => debug_assert!(false, "generated code gives each kind the type that it has"),
        }
        Ok(())
    }

    /// Writes what is in one of the messages of `google/protobuf/struct.proto`.
    fn json(&mut self, kind: Kind, json: &Json, depth: u32) -> Result<(), EncodeError> {
        if depth > MAX_DEPTH {
            return Err(EncodeError(format!(
                "more than {MAX_DEPTH} messages lie within each other in a google.protobuf.Value"
            )));
        }
        match (kind, json) {
            (Kind::Struct, Json::Object(entries)) => {
                for (key, value) in entries.iter().rev() {
                    let end = self.bytes.len();
                    let value_end = self.bytes.len();
                    self.json(Kind::Value, value, depth + 1)?;
                    self.close(2, value_end);
                    self.bytes(key.as_bytes());
                    self.tag(1, LENGTH);
                    self.close(1, end);
                }
            }
            (Kind::ListValue, Json::Array(values)) => {
                for value in values.iter().rev() {
                    let end = self.bytes.len();
                    self.json(Kind::Value, value, depth + 1)?;
                    self.close(1, end);
                }
            }
            (Kind::Value, Json::Null) => {
                self.varint(0);
                self.tag(1, VARINT);
            }
            (Kind::Value, Json::Number(text)) => {
                let number: f64 = text.parse().unwrap_or(f64::INFINITY);
                if !number.is_finite() {
                    return Err(EncodeError(format!("{text} is too large for a google.protobuf.Value")));
                }
                self.bytes.extend(number.to_le_bytes().iter().rev());
                self.tag(2, FIXED64);
            }
            (Kind::Value, Json::String(text)) => {
                self.bytes(text.as_bytes());
                self.tag(3, LENGTH);
            }
            (Kind::Value, Json::Bool(value)) => {
                self.varint((*value).into());
                self.tag(4, VARINT);
            }
            (Kind::Value, Json::Object(_)) => {
                let end = self.bytes.len();
                self.json(Kind::Struct, json, depth + 1)?;
                self.close(5, end);
            }
            (Kind::Value, Json::Array(_)) => {
                let end = self.bytes.len();
                self.json(Kind::ListValue, json, depth + 1)?;
                self.close(6, end);
            }
            _ => return Err(EncodeError(format!("a google.protobuf.{kind:?} is {}", json.describe()))),
        }
        Ok(())
    }

    /// Writes a scalar without its tag. Returns its wire type.
    fn scalar(&mut self, scalar: Scalar, view: &View<'_>) -> u32 {
        match (scalar, view) {
            (Scalar::Double, View::F64(value)) => self.fixed(&value.to_le_bytes(), FIXED64),
            (Scalar::Float, View::F32(value)) => self.fixed(&value.to_le_bytes(), FIXED32),
            (Scalar::Int32, View::I32(value)) => self.varint(i64::from(*value) as u64),
            (Scalar::Int32, View::Enum(value)) => self.varint(i64::from(value.number()) as u64),
            (Scalar::Int64, View::I64(value)) => self.varint(*value as u64),
            (Scalar::Uint32, View::U32(value)) => self.varint((*value).into()),
            (Scalar::Uint64, View::U64(value)) => self.varint(*value),
            (Scalar::Sint32, View::I32(value)) => self.varint((((value << 1) ^ (value >> 31)) as u32).into()),
            (Scalar::Sint64, View::I64(value)) => self.varint(((value << 1) ^ (value >> 63)) as u64),
            (Scalar::Fixed32, View::U32(value)) => self.fixed(&value.to_le_bytes(), FIXED32),
            (Scalar::Fixed64, View::U64(value)) => self.fixed(&value.to_le_bytes(), FIXED64),
            (Scalar::Sfixed32, View::I32(value)) => self.fixed(&value.to_le_bytes(), FIXED32),
            (Scalar::Sfixed64, View::I64(value)) => self.fixed(&value.to_le_bytes(), FIXED64),
            (Scalar::Bool, View::Bool(value)) => self.varint((*value).into()),
            (Scalar::String, View::Str(text)) => self.bytes(text.as_bytes()),
            (Scalar::Bytes, View::Bytes(bytes)) => self.bytes(bytes),
            _ => {
                debug_assert!(false, "generated code gives each scalar the type that it has");
                self.varint(0)
            }
        }
    }

    fn fixed(&mut self, bytes: &[u8], wire_type: u32) -> u32 {
        self.bytes.extend(bytes.iter().rev());
        wire_type
    }

    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.extend(bytes.iter().rev());
        self.varint(bytes.len() as u64);
        LENGTH
    }

    fn varint(&mut self, mut number: u64) -> u32 {
        let mut buffer = [0_u8; 10];
        let mut length = 0;
        for byte in &mut buffer {
            length += 1;
            *byte = number as u8 & 0x7f;
            number >>= 7;
            if number == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.bytes.extend(buffer.iter().take(length).rev());
        VARINT
    }

    fn tag(&mut self, number: u32, wire_type: u32) {
        self.varint((number << 3 | wire_type).into());
    }

    /// Writes the length of all that was written since there were `end` bytes, and the tag before it.
    fn close(&mut self, number: u32, end: usize) {
        self.varint((self.bytes.len() - end) as u64);
        self.tag(number, LENGTH);
    }
}
