//! Encodings as no tidy encoder writes them, but as all of them must be read.

use std::collections::HashSet;
use std::fmt;

use okra_codegen::editions::is_open_enum;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_varint, skip_field};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::Tape;

/// An encoded message, twice.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    /// With numbers that closed enums lack: they are unknown fields.
    pub(crate) sent: Vec<u8>,
    /// Without them, because prost-reflect takes them for values.
    pub(crate) read: Vec<u8>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent \"{}\", read \"{}\"", self.sent.escape_ascii(), self.read.escape_ascii())
    }
}

impl Wire {
    fn both(bytes: Vec<u8>) -> Self {
        Self { sent: bytes.clone(), read: bytes }
    }

    fn extend(&mut self, more: &Wire) {
        self.sent.extend_from_slice(&more.sent);
        self.read.extend_from_slice(&more.read);
    }
}

/// A field as it stands on the wire.
#[derive(Clone, Copy)]
struct Field<'a> {
    number: u32,
    wire_type: WireType,
    /// Without tag; of something with a length only what that counts, of a group without its end.
    value: &'a [u8],
    whole: &'a [u8],
}

fn fields(mut wire: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !wire.is_empty() {
        let start = wire;
        let (number, wire_type) = decode_key(&mut wire).unwrap();
        let mut value = wire;
        skip_field(wire_type, number, &mut wire, DecodeContext::default()).unwrap();
        value = &value[..value.len() - wire.len()];
        match wire_type {
            WireType::LengthDelimited => drop(decode_varint(&mut value).unwrap()),
            WireType::StartGroup => value = &value[..value.len() - prost::encoding::key_len(number)],
            _ => {}
        }
        fields.push(Field { number, wire_type, value, whole: &start[..start.len() - wire.len()] });
    }
    fields
}

impl Tape<'_> {
    /// Writes an encoded message anew: fields moved, split, doubled and strange to it, lists packed and not, numbers longer
    /// than they need be.
    pub(crate) fn disturb(&mut self, descriptor: &MessageDescriptor, wire: &[u8]) -> Wire {
        self.disturb_within(&[descriptor], wire)
    }

    /// `within` are the messages that lie in one another, the innermost last.
    fn disturb_within(&mut self, within: &[&MessageDescriptor], wire: &[u8]) -> Wire {
        let descriptor = within[within.len() - 1];
        let mut out = Wire::default();
        if self.once_in(8) {
            out.extend(&Wire::both(self.message(descriptor, 1).encode_to_vec()));
        }
        let mut fields = fields(wire);
        if self.once_in(4) {
            let middle = self.below(1 + fields.len());
            fields.rotate_left(middle);
        }
        for field in fields {
            if self.once_in(8) {
                out.extend(&self.unknown(descriptor));
            }
            if self.once_in(12) {
                out.extend(&self.default(descriptor));
            }
            match descriptor.get_field(field.number) {
                Some(known) => out.extend(&self.occurrence(within, &known, field)),
                None => out.extend(&Wire::both(field.whole.to_vec())),
            }
        }
        out
    }

    fn occurrence(&mut self, within: &[&MessageDescriptor], field: &FieldDescriptor, found: Field<'_>) -> Wire {
        let mut out = Wire::default();
        let is_closed =
            |field: &FieldDescriptor| is_closed(field) && !within.iter().any(|message| is_recursive(message));
        if is_closed(field) && self.once_in(4) {
            let stray = self.stray(field);
            out.sent.extend(self.tagged(field.number(), WireType::Varint, stray));
        }
        match field.kind() {
            Kind::Message(message) => {
                if field.is_map() && is_closed(&message.map_entry_value_field()) && self.once_in(3) {
                    let stray = self.stray(&message.map_entry_value_field());
                    let entry = self.tagged(2, WireType::Varint, stray);
                    out.sent.extend(self.tagged(field.number(), found.wire_type, entry));
                }
                let mut parts = vec![found.value.to_vec()];
                if !field.is_list() && !field.is_map() && self.once_in(4) {
                    let fields = fields(found.value);
                    let middle = self.below(1 + fields.len());
                    let (first, second) = fields.split_at(middle);
                    parts =
                        [first, second].map(|part| part.iter().flat_map(|field| field.whole).copied().collect()).into();
                }
                for part in parts {
                    let part = self.disturb_within(&[within, &[&message]].concat(), &part);
                    let state = self.clone();
                    out.sent.extend(self.tagged(field.number(), found.wire_type, part.sent));
                    // Once more, with the same decisions.
                    *self = state;
                    out.read.extend(self.tagged(field.number(), found.wire_type, part.read));
                }
            }
            kind if field.is_list() && packs(&kind) && self.once_in(3) => {
                let elements = if found.wire_type == WireType::LengthDelimited {
                    elements(&kind, found.value)
                } else {
                    vec![found.value]
                };
                let packed = self.once_in(2);
                // In two parts, one of them perhaps empty.
                let middle = self.below(1 + elements.len());
                for part in [&elements[..middle], &elements[middle..]] {
                    let mut part = Wire::both(if packed {
                        part.concat()
                    } else {
                        part.iter()
                            .flat_map(|element| self.tagged(field.number(), single(&kind), element.to_vec()))
                            .collect()
                    });
                    if is_closed(field) && packed && self.once_in(2) {
                        part.sent.extend(self.stray(field));
                    }
                    if packed {
                        part.sent = self.tagged(field.number(), WireType::LengthDelimited, part.sent);
                        part.read = self.tagged(field.number(), WireType::LengthDelimited, part.read);
                    }
                    out.extend(&part);
                }
            }
            kind if found.wire_type == WireType::Varint => {
                let value = self.garbage(&kind, found.value);
                out.extend(&Wire::both(self.tagged(field.number(), WireType::Varint, value)));
            }
            _ => out.extend(&Wire::both(self.tagged(field.number(), found.wire_type, found.value.to_vec()))),
        }
        out
    }

    /// A field that the message does not have.
    fn unknown(&mut self, descriptor: &MessageDescriptor) -> Wire {
        let largest = descriptor.fields().map(|field| field.number()).max().unwrap_or(0);
        let number = largest + 1 + u32::from(self.byte());
        let bytes = match self.below(5) {
            0 => self.tagged(number, WireType::Varint, vec![0xff, 1]),
            1 => self.tagged(number, WireType::SixtyFourBit, vec![9; 8]),
            2 => self.tagged(number, WireType::LengthDelimited, vec![0xff; 3]),
            3 => self.tagged(number, WireType::ThirtyTwoBit, vec![9; 4]),
            _ => {
                let inner = self.tagged(1, WireType::LengthDelimited, vec![0xff; 3]);
                let inner = self.tagged(number, WireType::StartGroup, inner);
                self.tagged(number, WireType::StartGroup, inner)
            }
        };
        Wire::both(bytes)
    }

    /// Some field with the value that need not be sent.
    fn default(&mut self, descriptor: &MessageDescriptor) -> Wire {
        let fields: Vec<_> = descriptor.fields().filter(|field| !matches!(field.kind(), Kind::Message(_))).collect();
        if fields.is_empty() {
            return Wire::default();
        }
        let field = self.pick(&fields).clone();
        let wire_type =
            if field.is_list() && packs(&field.kind()) { WireType::LengthDelimited } else { single(&field.kind()) };
        let value = match (wire_type, field.kind()) {
            (WireType::Varint, Kind::Enum(of)) => varint(of.default_value().number() as u64),
            (WireType::Varint, _) => vec![0],
            (WireType::ThirtyTwoBit, _) => vec![0; 4],
            (WireType::SixtyFourBit, _) => vec![0; 8],
            _ => Vec::new(),
        };
        Wire::both(self.tagged(field.number(), wire_type, value))
    }

    /// A number that the field's closed enum lacks.
    fn stray(&mut self, field: &FieldDescriptor) -> Vec<u8> {
        let Kind::Enum(definition) = field.kind() else { unreachable!() };
        let mut number = self.integer() as i32;
        while definition.get_value(number).is_some() {
            number = number.wrapping_add(1);
        }
        varint(i64::from(number) as u64)
    }

    /// The varint with more bits than its type has.
    fn garbage(&mut self, kind: &Kind, mut value: &[u8]) -> Vec<u8> {
        let value = decode_varint(&mut value).unwrap();
        let narrow = matches!(kind, Kind::Int32 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_));
        let high = match kind {
            _ if !self.once_in(4) => 0,
            Kind::Bool => value << 9,
            _ if narrow => u64::from(self.byte()) << 40,
            _ => 0,
        };
        varint(value | high)
    }

    /// A field with its tag, some of its numbers longer than they need be.
    fn tagged(&mut self, number: u32, wire_type: WireType, value: Vec<u8>) -> Vec<u8> {
        let mut out = self.long(varint(u64::from(number << 3 | wire_type as u32)));
        match wire_type {
            WireType::LengthDelimited => {
                out.extend(self.long(varint(value.len() as u64)));
                out.extend(value);
            }
            WireType::StartGroup => {
                out.extend(value);
                out.extend(self.long(varint(u64::from(number << 3 | WireType::EndGroup as u32))));
            }
            WireType::Varint => out.extend(self.long(value)),
            _ => out.extend(value),
        }
        out
    }

    fn long(&mut self, mut varint: Vec<u8>) -> Vec<u8> {
        if varint.len() < 9 && self.once_in(16) {
            if let Some(last) = varint.last_mut() {
                *last |= 0x80;
            }
            varint.extend([0x80, 0]);
        }
        varint
    }
}

fn varint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_varint(value, &mut out);
    out
}

fn is_closed(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Enum(definition) if !is_open_enum(&definition))
}

/// Whether a message may hold itself: guests get such messages encoded, and unknown fields stay in them.
fn is_recursive(message: &MessageDescriptor) -> bool {
    let held = |message: &MessageDescriptor| -> Vec<_> {
        message.fields().filter_map(|field| field.kind().as_message().cloned()).collect()
    };
    let (mut open, mut seen) = (held(message), HashSet::new());
    while let Some(next) = open.pop() {
        if next == *message {
            return true;
        }
        if seen.insert(next.full_name().to_owned()) {
            open.extend(held(&next));
        }
    }
    false
}

fn packs(kind: &Kind) -> bool {
    !matches!(kind, Kind::String | Kind::Bytes | Kind::Message(_))
}

/// The wire type of one value.
fn single(kind: &Kind) -> WireType {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::SixtyFourBit,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::ThirtyTwoBit,
        Kind::String | Kind::Bytes | Kind::Message(_) => WireType::LengthDelimited,
        _ => WireType::Varint,
    }
}

fn elements<'a>(kind: &Kind, mut packed: &'a [u8]) -> Vec<&'a [u8]> {
    let mut elements = Vec::new();
    while !packed.is_empty() {
        let mut rest = packed;
        skip_field(single(kind), 1, &mut rest, DecodeContext::default()).unwrap();
        elements.push(&packed[..packed.len() - rest.len()]);
        packed = rest;
    }
    elements
}
