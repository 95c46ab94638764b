//! Typed values from the memory of one component to that of another, without an encoding between them.
//!
//! Both sides have compiled plans of their own, so this is for types whose [layouts](MessageLayout) are equal. The values pass
//! through an image: the record as it lies in memory, but for the pointers, then what it points at in the order of the plan.
//! Nothing else of the caller's memory is in it: what lies between fields and in the payloads of absent values is zero.
//!
//! The encoded way is the rule, and this is a shortcut for values on which both agree. Whatever is unusual is left to the
//! encoded way: values that are not valid, large messages, JSON, encoded messages, maps with equal keys. So its errors are the
//! only ones.

use std::collections::{HashMap, HashSet};

use okra_codegen::schema::Scalar;

use crate::call::guest_thread::LARGE_MESSAGE;
use crate::call::{MessageLayout, TypedMessage};
use crate::link::canonical::read;
use crate::link::lift::{is_default, pointed_at};
use crate::link::lower::{LowerError, MemoryWriter, pointer};
use crate::link::plan::{EnumPlan, FieldPlace, FieldPlan, FieldValue, RecordId, SchemaPlan, WriteUnit};
use crate::link::wire::{self, MAX_DEPTH, WireError};

/// The largest image of a message, in bytes: copied in some tens of microseconds.
const MAX_IMAGE: usize = 128 << 10;

/// The largest description of a layout, in bytes: it is compared in each call.
const MAX_DESCRIPTION: usize = 16 << 10;

/// Returns the layout of a message; `None` for messages that are not copied.
pub(crate) fn layout(plan: &SchemaPlan, record: RecordId) -> Option<MessageLayout> {
    let mut description = LayoutWriter { plan, out: Vec::new(), seen: HashMap::new() };
    description.record(record, 0)?;
    Some(MessageLayout::new(description.out))
}

/// Returns the layout of a message without fields that is passed as no value at all.
pub(crate) fn no_layout() -> MessageLayout {
    MessageLayout::new(Vec::new())
}

/// Describes the records of a message, each once.
struct LayoutWriter<'a> {
    plan: &'a SchemaPlan,
    out: Vec<u8>,
    /// The records that are described, by their order, and how many levels of messages each has.
    seen: HashMap<RecordId, (u32, u32)>,
}

impl LayoutWriter<'_> {
    fn number(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: &[u32]) {
        numbers.iter().for_each(|number| self.number(*number));
    }

    /// Describes a record that lies in `outer` others, and returns how many levels of messages it has.
    fn record(&mut self, id: RecordId, outer: u32) -> Option<u32> {
        if outer > MAX_DEPTH || self.out.len() > MAX_DESCRIPTION {
            return None;
        }
        if let Some((index, levels)) = self.seen.get(&id).copied() {
            self.numbers(&[0, index]);
            return (outer + levels <= MAX_DEPTH).then_some(levels);
        }
        let plan = self.plan;
        let record = plan.record(id);
        let mut levels = 0;
        self.numbers(&[1, record.ty.size, record.ty.align, u32::try_from(record.entries.len()).ok()?]);
        for entry in &record.entries {
            self.number(entry.number);
            self.place(entry.place);
            match entry.value {
                FieldValue::Scalar(scalar) => self.numbers(&[1, scalar as u32]),
                FieldValue::Enum(id) => self.enumeration(plan.enumeration(id))?,
                FieldValue::Record { record, group } => {
                    self.numbers(&[3, u32::from(group)]);
                    levels = levels.max(1 + self.record(record, outer + 1)?);
                }
                FieldValue::Encoded { .. } | FieldValue::Json(_) => return None,
            }
        }
        let index = u32::try_from(self.seen.len()).ok()?;
        self.seen.insert(id, (index, levels));
        Some(levels)
    }

    fn place(&mut self, place: FieldPlace) {
        match place {
            FieldPlace::Plain { at, implicit } => self.numbers(&[1, at, u32::from(implicit)]),
            FieldPlace::Optional { discriminant, at } => self.numbers(&[2, discriminant, at]),
            FieldPlace::Case { option, discriminant, width, case, at } => {
                self.numbers(&[3, option, discriminant, width, case, at]);
            }
            FieldPlace::List { at, stride, align, packed, map, .. } => {
                self.numbers(&[4, at, stride, align, u32::from(packed), u32::from(map)]);
            }
        }
    }

    fn enumeration(&mut self, enumeration: &EnumPlan) -> Option<()> {
        let unrecognized = enumeration.unrecognized.map_or(0, |at| at + 1);
        let cases = u32::try_from(enumeration.numbers.len()).ok()?;
        self.numbers(&[2, enumeration.width, unrecognized, enumeration.default.cast_unsigned(), cases]);
        enumeration.numbers.iter().for_each(|number| self.number(number.cast_unsigned()));
        Some(())
    }
}

/// Copies a message out of a component's memory. `frame` are the bytes of its record, `limit` bounds its encoding in bytes.
/// Returns `None` where the encoded way is to be taken.
pub(crate) fn lift_direct(
    plan: &SchemaPlan,
    record: RecordId,
    frame: &[u8],
    memory: &[u8],
    limit: usize,
) -> Option<TypedMessage> {
    let mut lifting = DirectLift { plan, memory, image: Vec::with_capacity(256), lowered_bytes: 0, lists: 0 };
    lifting.reserve(plan.record(record).template.len())?;
    let wire_bytes = lifting.record(record, frame, 0)?;
    if wire_bytes > limit.min(LARGE_MESSAGE) {
        return None;
    }
    let DirectLift { image, lowered_bytes, lists, .. } = lifting;
    Some(TypedMessage { image, wire_bytes, lowered_bytes, lists })
}

/// Checks that a message may be lowered, as [`check`](crate::link::check::check) does with an encoded one.
///
/// # Errors
/// When it takes more than `limit` bytes of the component's memory.
pub(crate) fn check_direct(
    plan: &SchemaPlan,
    record: RecordId,
    message: &TypedMessage,
    limit: u64,
) -> Result<(), WireError> {
    let template = plan.record(record).template.len() as u64;
    let max_lists = limit.saturating_add(template) / 8;
    if message.lowered_bytes > limit || message.lists > max_lists {
        return Err(WireError::TooLarge { limit });
    }
    Ok(())
}

struct DirectLift<'a> {
    plan: &'a SchemaPlan,
    memory: &'a [u8],
    image: Vec<u8>,
    lowered_bytes: u64,
    lists: u64,
}

fn varint_bytes(value: u64) -> usize {
    // Seven bits in each byte, one at least.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Returns the bytes of a value with its tag and, where it has one, its length.
fn tagged_bytes(entry: &FieldPlan, value: usize) -> usize {
    let tag = varint_bytes(u64::from(entry.number) << 3);
    match entry.value.wire_type() {
        wire::LENGTH => tag + varint_bytes(value as u64) + value,
        wire::GROUP => 2 * tag + value,
        _ => tag + value,
    }
}

impl<'a> DirectLift<'a> {
    /// Makes room at the end of the image, and returns where.
    fn reserve(&mut self, bytes: usize) -> Option<usize> {
        let at = self.image.len();
        if bytes > MAX_IMAGE - at.min(MAX_IMAGE) {
            return None;
        }
        self.image.resize(at + bytes, 0);
        Some(at)
    }

    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        self.image.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        Some(())
    }

    /// Copies a value of a fixed size, and returns its bits.
    #[inline]
    fn copy(&mut self, bytes: &[u8], size: usize, at: usize) -> Option<u64> {
        let bytes = bytes.get(..size)?;
        self.write(at, bytes)?;
        Some(read(bytes, size as u32))
    }

    /// Copies a record to `at` in the image, and returns the bytes of its encoding.
    fn record(&mut self, id: RecordId, frame: &[u8], at: usize) -> Option<usize> {
        let record = self.plan.record(id);
        self.lists += record.lists.len() as u64;
        let mut len = 0;
        for unit in &record.units {
            len += match unit {
                WriteUnit::Field(index) => self.field(record.entries.get(*index)?, frame, at)?,
                WriteUnit::Oneof { option, discriminant, width, cases } => {
                    match read(frame.get(*option as usize..)?, 1) {
                        0 => continue,
                        1 => self.write(at + *option as usize, &[1])?,
                        _ => return None,
                    }
                    let bytes = frame.get(*discriminant as usize..)?.get(..*width as usize)?;
                    self.write(at + *discriminant as usize, bytes)?;
                    let entry = record.entries.get(*cases.get(read(bytes, *width) as usize)?)?;
                    let FieldPlace::Case { at: payload, .. } = entry.place else { return None };
                    let payload = payload as usize;
                    tagged_bytes(entry, self.value(entry, frame.get(payload..)?, at + payload)?)
                }
            };
        }
        Some(len)
    }

    #[inline]
    fn field(&mut self, entry: &FieldPlan, frame: &[u8], record: usize) -> Option<usize> {
        match entry.place {
            FieldPlace::Plain { at, implicit } => {
                let (at, bytes) = (at as usize, frame.get(at as usize..)?);
                let len = self.value(entry, bytes, record + at)?;
                let is_absent = implicit && is_default(self.plan, entry.value, bytes);
                Some(if is_absent { 0 } else { tagged_bytes(entry, len) })
            }
            FieldPlace::Optional { discriminant, at } => {
                let (at, discriminant) = (at as usize, discriminant as usize);
                match read(frame.get(discriminant..)?, 1) {
                    0 => return Some(0),
                    1 => self.write(record + discriminant, &[1])?,
                    _ => return None,
                }
                Some(tagged_bytes(entry, self.value(entry, frame.get(at..)?, record + at)?))
            }
            FieldPlace::List { at, stride, align, packed, map, .. } => {
                let bytes = frame.get(at as usize..)?.get(..8)?;
                let elements = pointed_at(bytes, self.memory, stride, align, "list").ok()?;
                if elements.is_empty() {
                    return Some(0);
                }
                if map && self.has_equal_keys(entry, elements, stride as usize)? {
                    // The last one counts, and its place is its own.
                    return None;
                }
                self.write(record + at as usize + 4, bytes.get(4..)?)?;
                self.lowered_bytes += elements.len() as u64;
                let len = self.elements(entry, elements, stride as usize, packed)?;
                let tag = varint_bytes(u64::from(entry.number) << 3);
                Some(if packed { tag + varint_bytes(len as u64) + len } else { len })
            }
            FieldPlace::Case { .. } => None,
        }
    }

    /// Copies the elements of a list, and returns the bytes of all of them, with their tags if they are not packed.
    fn elements(&mut self, entry: &FieldPlan, elements: &'a [u8], stride: usize, packed: bool) -> Option<usize> {
        let start = self.reserve(elements.len())?;
        if let (true, wire::FIXED32 | wire::FIXED64) = (packed, entry.value.wire_type()) {
            self.write(start, elements)?;
            return Some(elements.len());
        }
        let mut len = 0;
        for (index, element) in elements.chunks_exact(stride).enumerate() {
            let value = self.value(entry, element, start + index * stride)?;
            len += if packed { value } else { tagged_bytes(entry, value) };
        }
        Some(len)
    }

    /// Whether entries of a map have the same key.
    fn has_equal_keys(&self, entry: &FieldPlan, entries: &'a [u8], stride: usize) -> Option<bool> {
        let FieldValue::Record { record, .. } = entry.value else { return None };
        let FieldPlan { value: FieldValue::Scalar(scalar), place: FieldPlace::Plain { at, .. }, .. } =
            self.plan.record(record).entry(1)?
        else {
            return None;
        };
        let mut keys = HashSet::new();
        for entry in entries.chunks_exact(stride) {
            let key = entry.get(*at as usize..)?;
            let is_new = match scalar {
                Scalar::String => keys.insert(pointed_at(key, self.memory, 1, 1, "string").ok()?),
                Scalar::Bool => keys.insert(if read(key, 1) == 0 { &[0] } else { &[1] }),
                Scalar::Int64 | Scalar::Uint64 | Scalar::Sint64 | Scalar::Fixed64 | Scalar::Sfixed64 => {
                    keys.insert(key.get(..8)?)
                }
                _ => keys.insert(key.get(..4)?),
            };
            if !is_new {
                return Some(true);
            }
        }
        Some(false)
    }

    /// Copies bytes that a pointer stands for.
    fn bytes(&mut self, bytes: &[u8], pointed: &[u8], at: usize) -> Option<usize> {
        self.write(at + 4, bytes.get(4..8)?)?;
        self.lowered_bytes += pointed.len() as u64;
        if pointed.len() > MAX_IMAGE - self.image.len().min(MAX_IMAGE) {
            return None;
        }
        self.image.extend_from_slice(pointed);
        Some(pointed.len())
    }

    /// Copies one value to `at` in the image, and returns the bytes of its encoding without tag and length.
    #[inline]
    fn value(&mut self, entry: &FieldPlan, bytes: &[u8], at: usize) -> Option<usize> {
        Some(match entry.value {
            FieldValue::Scalar(scalar) => match scalar {
                Scalar::String => {
                    let text = pointed_at(bytes, self.memory, 1, 1, "string").ok()?;
                    std::str::from_utf8(text).ok()?;
                    self.bytes(bytes, text, at)?
                }
                Scalar::Bytes => {
                    let pointed = pointed_at(bytes, self.memory, 1, 1, "list").ok()?;
                    self.bytes(bytes, pointed, at)?
                }
                Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => {
                    self.copy(bytes, 8, at)?;
                    8
                }
                Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => {
                    self.copy(bytes, 4, at)?;
                    4
                }
                Scalar::Bool => {
                    self.write(at, &[u8::from(read(bytes, 1) != 0)])?;
                    1
                }
                Scalar::Int32 => varint_bytes(i64::from(self.copy(bytes, 4, at)? as u32 as i32).cast_unsigned()),
                Scalar::Uint32 => varint_bytes(self.copy(bytes, 4, at)?),
                Scalar::Int64 | Scalar::Uint64 => varint_bytes(self.copy(bytes, 8, at)?),
                Scalar::Sint32 => {
                    let value = self.copy(bytes, 4, at)? as u32 as i32;
                    varint_bytes(u64::from(((value << 1) ^ (value >> 31)).cast_unsigned()))
                }
                Scalar::Sint64 => {
                    let value = self.copy(bytes, 8, at)?.cast_signed();
                    varint_bytes(((value << 1) ^ (value >> 63)).cast_unsigned())
                }
            },
            FieldValue::Enum(id) => {
                let enumeration = self.plan.enumeration(id);
                let case = self.copy(bytes, enumeration.width as usize, at)?;
                let number = match (enumeration.numbers.get(case as usize), enumeration.unrecognized) {
                    (Some(number), _) => *number,
                    (None, Some(payload)) if case == enumeration.numbers.len() as u64 => {
                        let payload = payload as usize;
                        let number = self.copy(bytes.get(payload..)?, 4, at + payload)? as u32 as i32;
                        // A number that has a case of its own becomes that case.
                        if u64::from(enumeration.case(number)?) != case {
                            return None;
                        }
                        number
                    }
                    _ => return None,
                };
                varint_bytes(i64::from(number).cast_unsigned())
            }
            FieldValue::Record { record, .. } => {
                let size = self.plan.record(record).template.len();
                self.record(record, bytes.get(..size)?, at)?
            }
            FieldValue::Encoded { .. } | FieldValue::Json(_) => return None,
        })
    }
}

/// Copies a message into a component's memory; what comes back are the bytes of its record, behind `before` bytes for what lies
/// before it. The message has the layout of the record, and was [checked](check_direct).
pub(crate) fn lower_direct<M: MemoryWriter>(
    plan: &SchemaPlan,
    record: RecordId,
    message: &TypedMessage,
    memory: &mut M,
    before: usize,
) -> Result<Vec<u8>, LowerError<M::Refused>> {
    let size = plan.record(record).template.len();
    let (frame, rest) = message.image.split_at_checked(size).ok_or(LowerError::NotChecked)?;
    let mut arena = Vec::with_capacity(before + size);
    arena.resize(before, 0);
    arena.extend_from_slice(frame);
    let mut lowering = DirectLower { plan, memory, rest, arena };
    lowering.record(record, before)?;
    debug_assert!(lowering.rest.is_empty(), "an image has nothing but what its record points at");
    Ok(lowering.arena)
}

struct DirectLower<'a, M> {
    plan: &'a SchemaPlan,
    memory: &'a mut M,
    /// The part of the image that is not copied yet.
    rest: &'a [u8],
    /// The record, and lists being put together.
    arena: Vec<u8>,
}

impl<M: MemoryWriter> DirectLower<'_, M> {
    #[inline]
    fn read(&self, at: usize, size: u32) -> Result<u64, LowerError<M::Refused>> {
        let bytes = self.arena.get(at..at + size as usize).ok_or(LowerError::NotChecked)?;
        Ok(read(bytes, size))
    }

    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), LowerError<M::Refused>> {
        let to = self.arena.get_mut(at..at + bytes.len()).ok_or(LowerError::NotChecked)?;
        to.copy_from_slice(bytes);
        Ok(())
    }

    /// Copies what the record at `at` in the arena points at.
    fn record(&mut self, id: RecordId, at: usize) -> Result<(), LowerError<M::Refused>> {
        let record = self.plan.record(id);
        for unit in &record.units {
            match unit {
                WriteUnit::Field(index) => {
                    let entry = record.entries.get(*index).ok_or(LowerError::NotChecked)?;
                    self.field(entry, at)?;
                }
                WriteUnit::Oneof { option, discriminant, width, cases } => {
                    if self.read(at + *option as usize, 1)? == 0 {
                        continue;
                    }
                    let case = self.read(at + *discriminant as usize, *width)? as usize;
                    let entry = cases.get(case).and_then(|index| record.entries.get(*index));
                    let Some(FieldPlan { value, place: FieldPlace::Case { at: payload, .. }, .. }) = entry else {
                        return Err(LowerError::NotChecked);
                    };
                    self.value(*value, at + *payload as usize)?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, entry: &FieldPlan, record: usize) -> Result<(), LowerError<M::Refused>> {
        match entry.place {
            FieldPlace::Plain { at, .. } => self.value(entry.value, record + at as usize),
            FieldPlace::Optional { discriminant, at } => match self.read(record + discriminant as usize, 1)? {
                0 => Ok(()),
                _ => self.value(entry.value, record + at as usize),
            },
            FieldPlace::List { at, stride, align, .. } => {
                let at = record + at as usize;
                let count = self.read(at + 4, 4)? as usize;
                if count == 0 {
                    let empty = self.plan.quirks.empty_list(4_u32.max(align));
                    return self.write(at, &empty.to_le_bytes());
                }
                let (start, stride) = (self.arena.len(), stride as usize);
                let bytes = count.checked_mul(stride).ok_or(LowerError::NotChecked)?;
                let (elements, rest) = self.rest.split_at_checked(bytes).ok_or(LowerError::NotChecked)?;
                self.rest = rest;
                if has_pointers(entry.value) {
                    self.arena.extend_from_slice(elements);
                    for index in 0..count {
                        self.value(entry.value, start + index * stride)?;
                    }
                    let elements = self.arena.get(start..).ok_or(LowerError::NotChecked)?;
                    let address = self.memory.put(elements, align).map_err(LowerError::Memory)?;
                    self.arena.truncate(start);
                    return self.write(at, &address.to_le_bytes());
                }
                let address = self.memory.put(elements, align).map_err(LowerError::Memory)?;
                self.write(at, &address.to_le_bytes())
            }
            FieldPlace::Case { .. } => Err(LowerError::NotChecked),
        }
    }

    /// Copies what the value at `at` in the arena points at.
    #[inline]
    fn value(&mut self, value: FieldValue, at: usize) -> Result<(), LowerError<M::Refused>> {
        let empty = match value {
            FieldValue::Scalar(Scalar::String) => self.plan.quirks.empty_string(),
            FieldValue::Scalar(Scalar::Bytes) => self.plan.quirks.empty_bytes(),
            FieldValue::Record { record, .. } => return self.record(record, at),
            _ => return Ok(()),
        };
        let len = self.read(at + 4, 4)? as usize;
        let address = match len {
            0 => empty,
            len => {
                let (bytes, rest) = self.rest.split_at_checked(len).ok_or(LowerError::NotChecked)?;
                self.rest = rest;
                self.memory.put(bytes, 1).map_err(LowerError::Memory)?
            }
        };
        self.write(at, &pointer(address, len))
    }
}

/// Whether a value points at others.
fn has_pointers(value: FieldValue) -> bool {
    matches!(value, FieldValue::Scalar(Scalar::String | Scalar::Bytes) | FieldValue::Record { .. })
}
