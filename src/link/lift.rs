//! Typed values in the guest's memory to wire bytes.
//!
//! The guest is not trusted: every pointer is checked against the memory, every discriminant against its cases, every
//! string for UTF-8, and the output is capped while it is written, because a few bytes of memory that point at one
//! another can describe a terabyte.
//!
//! The encoding is written from its end to its beginning, so that the length of a message is known when its prefix is
//! written. Long strings and bytes are copied once, when all is known.

use bytes::{Buf as _, Bytes};
use okra_codegen::schema::{JsonKind, Scalar};

use crate::call::guest_thread::do_long_work;
use crate::link::canonical;
use crate::link::plan::{FieldPlace, FieldPlan, FieldValue, RecordId, SchemaPlan, WriteUnit};
use crate::link::wire;
use crate::link::{check, json};

/// Why a guest's value is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LiftError {
    /// A pointer and length that reach out of the memory, or a pointer that is not aligned.
    #[error("the component returned a {what} that lies outside of its memory")]
    OutOfBounds {
        /// The kind of the value.
        what: &'static str,
    },
    /// A discriminant without a case.
    #[error("the component returned discriminant {found} for `{field}` of {message}, which has {cases} cases")]
    Discriminant {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
        /// The discriminant.
        found: u64,
        /// How many cases there are.
        cases: usize,
    },
    /// A string that is not UTF-8.
    #[error("the component returned a string for `{field}` of {message} that is not valid UTF-8")]
    Utf8 {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
    },
    /// An encoded message, or a JSON text, that is not valid.
    #[error("the component returned bytes for `{field}` of {message} that are not valid: {what}")]
    Encoded {
        /// Full name of the message.
        message: String,
        /// Name of the field.
        field: String,
        /// The problem with them.
        what: String,
    },
    /// The encoding grew past the limit.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The value has more fields than are read.
    #[error("the message has more than {MAX_FIELDS} fields, those without a value included")]
    TooManyFields,
}

/// Encodes the record whose bytes are `frame` and whose strings and lists lie in `memory`.
///
/// # Errors
/// When the guest's values are none, or the encoding would exceed `limit` bytes.
pub(crate) fn lift(
    plan: &SchemaPlan,
    record: RecordId,
    frame: &[u8],
    memory: &[u8],
    limit: usize,
) -> Result<Bytes, LiftError> {
    let lift_within = |fields| {
        let mut lifting = LiftState { plan, memory, out: BackwardWriter::new(limit), json: limit, fields, depth: 0 };
        lifting.record(record, frame)?;
        Ok(lifting.out.finish())
    };
    match lift_within(FIELDS_AT_ONCE) {
        // Begun anew, because the work cannot be interrupted: this happens after less than a millisecond.
        Err(LiftError::TooManyFields) => do_long_work(|| lift_within(MAX_FIELDS)),
        lifted => lifted,
    }
}

/// The fields that are read in less than a millisecond. Fields that are not set count, too. The bytes of a long value count
/// as the fields that could be read in the time that it takes to check them.
const FIELDS_AT_ONCE: u64 = 100_000;

/// The most fields of one message: read in some tenths of a second. A few bytes of memory to which many pointers lead can
/// stand for any number of fields without a value, which add no byte to the output.
const MAX_FIELDS: u64 = 64 << 20;

/// Encodes a JSON text that is the whole payload.
///
/// # Errors
/// As [`lift`].
pub(crate) fn lift_json(kind: JsonKind, frame: &[u8], memory: &[u8], limit: usize) -> Result<Vec<u8>, LiftError> {
    let text = pointed_at(frame, memory, 1, 1, "string")?;
    if text.len() > limit {
        return Err(LiftError::TooLarge { limit });
    }
    let convert = || json_to_wire(kind, text, "payload", "JSON");
    let wire = if cost(text, JSON_BYTES) > FIELDS_AT_ONCE { do_long_work(convert) } else { convert() }?;
    if wire.len() > limit { Err(LiftError::TooLarge { limit }) } else { Ok(wire) }
}

/// Copies bytes that are the whole payload.
///
/// # Errors
/// As [`lift`].
pub(crate) fn lift_bytes(frame: &[u8], memory: &[u8], limit: usize) -> Result<Vec<u8>, LiftError> {
    let bytes = pointed_at(frame, memory, 1, 1, "list")?;
    if bytes.len() > limit { Err(LiftError::TooLarge { limit }) } else { Ok(bytes.to_vec()) }
}

/// Returns the elements of a list, each of `stride` bytes.
///
/// # Errors
/// When they do not lie in the memory.
pub(crate) fn list_elements<'m>(
    frame: &[u8],
    memory: &'m [u8],
    stride: u32,
    align: u32,
) -> Result<&'m [u8], LiftError> {
    pointed_at(frame, memory, stride, align, "list")
}

/// The elements that a pointer and a length stand for.
#[inline]
pub(crate) fn pointed_at<'m>(
    frame: &[u8],
    memory: &'m [u8],
    stride: u32,
    align: u32,
    what: &'static str,
) -> Result<&'m [u8], LiftError> {
    let word = canonical::read(frame, 8);
    let (at, len) = (word & 0xffff_ffff, word >> 32);
    let bytes = len * u64::from(stride);
    if !at.is_multiple_of(u64::from(align)) {
        return Err(LiftError::OutOfBounds { what });
    }
    memory.get(at as usize..(at + bytes) as usize).ok_or(LiftError::OutOfBounds { what })
}

fn json_to_wire(kind: JsonKind, text: &[u8], message: &str, field: &str) -> Result<Vec<u8>, LiftError> {
    let named = |what: String| LiftError::Encoded { message: message.to_owned(), field: field.to_owned(), what };
    let text = std::str::from_utf8(text).map_err(|error| named(error.to_string()))?;
    json::to_wire(kind, text).map_err(named)
}

/// Strings and bytes from this length on are not copied into the [buffer](Backward), which may have to grow.
const LONG: usize = 1 << 10;

/// The most bytes that may stay unused before an encoding. To copy more of them is not worth the memory.
const MAX_WASTE: usize = 256;

/// An encoding that is written towards its beginning.
struct BackwardWriter<'a> {
    /// All but what is long.
    buffer: Vec<u8>,
    /// Where the written part of the buffer begins.
    start: usize,
    /// Long values in the guest's memory, each with the number of the buffer's bytes after it.
    long: Vec<(usize, &'a [u8])>,
    /// Bytes in all.
    len: usize,
    limit: usize,
}

impl<'a> BackwardWriter<'a> {
    fn new(limit: usize) -> Self {
        Self { buffer: vec![0; 256], start: 256, long: Vec::new(), len: 0, limit }
    }

    fn len(&self) -> usize {
        self.len
    }

    /// Counts bytes that are about to be written.
    #[inline]
    fn spend(&mut self, count: usize) -> Result<(), LiftError> {
        debug_assert!(self.len <= self.limit, "no byte is counted beyond the limit");
        if count > self.limit.saturating_sub(self.len) {
            return Err(LiftError::TooLarge { limit: self.limit });
        }
        self.len += count;
        Ok(())
    }

    #[cold]
    fn grow(&mut self, count: usize) {
        let written = self.buffer.len() - self.start;
        let capacity = (self.buffer.len() * 2).max(written + count);
        let mut buffer = vec![0; capacity];
        let start = capacity - written;
        if let (Some(to), Some(from)) = (buffer.get_mut(start..), self.buffer.get(self.start..)) {
            to.copy_from_slice(from);
        }
        (self.buffer, self.start) = (buffer, start);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) -> Result<(), LiftError> {
        self.spend(bytes.len())?;
        if bytes.len() > self.start {
            self.grow(bytes.len());
        }
        let end = self.start;
        self.start -= bytes.len();
        match self.buffer.get_mut(self.start..end) {
            Some(to) => to.copy_from_slice(bytes),
            None => debug_assert!(false, "the buffer was grown for these bytes"),
        }
        Ok(())
    }

    /// Writes what lies in the guest's memory.
    #[inline]
    fn put_memory(&mut self, bytes: &'a [u8]) -> Result<(), LiftError> {
        if bytes.len() < LONG {
            return self.put(bytes);
        }
        self.spend(bytes.len())?;
        self.long.push((self.buffer.len() - self.start, bytes));
        Ok(())
    }

    #[inline]
    fn varint(&mut self, mut value: u64) -> Result<(), LiftError> {
        let (mut bytes, mut len) = ([0; 10], 0);
        for byte in &mut bytes {
            len += 1;
            *byte = value as u8 & 0x7f;
            value >>= 7;
            if value == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.put(bytes.get(..len).unwrap_or_default())
    }

    #[inline]
    fn tag(&mut self, number: u32, wire_type: u8) -> Result<(), LiftError> {
        self.varint(u64::from(number << 3 | u32::from(wire_type)))
    }

    fn finish(self) -> Bytes {
        if self.long.is_empty() && self.buffer.len() <= MAX_WASTE + self.len {
            let mut out = Bytes::from(self.buffer);
            out.advance(self.start);
            return out;
        }
        let mut out = Vec::with_capacity(self.len);
        let mut rest = self.buffer.get(self.start..).unwrap_or_default();
        for (after, bytes) in self.long.into_iter().rev() {
            debug_assert!(after <= rest.len(), "a long value lies before bytes of the buffer");
            let (before, next) = rest.split_at(rest.len().saturating_sub(after));
            out.extend_from_slice(before);
            out.extend_from_slice(bytes);
            rest = next;
        }
        out.extend_from_slice(rest);
        out.into()
    }
}

struct LiftState<'a> {
    plan: &'a SchemaPlan,
    memory: &'a [u8],
    out: BackwardWriter<'a>,
    /// Bytes of JSON text that may still be parsed: its size says little of the size of the output.
    json: usize,
    /// Fields that may still be read.
    fields: u64,
    /// How many messages the one at hand lies in.
    depth: u32,
}

/// Bytes that take as long as a field: of JSON, of encoded messages, of text.
const JSON_BYTES: usize = 1;
const ENCODED_BYTES: usize = 4;
const TEXT_BYTES: usize = 32;

/// Returns how many fields take as long as these bytes.
#[inline]
fn cost(bytes: &[u8], bytes_of_field: usize) -> u64 {
    (bytes.len() / bytes_of_field) as u64
}

impl LiftState<'_> {
    /// Counts fields that are about to be read.
    #[inline]
    fn spend_fields(&mut self, count: u64) -> Result<(), LiftError> {
        self.fields = self.fields.checked_sub(count).ok_or(LiftError::TooManyFields)?;
        Ok(())
    }

    fn record(&mut self, id: RecordId, frame: &[u8]) -> Result<(), LiftError> {
        let plan = self.plan;
        let record = plan.record(id);
        self.spend_fields(record.units.len() as u64)?;
        for unit in record.units.iter().rev() {
            match unit {
                WriteUnit::Field(index) => {
                    let Some(entry) = record.entries.get(*index) else { continue };
                    self.field(&record.name, entry, frame)?;
                }
                WriteUnit::Oneof { option, discriminant, width, cases } => {
                    let chosen = field_at(frame, *option, 1);
                    let first = cases.first().and_then(|index| record.entries.get(*index));
                    let name = first.map(|entry| &*entry.name).unwrap_or_default();
                    if !is_some(&record.name, name, chosen)? {
                        continue;
                    }
                    let case = canonical::read(field_at(frame, *discriminant, *width), *width);
                    let entry = cases.get(case as usize).and_then(|index| record.entries.get(*index));
                    let entry = entry.ok_or_else(|| LiftError::Discriminant {
                        message: record.name.to_string(),
                        field: name.to_owned(),
                        found: case,
                        cases: cases.len(),
                    })?;
                    if let FieldPlace::Case { at, .. } = entry.place {
                        self.tagged(&record.name, entry, frame.get(at as usize..).unwrap_or_default())?;
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn field(&mut self, message: &str, entry: &FieldPlan, frame: &[u8]) -> Result<(), LiftError> {
        match entry.place {
            FieldPlace::Plain { at, implicit } => {
                let value = frame.get(at as usize..).unwrap_or_default();
                if implicit && is_default(self.plan, entry.value, value) {
                    return Ok(());
                }
                self.tagged(message, entry, value)
            }
            FieldPlace::Optional { discriminant, at } => {
                if is_some(message, &entry.name, field_at(frame, discriminant, 1))? {
                    self.tagged(message, entry, frame.get(at as usize..).unwrap_or_default())?;
                }
                Ok(())
            }
            FieldPlace::List { at, stride, align, packed, .. } => {
                let elements = pointed_at(field_at(frame, at, 8), self.memory, stride, align, "list")?;
                if elements.is_empty() {
                    return Ok(());
                }
                if packed {
                    let end = self.out.len();
                    if matches!(entry.value.wire_type(), wire::FIXED32 | wire::FIXED64) {
                        self.out.put_memory(elements)?;
                    } else {
                        self.spend_fields(cost(elements, stride as usize))?;
                        for element in elements.rchunks_exact(stride as usize) {
                            self.value(message, entry, element)?;
                        }
                    }
                    self.out.varint((self.out.len() - end) as u64)?;
                    return self.out.tag(entry.number, wire::LENGTH);
                }
                self.spend_fields(cost(elements, stride as usize))?;
                for element in elements.rchunks_exact(stride as usize) {
                    self.tagged(message, entry, element)?;
                }
                Ok(())
            }
            FieldPlace::Case { .. } => Ok(()),
        }
    }

    #[inline]
    fn tagged(&mut self, message: &str, entry: &FieldPlan, bytes: &[u8]) -> Result<(), LiftError> {
        let wire_type = entry.value.wire_type();
        if wire_type == wire::GROUP {
            self.out.tag(entry.number, wire::GROUP_END)?;
        }
        let end = self.out.len();
        self.value(message, entry, bytes)?;
        if wire_type == wire::LENGTH {
            self.out.varint((self.out.len() - end) as u64)?;
        }
        self.out.tag(entry.number, wire_type)
    }

    /// Writes one value without tag and length.
    #[inline]
    fn value(&mut self, message: &str, entry: &FieldPlan, bytes: &[u8]) -> Result<(), LiftError> {
        match entry.value {
            FieldValue::Scalar(scalar) => match scalar {
                Scalar::String => {
                    let text = pointed_at(bytes, self.memory, 1, 1, "string")?;
                    self.spend_fields(cost(text, TEXT_BYTES))?;
                    if std::str::from_utf8(text).is_err() {
                        return Err(LiftError::Utf8 { message: message.to_owned(), field: entry.name.to_string() });
                    }
                    self.out.put_memory(text)
                }
                Scalar::Bytes => {
                    let bytes = pointed_at(bytes, self.memory, 1, 1, "list")?;
                    self.out.put_memory(bytes)
                }
                Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => self.out.put(field_at(bytes, 0, 8)),
                Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => self.out.put(field_at(bytes, 0, 4)),
                Scalar::Bool => self.out.varint(u64::from(canonical::read(bytes, 1) != 0)),
                // Negative numbers are sign-extended to ten bytes.
                Scalar::Int32 => self.out.varint(canonical::read(bytes, 4) as u32 as i32 as i64 as u64),
                Scalar::Uint32 => self.out.varint(canonical::read(bytes, 4)),
                Scalar::Int64 | Scalar::Uint64 => self.out.varint(canonical::read(bytes, 8)),
                Scalar::Sint32 => {
                    let value = canonical::read(bytes, 4) as u32 as i32;
                    self.out.varint(u64::from(((value << 1) ^ (value >> 31)) as u32))
                }
                Scalar::Sint64 => {
                    let value = canonical::read(bytes, 8) as i64;
                    self.out.varint(((value << 1) ^ (value >> 63)) as u64)
                }
            },
            FieldValue::Enum(id) => {
                let enumeration = self.plan.enumeration(id);
                let case = canonical::read(bytes, enumeration.width);
                let number = match (enumeration.numbers.get(case as usize), enumeration.unrecognized) {
                    (Some(number), _) => *number,
                    (None, Some(payload)) if case == enumeration.numbers.len() as u64 => {
                        canonical::read(field_at(bytes, payload, 4), 4) as u32 as i32
                    }
                    _ => {
                        return Err(LiftError::Discriminant {
                            message: message.to_owned(),
                            field: entry.name.to_string(),
                            found: case,
                            cases: enumeration.numbers.len() + usize::from(enumeration.unrecognized.is_some()),
                        });
                    }
                };
                self.out.varint(i64::from(number) as u64)
            }
            FieldValue::Record { record, .. } => {
                let size = self.plan.record(record).template.len();
                self.depth += 1;
                self.record(record, bytes.get(..size).unwrap_or_default())?;
                self.depth -= 1;
                Ok(())
            }
            FieldValue::Encoded { record, .. } => {
                let encoded = pointed_at(bytes, self.memory, 1, 1, "list")?;
                self.spend_fields(cost(encoded, ENCODED_BYTES))?;
                check::validate(self.plan, record, encoded, self.depth).map_err(|error| LiftError::Encoded {
                    message: message.to_owned(),
                    field: entry.name.to_string(),
                    what: error.to_string(),
                })?;
                self.out.put_memory(encoded)
            }
            FieldValue::Json(kind) => {
                let text = pointed_at(bytes, self.memory, 1, 1, "string")?;
                self.spend_fields(cost(text, JSON_BYTES))?;
                self.json = self.json.checked_sub(text.len()).ok_or(LiftError::TooLarge { limit: self.out.limit })?;
                let wire = json_to_wire(kind, text, message, &entry.name)?;
                self.out.put(&wire)
            }
        }
    }
}

/// Whether a field without presence has the value that is not sent.
#[inline]
pub(crate) fn is_default(plan: &SchemaPlan, value: FieldValue, bytes: &[u8]) -> bool {
    match value {
        FieldValue::Scalar(Scalar::String | Scalar::Bytes) => {
            canonical::read(bytes.get(4..).unwrap_or_default(), 4) == 0
        }
        FieldValue::Scalar(Scalar::Bool) => canonical::read(bytes, 1) == 0,
        FieldValue::Scalar(scalar) => {
            let size = match scalar {
                Scalar::Double
                | Scalar::Int64
                | Scalar::Uint64
                | Scalar::Sint64
                | Scalar::Fixed64
                | Scalar::Sfixed64 => 8,
                _ => 4,
            };
            canonical::read(bytes, size) == 0
        }
        FieldValue::Enum(id) => {
            let enumeration = plan.enumeration(id);
            let case = canonical::read(bytes, enumeration.width) as usize;
            match enumeration.numbers.get(case) {
                Some(number) => *number == enumeration.default,
                None => {
                    enumeration.unrecognized.is_some_and(|payload| field_at(bytes, payload, 4) == [0; 4])
                        && case == enumeration.numbers.len()
                }
            }
        }
        // Values of a map: written always, as every implementation does.
        FieldValue::Record { .. } | FieldValue::Encoded { .. } | FieldValue::Json(_) => false,
    }
}

#[inline]
fn field_at(frame: &[u8], at: u32, size: u32) -> &[u8] {
    frame.get(at as usize..(at + size) as usize).unwrap_or_default()
}

#[inline]
fn is_some(message: &str, field: &str, discriminant: &[u8]) -> Result<bool, LiftError> {
    match canonical::read(discriminant, 1) {
        0 => Ok(false),
        1 => Ok(true),
        found => Err(LiftError::Discriminant { message: message.to_owned(), field: field.to_owned(), found, cases: 2 }),
    }
}
