//! The wire: a writer that does not know lengths beforehand, and a scan of the fields of a message.

use std::collections::BTreeMap;

use prost::bytes::BufMut as _;
use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, encoded_len_varint, skip_field,
};
use prost_reflect::MessageDescriptor;

use crate::json::any_field::AnyField;
use crate::json::error::JsonError;

const STRAY_GROUP: &str = "the encoded message has an end of a group that did not begin";

/// Writes encoded fields. Lengths are known when a message ends, and put before it when all is written: once, so that
/// messages within messages take linear time.
#[derive(Default)]
pub(super) struct WireWriter {
    bytes: Vec<u8>,
    /// Lengths in the order of their places.
    lengths: Vec<LengthAt>,
    /// Bytes that the lengths of ended messages take.
    length_bytes: usize,
}

struct LengthAt {
    at: usize,
    length: usize,
}

/// A message, or a packed list, that has begun.
pub(super) struct OpenMessage {
    index: usize,
    start: usize,
    length_bytes: usize,
}

impl WireWriter {
    pub(super) fn begin(&mut self, number: u32) -> OpenMessage {
        encode_key(number, WireType::LengthDelimited, &mut self.bytes);
        let open = OpenMessage { index: self.lengths.len(), start: self.bytes.len(), length_bytes: self.length_bytes };
        self.lengths.push(LengthAt { at: self.bytes.len(), length: 0 });
        open
    }

    pub(super) fn end(&mut self, open: &OpenMessage) {
        let length = self.bytes.len() - open.start + self.length_bytes - open.length_bytes;
        if let Some(place) = self.lengths.get_mut(open.index) {
            place.length = length;
        }
        self.length_bytes += encoded_len_varint(length as u64);
    }

    pub(super) fn put_key(&mut self, number: u32, wire_type: WireType) {
        encode_key(number, wire_type, &mut self.bytes);
    }

    pub(super) fn put_scalar(&mut self, scalar: &WireScalar<'_>) {
        match scalar {
            WireScalar::Varint(value) => encode_varint(*value, &mut self.bytes),
            WireScalar::Fixed32(value) => self.bytes.put_u32_le(*value),
            WireScalar::Fixed64(value) => self.bytes.put_u64_le(*value),
            WireScalar::Bytes(value) => {
                encode_varint(value.len() as u64, &mut self.bytes);
                self.bytes.extend_from_slice(value);
            }
        }
    }

    pub(super) fn put_field(&mut self, number: u32, scalar: &WireScalar<'_>) {
        self.put_key(number, scalar.wire_type());
        self.put_scalar(scalar);
    }

    /// Puts the lengths in their places.
    pub(super) fn finish(self) -> Vec<u8> {
        if self.lengths.is_empty() {
            return self.bytes;
        }
        let mut whole = Vec::with_capacity(self.bytes.len() + self.length_bytes);
        let mut from = 0;
        for LengthAt { at, length } in self.lengths {
            whole.extend_from_slice(self.bytes.get(from..at).unwrap_or_default());
            encode_varint(length as u64, &mut whole);
            from = at;
        }
        whole.extend_from_slice(self.bytes.get(from..).unwrap_or_default());
        whole
    }
}

/// A value that is not a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WireScalar<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(std::borrow::Cow<'a, [u8]>),
}

impl WireScalar<'_> {
    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed32(_) => WireType::ThirtyTwoBit,
            Self::Fixed64(_) => WireType::SixtyFourBit,
            Self::Bytes(_) => WireType::LengthDelimited,
        }
    }

    /// Whether a field without presence that has it is not sent. `-0.0` is.
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => *value == 0,
            Self::Fixed32(value) => *value == 0,
            Self::Bytes(value) => value.is_empty(),
        }
    }
}

/// A value on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum WireValue<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Group(&'a [u8]),
}

/// Reads one value of a type that has no tag of its own, as packed lists have it.
pub(super) fn take_packed<'a>(wire_type: WireType, wire: &mut &'a [u8]) -> Result<WireValue<'a>, JsonError> {
    let value = match wire_type {
        WireType::Varint => Some(WireValue::Varint(decode_varint(wire).map_err(|error| malformed(&error))?)),
        WireType::ThirtyTwoBit => take_array(wire).map(|bytes| WireValue::Fixed32(u32::from_le_bytes(bytes))),
        WireType::SixtyFourBit => take_array(wire).map(|bytes| WireValue::Fixed64(u64::from_le_bytes(bytes))),
        WireType::LengthDelimited => {
            let length = decode_varint(wire).map_err(|error| malformed(&error))?;
            let split = usize::try_from(length).ok().and_then(|length| wire.split_at_checked(length));
            split.map(|(bytes, rest)| {
                *wire = rest;
                WireValue::Bytes(bytes)
            })
        }
        WireType::StartGroup | WireType::EndGroup => return Err(JsonError::new(STRAY_GROUP)),
    };
    value.ok_or_else(|| JsonError::new("the encoded message breaks off"))
}

fn take_array<const N: usize>(wire: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = wire.split_first_chunk::<N>()?;
    *wire = rest;
    Some(*array)
}

fn malformed(error: &prost::DecodeError) -> JsonError {
    JsonError::new(error.to_string())
}

/// The fields of a message in the order of their numbers, and of each number in the order of the wire.
pub(super) struct WireFields<'a>(Vec<(u32, WireValue<'a>)>);

impl<'a> WireFields<'a> {
    /// Scans a message. It may be in several parts, which is the same on the wire as one behind the other; of a oneof only
    /// what was set last is left.
    ///
    /// # Errors
    /// When it is not valid.
    pub(super) fn scan(message: &MessageDescriptor, parts: &[&'a [u8]]) -> Result<Self, JsonError> {
        let mut fields = Vec::new();
        for part in parts {
            let mut wire = *part;
            while !wire.is_empty() {
                let (number, wire_type) = decode_key(&mut wire).map_err(|error| malformed(&error))?;
                let value = match wire_type {
                    WireType::StartGroup => WireValue::Group(take_group(number, &mut wire)?),
                    _ => take_packed(wire_type, &mut wire)?,
                };
                fields.push((number, value));
            }
        }
        if message.oneofs().len() > 0 {
            drop_unset_cases(message, &mut fields);
        }
        // Stable; mostly in order already.
        fields.sort_by_key(|(number, _)| *number);
        Ok(Self(fields))
    }

    /// Iterates over the numbers, each with all of its values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &[(u32, WireValue<'a>)])> {
        self.0.chunk_by(|(one, _), (other, _)| one == other).filter_map(|chunk| Some((chunk.first()?.0, chunk)))
    }

    /// Iterates over the values of one number.
    pub(super) fn values(&self, number: u32) -> impl DoubleEndedIterator<Item = WireValue<'a>> {
        let start = self.0.partition_point(|(other, _)| *other < number);
        let rest = self.0.get(start..).unwrap_or_default();
        rest.get(..rest.partition_point(|(other, _)| *other == number))
            .unwrap_or_default()
            .iter()
            .map(|(_, value)| *value)
    }

    /// Returns the last integer of a number, or 0.
    pub(super) fn integer(&self, number: u32) -> u64 {
        let integer = |value| if let WireValue::Varint(value) = value { Some(value) } else { None };
        self.values(number).rev().find_map(integer).unwrap_or_default()
    }

    /// Iterates over the strings, bytes or messages of a number.
    pub(super) fn bytes(&self, number: u32) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        self.values(number).filter_map(|value| if let WireValue::Bytes(bytes) = value { Some(bytes) } else { None })
    }
}

/// Reads a group up to its end, whose key is left out.
fn take_group<'a>(number: u32, wire: &mut &'a [u8]) -> Result<&'a [u8], JsonError> {
    let whole = *wire;
    loop {
        let length = whole.len() - wire.len();
        let (inner, wire_type) = decode_key(wire).map_err(|error| malformed(&error))?;
        if wire_type == WireType::EndGroup {
            let content = whole.get(..length).filter(|_| inner == number);
            return content.ok_or_else(|| JsonError::new(STRAY_GROUP));
        }
        skip_field(wire_type, inner, wire, DecodeContext::default()).map_err(|error| malformed(&error))?;
    }
}

/// Leaves of each oneof what came since its case was last changed.
fn drop_unset_cases(message: &MessageDescriptor, fields: &mut Vec<(u32, WireValue<'_>)>) {
    // The number of the case, and where it began.
    let mut cases: BTreeMap<i32, (u32, usize)> = BTreeMap::new();
    let oneof_of = |number: u32| AnyField::numbered(message, number)?.oneof_index();
    for (index, (number, _)) in fields.iter().enumerate() {
        if let Some(oneof) = oneof_of(*number) {
            let case = cases.entry(oneof).or_insert((*number, index));
            if case.0 != *number {
                *case = (*number, index);
            }
        }
    }
    let mut index = 0;
    fields.retain(|(number, _)| {
        let is_kept = oneof_of(*number)
            .and_then(|oneof| cases.get(&oneof))
            .is_none_or(|case| case.0 == *number && index >= case.1);
        index += 1;
        is_kept
    });
}
