//! From bytes to messages. No length is trusted before the bytes are there, and every recursion is counted.

use super::fields::{Cardinality, Field, Fields, Kind, MemberMut, Scalar, Single, ViewMut};
use super::{DecodeError, MAX_DEPTH};
use crate::json::Json;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const START_GROUP: u32 = 3;
const END_GROUP: u32 = 4;
const FIXED32: u32 = 5;

/// Merges an encoded message into a message.
pub(crate) fn merge_message(message: &mut dyn Fields, bytes: &[u8]) -> Result<(), DecodeError> {
    merge(message, &mut Input::new(bytes), 0, None)
}

/// Merges what is in a message such as `google.protobuf.StringValue` into the value that stands for it.
pub(crate) fn merge_special(kind: Kind, value: &mut dyn Single, bytes: &[u8]) -> Result<(), DecodeError> {
    content(kind, value, &mut Input::new(bytes), 0)
}

/// Bytes that are still to be read.
#[derive(Clone, Copy)]
struct Input<'a> {
    rest: &'a [u8],
}

fn truncated() -> DecodeError {
    DecodeError::new("it ends too early")
}

impl<'a> Input<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(length).map_err(|_| truncated())?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N as u64)?.try_into().map_err(|_| truncated())
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::new("a number has more than 64 bits"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.varint()?;
        self.take(length)
    }

    /// Returns the number and the wire type of the next field.
    fn tag(&mut self) -> Result<(u32, u32), DecodeError> {
        let tag = u32::try_from(self.varint()?).map_err(|_| DecodeError::new("a tag has more than 32 bits"))?;
        match (tag >> 3, tag & 7) {
            (0, _) => Err(DecodeError::new("a field has the number 0")),
            (_, 6 | 7) => Err(DecodeError::new("a field has an unknown wire type")),
            found => Ok(found),
        }
    }

    fn skip(&mut self, number: u32, wire_type: u32, depth: u32) -> Result<(), DecodeError> {
        match wire_type {
            VARINT => self.varint().map(drop),
            FIXED64 => self.take(8).map(drop),
            FIXED32 => self.take(4).map(drop),
            LENGTH => self.bytes().map(drop),
            START_GROUP if depth >= MAX_DEPTH => Err(too_deep()),
            START_GROUP => loop {
                match self.tag()? {
                    (end, END_GROUP) if end == number => return Ok(()),
                    (_, END_GROUP) => return Err(unopened_group()),
                    (number, wire_type) => self.skip(number, wire_type, depth + 1)?,
                }
            },
            _ => Err(unopened_group()),
        }
    }

    fn string(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeError::new("a string is not UTF-8"))
    }
}

fn too_deep() -> DecodeError {
    DecodeError::new(format!("more than {MAX_DEPTH} messages lie within each other"))
}

fn unopened_group() -> DecodeError {
    DecodeError::new("a group ends that has not begun")
}

/// Reads a message to its end, which is that of the input or of the group with this number.
fn merge(message: &mut dyn Fields, input: &mut Input<'_>, depth: u32, group: Option<u32>) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let fields = message.info().fields;
    let mut seen = Vec::new();
    loop {
        if input.rest.is_empty() && group.is_none() {
            break;
        }
        let (number, wire_type) = input.tag()?;
        if wire_type == END_GROUP {
            if group == Some(number) {
                break;
            }
            return Err(unopened_group());
        }
        let index = fields.binary_search_by_key(&number, |field| field.number).ok();
        let Some((index, field)) = index.and_then(|index| Some((index, fields.get(index)?))) else {
            input.skip(number, wire_type, depth)?;
            continue;
        };
        let is_read = match message.member_mut(field.member) {
            MemberMut::Map(map) if wire_type == LENGTH => map_entry(field, map, input.bytes()?, depth).map(|()| true),
            member => value(field, member, wire_type, input, depth),
        };
        if !is_read.map_err(|error| error.within(field.name))? {
            input.skip(number, wire_type, depth)?;
        } else if field.cardinality == Cardinality::Required {
            seen.push(index);
        }
    }
    for (index, field) in fields.iter().enumerate() {
        match field.cardinality {
            Cardinality::Required if !seen.contains(&index) => {
                return Err(DecodeError::new("a required value is missing").within(field.name));
            }
            Cardinality::Map(_) => {
                if let MemberMut::Map(map) = message.member_mut(field.member)
                    && map.count() > 1
                {
                    map.remove_duplicates();
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads a value of a field that is not a map. Returns false, and reads nothing, if it does not have the wire type of the field.
fn value(
    field: &Field,
    member: MemberMut<'_>,
    wire_type: u32,
    input: &mut Input<'_>,
    depth: u32,
) -> Result<bool, DecodeError> {
    let expected = wire_type_of(field.kind);
    let kind = field.kind;
    if wire_type == LENGTH
        && matches!(expected, VARINT | FIXED32 | FIXED64)
        && let MemberMut::Many(list) = member
    {
        let mut packed = Input::new(input.bytes()?);
        while !packed.rest.is_empty() {
            let mut result = Ok(false);
            list.push(&mut |value| keep(&mut result, single(kind, value, &mut packed, field.number, depth)));
            result?;
        }
        return Ok(true);
    }
    if wire_type != expected {
        return Ok(false);
    }
    let mut result = Ok(false);
    let mut fill = |value: &mut dyn Single| keep(&mut result, single(kind, value, input, field.number, depth));
    match member {
        MemberMut::One(value) => {
            fill(value);
        }
        MemberMut::Maybe(value) => value.merge(&mut fill),
        MemberMut::Many(list) => list.push(&mut fill),
        MemberMut::Oneof(oneof) => oneof.merge(field.case, &mut fill),
        MemberMut::Map(_) | MemberMut::Missing => return Ok(false),
    }
    // A number that a closed enum lacks has been read, too.
    result.map(|_| true)
}

/// Puts what was returned aside; returns whether the value is kept.
fn keep(result: &mut Result<bool, DecodeError>, read: Result<bool, DecodeError>) -> bool {
    *result = read;
    matches!(result, Ok(true))
}

fn map_entry(field: &Field, map: &mut dyn super::fields::Map, bytes: &[u8], depth: u32) -> Result<(), DecodeError> {
    let Cardinality::Map(key_scalar) = field.cardinality else { return Ok(()) };
    let mut result = Ok(());
    map.push(&mut |key, value| {
        let mut input = Input::new(bytes);
        let mut read = || {
            let mut is_kept = true;
            while !input.rest.is_empty() {
                let (number, wire_type) = input.tag()?;
                match number {
                    1 if wire_type == wire_type_of(Kind::Scalar(key_scalar)) => {
                        scalar(key_scalar, key.view_mut(), &mut input)?;
                    }
                    2 if wire_type == wire_type_of(field.kind) => {
                        is_kept = single(field.kind, value, &mut input, number, depth)?;
                    }
                    _ => input.skip(number, wire_type, depth)?,
                }
            }
            Ok(is_kept)
        };
        match read() {
            Ok(is_kept) => is_kept,
            Err(error) => {
                result = Err(error);
                false
            }
        }
    });
    result
}

fn wire_type_of(kind: Kind) -> u32 {
    match kind {
        Kind::Scalar(Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64) => FIXED64,
        Kind::Scalar(Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32) => FIXED32,
        Kind::Scalar(Scalar::String | Scalar::Bytes) => LENGTH,
        Kind::Scalar(_) | Kind::Enum => VARINT,
        Kind::Group => START_GROUP,
        _ => LENGTH,
    }
}

/// Reads a value without its tag. Returns false if it is a number that its enum does not have.
fn single(
    kind: Kind,
    value: &mut dyn Single,
    input: &mut Input<'_>,
    number: u32,
    depth: u32,
) -> Result<bool, DecodeError> {
    match (kind, value.view_mut()) {
        (Kind::Scalar(of), view) => scalar(of, view, input)?,
        (Kind::Enum, ViewMut::Enum(value)) => return Ok(value.set_number(input.varint()? as i32)),
        (Kind::Group, ViewMut::Message(message)) => merge(message, input, depth + 1, Some(number))?,
        _ => {
            let mut inner = Input::new(input.bytes()?);
            content(kind, value, &mut inner, depth)?;
        }
    }
    Ok(true)
}

/// Reads what is in a message.
fn content(kind: Kind, value: &mut dyn Single, input: &mut Input<'_>, depth: u32) -> Result<(), DecodeError> {
    match (kind, value.view_mut()) {
        (Kind::Message, ViewMut::Message(message)) => merge(message, input, depth + 1, None)?,
        (Kind::Wrapper(of), _) => {
            while !input.rest.is_empty() {
                match input.tag()? {
                    (1, wire_type) if wire_type == wire_type_of(Kind::Scalar(of)) => {
                        scalar(of, value.view_mut(), input)?;
                    }
                    (number, wire_type) => input.skip(number, wire_type, depth)?,
                }
            }
        }
        (Kind::FieldMask, ViewMut::Strings(paths)) => {
            while !input.rest.is_empty() {
                match input.tag()? {
                    (1, LENGTH) => paths.push(input.string()?.to_owned()),
                    (number, wire_type) => input.skip(number, wire_type, depth)?,
                }
            }
        }
        (Kind::Struct | Kind::Value | Kind::ListValue, ViewMut::Str(text)) => {
            let mut json = match (kind, text.is_empty()) {
                (Kind::Struct, true) => Json::Object(Vec::new()),
                (Kind::ListValue, true) => Json::Array(Vec::new()),
                (_, true) => Json::Null,
                (_, false) => crate::json::parse(text).map_err(|error| DecodeError::new(error.to_string()))?,
            };
            merge_json(kind, &mut json, input, depth + 1)?;
            *text = json.to_string();
        }
        _ => debug_assert!(false, "generated code gives each kind the type that it has"),
    }
    Ok(())
}

/// Reads one of the messages of `google/protobuf/struct.proto`.
fn merge_json(kind: Kind, json: &mut Json, input: &mut Input<'_>, depth: u32) -> Result<(), DecodeError> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    while !input.rest.is_empty() {
        let (number, wire_type) = input.tag()?;
        match (kind, number, wire_type) {
            (Kind::Struct, 1, LENGTH) => {
                let (key, value) = json_entry(Input::new(input.bytes()?), depth)?;
                if let Json::Object(entries) = json {
                    entries.push((key, value));
                }
            }
            (Kind::ListValue, 1, LENGTH) => {
                let mut value = Json::Null;
                merge_json(Kind::Value, &mut value, &mut Input::new(input.bytes()?), depth + 1)?;
                if let Json::Array(values) = json {
                    values.push(value);
                }
            }
            (Kind::Value, 1, VARINT) => {
                input.varint()?;
                *json = Json::Null;
            }
            (Kind::Value, 2, FIXED64) => {
                let number = f64::from_le_bytes(input.fixed()?);
                if !number.is_finite() {
                    return Err(DecodeError::new("a google.protobuf.Value is not a finite number"));
                }
                *json = Json::Number(crate::json::number_text(number));
            }
            (Kind::Value, 3, LENGTH) => *json = Json::String(input.string()?.to_owned()),
            (Kind::Value, 4, VARINT) => *json = Json::Bool(input.varint()? != 0),
            (Kind::Value, 5, LENGTH) => {
                if !matches!(json, Json::Object(_)) {
                    *json = Json::Object(Vec::new());
                }
                merge_json(Kind::Struct, json, &mut Input::new(input.bytes()?), depth + 1)?;
            }
            (Kind::Value, 6, LENGTH) => {
                if !matches!(json, Json::Array(_)) {
                    *json = Json::Array(Vec::new());
                }
                merge_json(Kind::ListValue, json, &mut Input::new(input.bytes()?), depth + 1)?;
            }
            _ => input.skip(number, wire_type, depth)?,
        }
    }
    if let (Kind::Struct, Json::Object(entries)) = (kind, json) {
        // Of equal keys the last one counts. The sort is stable.
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        entries.reverse();
        entries.dedup_by(|one, other| one.0 == other.0);
        entries.reverse();
    }
    Ok(())
}

fn json_entry(mut input: Input<'_>, depth: u32) -> Result<(String, Json), DecodeError> {
    let (mut key, mut value) = (String::new(), Json::Null);
    while !input.rest.is_empty() {
        match input.tag()? {
            (1, LENGTH) => key = input.string()?.to_owned(),
            (2, LENGTH) => merge_json(Kind::Value, &mut value, &mut Input::new(input.bytes()?), depth + 1)?,
            (number, wire_type) => input.skip(number, wire_type, depth)?,
        }
    }
    Ok((key, value))
}

fn scalar(of: Scalar, view: ViewMut<'_>, input: &mut Input<'_>) -> Result<(), DecodeError> {
    match (of, view) {
        (Scalar::Double, ViewMut::F64(value)) => *value = f64::from_le_bytes(input.fixed()?),
        (Scalar::Float, ViewMut::F32(value)) => *value = f32::from_le_bytes(input.fixed()?),
        (Scalar::Int32, ViewMut::I32(value)) => *value = input.varint()? as i32,
        (Scalar::Int64, ViewMut::I64(value)) => *value = input.varint()? as i64,
        (Scalar::Uint32, ViewMut::U32(value)) => *value = input.varint()? as u32,
        (Scalar::Uint64, ViewMut::U64(value)) => *value = input.varint()?,
        (Scalar::Sint32, ViewMut::I32(value)) => {
            let number = input.varint()? as u32;
            *value = (number >> 1) as i32 ^ -((number & 1) as i32);
        }
        (Scalar::Sint64, ViewMut::I64(value)) => {
            let number = input.varint()?;
            *value = (number >> 1) as i64 ^ -((number & 1) as i64);
        }
        (Scalar::Fixed32, ViewMut::U32(value)) => *value = u32::from_le_bytes(input.fixed()?),
        (Scalar::Fixed64, ViewMut::U64(value)) => *value = u64::from_le_bytes(input.fixed()?),
        (Scalar::Sfixed32, ViewMut::I32(value)) => *value = i32::from_le_bytes(input.fixed()?),
        (Scalar::Sfixed64, ViewMut::I64(value)) => *value = i64::from_le_bytes(input.fixed()?),
        (Scalar::Bool, ViewMut::Bool(value)) => *value = input.varint()? != 0,
        (Scalar::String, ViewMut::Str(value)) => *value = input.string()?.to_owned(),
        (Scalar::Bytes, ViewMut::Bytes(value)) => *value = input.bytes()?.to_vec(),
        _ => debug_assert!(false, "generated code gives each scalar the type that it has"),
    }
    Ok(())
}
