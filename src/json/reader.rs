//! Reads JSON and encodes the message that it is. What JSON writes in a form of its own is in
//! [`reader_known`](crate::json::reader_known).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use prost::encoding::WireType;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::json::any_field::AnyField;
use crate::json::error::{JsonError, quote};
use crate::json::number::{parse_f32, parse_f64, parse_integer, parse_not_finite};
use crate::json::tape::{JsonKind, JsonTape, JsonValue};
use crate::json::well_known::WellKnown;
use crate::json::wire::{WireScalar, WireWriter};

/// How fields, extensions and names of enum values are taken that a message does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownNames {
    /// Fields are left out, because a client may be newer than its server; an enum value is an error, because leaving it
    /// out would change what the client said.
    IgnoreFields,
    /// Both are left out.
    Ignore,
    /// Both are errors.
    Refuse,
}

/// Encodes a message that is given as JSON.
///
/// # Errors
/// When the text is not JSON of the message; the error names the field.
pub fn read_message(message: &MessageDescriptor, json: &[u8], unknown: UnknownNames) -> Result<Vec<u8>, JsonError> {
    let tape = JsonTape::parse(json)?;
    let mut reader = JsonReader { out: WireWriter::default(), unknown };
    reader.read_message(message, tape.root())?;
    Ok(reader.out.finish())
}

/// Encodes a message of which one field is given as JSON. `fields` are the way to the field: those before the last one are
/// messages that are not repeated. A value that is the default is encoded, too, so that it replaces one before it.
///
/// # Errors
/// When the text is not JSON of the field; the error names it.
pub fn read_field(fields: &[FieldDescriptor], json: &[u8], unknown: UnknownNames) -> Result<Vec<u8>, JsonError> {
    let tape = JsonTape::parse(json)?;
    let mut reader = JsonReader { out: WireWriter::default(), unknown };
    let mut open = Vec::new();
    let (last, outer) = fields.split_last().ok_or_else(|| JsonError::new("the path of the field is empty"))?;
    for field in outer {
        match field.is_group() {
            true => reader.out.put_key(field.number(), WireType::StartGroup),
            false => open.push((field, reader.out.begin(field.number()))),
        }
    }
    let field = AnyField::Field(last.clone());
    if !tape.root().is_null() || takes_null(&field) {
        reader.read_field(&field, tape.root(), true).map_err(|error| error.within_field(last.name()))?;
    }
    for field in outer.iter().rev() {
        match field.is_group() {
            true => reader.out.put_key(field.number(), WireType::EndGroup),
            false => {
                if let Some((_, begun)) = open.pop() {
                    reader.out.end(&begun);
                }
            }
        }
    }
    Ok(reader.out.finish())
}

/// Whether `null` is a value of the field, and not its absence.
fn takes_null(field: &AnyField) -> bool {
    !field.is_list() && !field.is_map() && kind_takes_null(&field.kind())
}

fn kind_takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(kind) => kind.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

/// Makes the error of a value of another kind or out of range.
pub(super) fn misfit(value: JsonValue<'_>, expected: &str) -> JsonError {
    let came = match value.kind() {
        JsonKind::Object => "an object".to_owned(),
        JsonKind::Array => "an array".to_owned(),
        JsonKind::Text => quote(&value.text().unwrap_or_default()),
        JsonKind::Number | JsonKind::Null | JsonKind::True | JsonKind::False => {
            let quoted = quote(value.raw());
            quoted.replacen('"', "", 2)
        }
    };
    JsonError::new(format!("expected {expected}, not {came}"))
}

/// Encodes values one behind the other.
pub(super) struct JsonReader {
    pub(super) out: WireWriter,
    pub(super) unknown: UnknownNames,
}

impl JsonReader {
    pub(super) fn read_message(&mut self, message: &MessageDescriptor, value: JsonValue<'_>) -> Result<(), JsonError> {
        match WellKnown::of(message.full_name()) {
            Some(well_known) => self.read_well_known(&well_known, message, value),
            None if value.kind() == JsonKind::Object => self.read_members(message, value.members()),
            None => Err(misfit(value, &format!("an object of `{}`", message.full_name()))),
        }
    }

    /// Reads the fields of a message.
    pub(super) fn read_members<'a>(
        &mut self,
        message: &MessageDescriptor,
        members: impl Iterator<Item = (Cow<'a, str>, JsonValue<'a>)>,
    ) -> Result<(), JsonError> {
        let (mut seen, mut oneofs) = (BTreeSet::new(), BTreeSet::new());
        for (name, value) in members {
            let Some(field) = AnyField::named(message, &name) else {
                match self.unknown {
                    UnknownNames::IgnoreFields | UnknownNames::Ignore => continue,
                    UnknownNames::Refuse => {
                        let message = message.full_name();
                        return Err(JsonError::new(format!("`{message}` has no field {}", quote(&name))));
                    }
                }
            };
            if !seen.insert(field.number()) {
                return Err(JsonError::new("it is there twice").within_field(&name));
            }
            if value.is_null() && !takes_null(&field) {
                continue;
            }
            if field.oneof_index().is_some_and(|oneof| !oneofs.insert(oneof)) {
                return Err(JsonError::new("another field of its oneof is set, too").within_field(&name));
            }
            self.read_field(&field, value, field.has_presence()).map_err(|error| error.within_field(&name))?;
        }
        Ok(())
    }

    /// Reads a field. `is_explicit`: a value is encoded even if it is the default.
    fn read_field(&mut self, field: &AnyField, value: JsonValue<'_>, is_explicit: bool) -> Result<(), JsonError> {
        let (number, kind) = (field.number(), field.kind());
        if field.is_map() {
            return self.read_map(number, &kind, value);
        }
        if !field.is_list() {
            return self.read_value(number, &kind, field.is_group(), value, is_explicit);
        }
        if value.kind() != JsonKind::Array {
            return Err(misfit(value, "an array"));
        }
        let packed = field.is_packed().then(|| self.out.begin(number));
        for (index, item) in value.items().enumerate() {
            if item.is_null() && !kind_takes_null(&kind) {
                return Err(misfit(item, "a value").at_index(index));
            }
            let read = match &packed {
                Some(_) => self.read_scalar(&kind, item).map(|scalar| {
                    if let Some(scalar) = scalar {
                        self.out.put_scalar(&scalar);
                    }
                }),
                None => self.read_value(number, &kind, field.is_group(), item, true),
            };
            read.map_err(|error| error.at_index(index))?;
        }
        if let Some(packed) = packed {
            self.out.end(&packed);
        }
        Ok(())
    }

    fn read_map(&mut self, number: u32, kind: &Kind, value: JsonValue<'_>) -> Result<(), JsonError> {
        let Kind::Message(entry) = kind else { return Err(JsonError::new("the map has no type of entries")) };
        if value.kind() != JsonKind::Object {
            return Err(misfit(value, "an object"));
        }
        let (key_kind, value_kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut seen = HashSet::new();
        for (key, value) in value.members() {
            let scalar = read_key(&key_kind, &key).map_err(|error| error.at_key(&key))?;
            if value.is_null() && !kind_takes_null(&value_kind) {
                return Err(misfit(value, "a value").at_key(&key));
            }
            if let (Kind::Enum(kind), UnknownNames::Ignore) = (&value_kind, self.unknown)
                && read_enum(kind, value, self.unknown).map_err(|error| error.at_key(&key))?.is_none()
            {
                continue;
            }
            let open = self.out.begin(number);
            self.out.put_field(1, &scalar);
            self.read_value(2, &value_kind, false, value, true).map_err(|error| error.at_key(&key))?;
            self.out.end(&open);
            let is_new = match scalar {
                WireScalar::Bytes(_) => seen.insert(key.clone().into_owned().into_bytes()),
                WireScalar::Varint(key) | WireScalar::Fixed64(key) => seen.insert(key.to_le_bytes().to_vec()),
                WireScalar::Fixed32(key) => seen.insert(key.to_le_bytes().to_vec()),
            };
            if !is_new {
                return Err(JsonError::new("it is there twice").at_key(&key));
            }
        }
        Ok(())
    }

    /// Reads one value with its key.
    fn read_value(
        &mut self,
        number: u32,
        kind: &Kind,
        is_group: bool,
        value: JsonValue<'_>,
        is_explicit: bool,
    ) -> Result<(), JsonError> {
        let Kind::Message(message) = kind else {
            if let Some(scalar) = self.read_scalar(kind, value)?
                && (is_explicit || !scalar.is_default())
            {
                self.out.put_field(number, &scalar);
            }
            return Ok(());
        };
        if is_group {
            self.out.put_key(number, WireType::StartGroup);
            self.read_message(message, value)?;
            self.out.put_key(number, WireType::EndGroup);
            return Ok(());
        }
        let open = self.out.begin(number);
        self.read_message(message, value)?;
        self.out.end(&open);
        Ok(())
    }

    /// Reads what is not a message; `None` for the name of an enum value that is left out.
    pub(super) fn read_scalar<'a>(
        &self,
        kind: &Kind,
        value: JsonValue<'a>,
    ) -> Result<Option<WireScalar<'a>>, JsonError> {
        let scalar = match kind {
            Kind::Bool => match value.kind() {
                JsonKind::True => WireScalar::Varint(1),
                JsonKind::False => WireScalar::Varint(0),
                _ => return Err(misfit(value, "true or false")),
            },
            Kind::String => match value.text() {
                Some(Cow::Borrowed(text)) => WireScalar::Bytes(Cow::Borrowed(text.as_bytes())),
                Some(Cow::Owned(text)) => WireScalar::Bytes(Cow::Owned(text.into_bytes())),
                None => return Err(misfit(value, "a string")),
            },
            Kind::Bytes => {
                let bytes = value.text().and_then(|text| decode_base64(&text));
                WireScalar::Bytes(Cow::Owned(bytes.ok_or_else(|| misfit(value, "bytes in base64"))?))
            }
            Kind::Enum(kind) => return read_enum(kind, value, self.unknown),
            Kind::Double => {
                let number = number_text(value).and_then(|text| parse_f64(&text).or_else(|| not_finite(value)));
                let expected = "a number of 64 bits, \"NaN\", \"Infinity\" or \"-Infinity\"";
                WireScalar::Fixed64(number.ok_or_else(|| misfit(value, expected))?.to_bits())
            }
            Kind::Float => {
                let parse =
                    |text: Cow<'_, str>| parse_f32(&text).or_else(|| not_finite(value).map(|number| number as f32));
                let expected = "a number of 32 bits, \"NaN\", \"Infinity\" or \"-Infinity\"";
                WireScalar::Fixed32(
                    number_text(value).and_then(parse).ok_or_else(|| misfit(value, expected))?.to_bits(),
                )
            }
            Kind::Message(_) => return Err(JsonError::new("a message is not a scalar")),
            integer => {
                let scalar = number_text(value).and_then(|text| encode_integer(integer, parse_integer(&text)?));
                scalar.ok_or_else(|| misfit(value, integer_text(integer)))?
            }
        };
        Ok(Some(scalar))
    }
}

fn not_finite(value: JsonValue<'_>) -> Option<f64> {
    parse_not_finite(&value.text()?)
}

/// Returns the text of a number, within quotes or not.
fn number_text(value: JsonValue<'_>) -> Option<Cow<'_, str>> {
    match value.kind() {
        JsonKind::Number => Some(Cow::Borrowed(value.raw())),
        _ => value.text(),
    }
}

fn integer_text(kind: &Kind) -> &'static str {
    match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a signed integer of 32 bits",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned integer of 32 bits",
        Kind::Uint64 | Kind::Fixed64 => "an unsigned integer of 64 bits",
        _ => "a signed integer of 64 bits",
    }
}

/// Encodes an integer; `None` when it is out of range.
fn encode_integer(kind: &Kind, value: i128) -> Option<WireScalar<'static>> {
    let (low, high) = (i64::try_from(value), u64::try_from(value));
    Some(match kind {
        Kind::Int32 => WireScalar::Varint(i64::from(i32::try_from(value).ok()?).cast_unsigned()),
        Kind::Int64 => WireScalar::Varint(low.ok()?.cast_unsigned()),
        Kind::Uint32 => WireScalar::Varint(u32::try_from(value).ok()?.into()),
        Kind::Uint64 => WireScalar::Varint(high.ok()?),
        Kind::Sint32 => {
            let value = i32::try_from(value).ok()?;
            WireScalar::Varint(((value << 1) ^ (value >> 31)).cast_unsigned().into())
        }
        Kind::Sint64 => {
            let value = low.ok()?;
            WireScalar::Varint(((value << 1) ^ (value >> 63)).cast_unsigned())
        }
        Kind::Fixed32 => WireScalar::Fixed32(u32::try_from(value).ok()?),
        Kind::Fixed64 => WireScalar::Fixed64(high.ok()?),
        Kind::Sfixed32 => WireScalar::Fixed32(i32::try_from(value).ok()?.cast_unsigned()),
        Kind::Sfixed64 => WireScalar::Fixed64(low.ok()?.cast_unsigned()),
        _ => return None,
    })
}

/// Reads the key of a map, which JSON has as a string.
fn read_key<'a>(kind: &Kind, key: &'a str) -> Result<WireScalar<'a>, JsonError> {
    let scalar = match (kind, key) {
        (Kind::String, _) => Some(WireScalar::Bytes(Cow::Borrowed(key.as_bytes()))),
        (Kind::Bool, "true") => Some(WireScalar::Varint(1)),
        (Kind::Bool, "false") => Some(WireScalar::Varint(0)),
        (Kind::Bool, _) => None,
        (integer, _) => parse_integer(key).and_then(|value| encode_integer(integer, value)),
    };
    let expected = if *kind == Kind::Bool { "true or false" } else { integer_text(kind) };
    scalar.ok_or_else(|| JsonError::new(format!("expected {expected} as a key")))
}

/// Reads an enum value by its name or number; `None` for a name that is left out.
fn read_enum<'a>(
    kind: &EnumDescriptor,
    value: JsonValue<'a>,
    unknown: UnknownNames,
) -> Result<Option<WireScalar<'a>>, JsonError> {
    let number = match value.kind() {
        JsonKind::Null if kind.full_name() == "google.protobuf.NullValue" => Some(0),
        JsonKind::Text => {
            let known = kind.get_value_by_name(&value.text().unwrap_or_default());
            if known.is_none() && unknown == UnknownNames::Ignore {
                return Ok(None);
            }
            known.map(|known| known.number())
        }
        JsonKind::Number => parse_integer(value.raw()).and_then(|number| i32::try_from(number).ok()),
        _ => None,
    };
    let number = number.ok_or_else(|| misfit(value, &format!("a name or number of `{}`", kind.full_name())))?;
    Ok(Some(WireScalar::Varint(i64::from(number).cast_unsigned())))
}

/// Decodes base64 of either alphabet, with all of its padding or without any.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let padding =
        if text.ends_with('=') { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}
