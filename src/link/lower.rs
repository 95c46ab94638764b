//! Lowering: checked wire bytes become typed values in the guest's memory.
//!
//! Every string and list becomes an allocation of its own, because guests free them one by one. A list is put together
//! here and handed over whole; the message itself is left to the caller, who flattens it or hands it over too.

use okra_codegen::schema::Scalar;

use crate::link::check::{CheckedWire, is_known, is_unknown_entry, nested};
use crate::link::json;
use crate::link::plan::{FieldPlace, FieldPlan, FieldValue, RecordId, RecordPlan, SchemaPlan};
use crate::link::wire::{self, WireFault, WireReader};

/// Writes into the guest's memory.
pub(crate) trait MemoryWriter {
    /// The error of a guest that does not allocate.
    type Refused;

    /// Allocates in the guest, copies the bytes there (there is at least one) and tells where they are.
    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32, Self::Refused>;
}

/// Why a message could not be lowered.
#[derive(Debug)]
pub(crate) enum LowerError<R> {
    /// The guest's memory refused.
    Memory(R),
    /// The bytes are not what was checked: a fault of the link itself.
    NotChecked,
}

impl<R> From<WireFault> for LowerError<R> {
    fn from(_: WireFault) -> Self {
        LowerError::NotChecked
    }
}

/// Lowers a message; what comes back are the bytes of its record, behind `before` bytes for what lies before it.
pub(crate) fn lower<M: MemoryWriter>(
    plan: &SchemaPlan,
    record: RecordId,
    checked: &CheckedWire,
    memory: &mut M,
    before: usize,
) -> Result<Vec<u8>, LowerError<M::Refused>> {
    let mut lowering = LowerState {
        plan,
        memory,
        counts: checked.counts.iter(),
        texts: checked.texts.iter(),
        arena: Vec::with_capacity(256),
        lists: Vec::new(),
    };
    let template = &plan.record(record).template;
    lowering.arena.resize(before, 0);
    lowering.arena.extend_from_slice(template);
    lowering.record(record, &checked.wire, before)?;
    lowering.arena.truncate(before + template.len());
    Ok(lowering.arena)
}

/// Lowers bytes or a text, and returns the bytes of the pointer and length. `empty` is the pointer of an empty value.
fn lower_bytes<M: MemoryWriter>(bytes: &[u8], empty: u32, memory: &mut M) -> Result<[u8; 8], LowerError<M::Refused>> {
    let at = if bytes.is_empty() { empty } else { memory.put(bytes, 1).map_err(LowerError::Memory)? };
    Ok(pointer(at, bytes.len()))
}

/// Lowers a text that is a payload by itself.
pub(crate) fn lower_text<M: MemoryWriter>(
    plan: &SchemaPlan,
    text: &[u8],
    memory: &mut M,
) -> Result<[u8; 8], LowerError<M::Refused>> {
    lower_bytes(text, plan.quirks.empty_string(), memory)
}

/// Lowers bytes that are a payload by themselves.
pub(crate) fn lower_payload<M: MemoryWriter>(
    plan: &SchemaPlan,
    bytes: &[u8],
    memory: &mut M,
) -> Result<[u8; 8], LowerError<M::Refused>> {
    lower_bytes(bytes, plan.quirks.empty_bytes(), memory)
}

/// Returns the bytes of a pointer and a length.
pub(crate) fn pointer(at: u32, len: usize) -> [u8; 8] {
    (u64::from(at) | (len as u64) << 32).to_le_bytes()
}

/// Returns a varint as a value of its type: the bits that lie in memory.
#[inline]
pub(crate) fn from_varint(scalar: Scalar, value: u64) -> u64 {
    match scalar {
        Scalar::Bool => u64::from(value != 0),
        Scalar::Sint32 => {
            let value = value as u32;
            u64::from((value >> 1) ^ (value & 1).wrapping_neg())
        }
        Scalar::Sint64 => (value >> 1) ^ (value & 1).wrapping_neg(),
        Scalar::Int32 | Scalar::Uint32 => value & 0xffff_ffff,
        _ => value,
    }
}

/// A list being filled.
struct ListCursor {
    start: usize,
    next: usize,
    count: u32,
}

struct LowerState<'a, M> {
    plan: &'a SchemaPlan,
    memory: &'a mut M,
    counts: std::slice::Iter<'a, u32>,
    texts: std::slice::Iter<'a, String>,
    /// Records and lists being put together; those of a message in a message lie above its own.
    arena: Vec<u8>,
    lists: Vec<ListCursor>,
}

impl<M: MemoryWriter> LowerState<'_, M> {
    /// Fills the record at `at` in the arena, which has its template.
    fn record(&mut self, id: RecordId, wire: &[u8], at: usize) -> Result<(), LowerError<M::Refused>> {
        let plan = self.plan;
        let record = plan.record(id);
        let (mark, base) = (self.arena.len(), self.lists.len());
        for index in &record.lists {
            let count = self.counts.next().copied().ok_or(LowerError::NotChecked)?;
            let start = self.arena.len().next_multiple_of(8);
            if count > 0
                && let Some(entry) = record.entries.get(*index)
            {
                self.reserve(entry, start, count);
            }
            self.lists.push(ListCursor { start, next: start, count });
        }
        let mut reader = WireReader::new(wire);
        while !reader.is_empty() {
            let (number, wire_type) = reader.tag()?;
            match record.entry(number) {
                Some(entry) => self.field(entry, wire_type, &mut reader, at, base)?,
                None => reader.skip(number, wire_type)?,
            }
        }
        self.hand_over(record, at, base)?;
        for index in &record.texts {
            if let Some(FieldPlan {
                value: FieldValue::Json(kind), place: FieldPlace::Plain { at: offset, .. }, ..
            }) = record.entries.get(*index)
            {
                let at = at + *offset as usize;
                if self.arena.get(at + 4..at + 8) == Some(&[0; 4]) {
                    let pointer = lower_text(plan, json::empty(*kind).as_bytes(), self.memory)?;
                    self.write(at, &pointer);
                }
            }
        }
        self.lists.truncate(base);
        self.arena.truncate(mark);
        Ok(())
    }

    /// Makes room for the elements of a list.
    fn reserve(&mut self, entry: &FieldPlan, start: usize, count: u32) {
        let FieldPlace::List { stride, .. } = entry.place else { return };
        self.arena.resize(start, 0);
        match entry.value {
            FieldValue::Record { record, .. } => {
                let template = &self.plan.record(record).template;
                for _ in 0..count {
                    self.arena.extend_from_slice(template);
                }
            }
            _ => self.arena.resize(start + stride as usize * count as usize, 0),
        }
    }

    /// Moves the filled lists to the guest and points the record at them.
    fn hand_over(&mut self, record: &RecordPlan, at: usize, base: usize) -> Result<(), LowerError<M::Refused>> {
        for (number, index) in record.lists.iter().enumerate() {
            let Some(list) = self.lists.get(base + number) else { continue };
            if list.count == 0 {
                continue;
            }
            let Some(FieldPlan { place: FieldPlace::List { at: offset, stride, align, .. }, .. }) =
                record.entries.get(*index)
            else {
                continue;
            };
            let end = list.start + *stride as usize * list.count as usize;
            if list.next != end {
                return Err(LowerError::NotChecked);
            }
            let bytes = self.arena.get(list.start..end).ok_or(LowerError::NotChecked)?;
            let pointer = pointer(self.memory.put(bytes, *align).map_err(LowerError::Memory)?, list.count as usize);
            self.write(at + *offset as usize, &pointer);
        }
        Ok(())
    }

    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) {
        match self.arena.get_mut(at..at + bytes.len()) {
            Some(slot) => slot.copy_from_slice(bytes),
            None => debug_assert!(false, "the arena has room for each value that check counted"),
        }
    }

    /// Where the next element of a list goes.
    #[inline]
    fn next(&mut self, base: usize, list: usize, stride: u32) -> Result<usize, LowerError<M::Refused>> {
        let list = self.lists.get_mut(base + list).ok_or(LowerError::NotChecked)?;
        let at = list.next;
        list.next += stride as usize;
        if list.next > list.start + stride as usize * list.count as usize {
            return Err(LowerError::NotChecked);
        }
        Ok(at)
    }

    #[inline]
    fn field(
        &mut self,
        entry: &FieldPlan,
        wire_type: u8,
        reader: &mut WireReader<'_>,
        record: usize,
        base: usize,
    ) -> Result<(), LowerError<M::Refused>> {
        match entry.place {
            FieldPlace::Plain { at, .. } => self.value(entry, reader, record + at as usize).map(drop),
            FieldPlace::Optional { discriminant, at } => {
                if self.value(entry, reader, record + at as usize)? {
                    self.write(record + discriminant as usize, &[1]);
                }
                Ok(())
            }
            FieldPlace::Case { option, discriminant, width, case, at } => {
                if self.value(entry, reader, record + at as usize)? {
                    self.write(record + option as usize, &[1]);
                    let case = case.to_le_bytes();
                    self.write(record + discriminant as usize, case.get(..width as usize).unwrap_or_default());
                }
                Ok(())
            }
            FieldPlace::List { list, stride, .. } if wire_type == wire::LENGTH && entry.value.packs() => {
                self.packed(entry, reader.length_delimited()?, base, list, stride)
            }
            FieldPlace::List { list, stride, map, .. } => {
                if (map || matches!(entry.value, FieldValue::Enum(_))) && self.is_unknown(entry, *reader) {
                    return Ok(reader.skip(entry.number, wire_type)?);
                }
                let at = self.next(base, list, stride)?;
                self.value(entry, reader, at).map(drop)
            }
        }
    }

    /// Whether an element is one that check did not count.
    fn is_unknown(&self, entry: &FieldPlan, mut reader: WireReader<'_>) -> bool {
        match entry.value {
            FieldValue::Record { record, .. } => {
                reader.length_delimited().is_ok_and(|bytes| is_unknown_entry(self.plan, record, bytes))
            }
            _ => reader.varint().is_ok_and(|number| !is_known(self.plan, entry.value, number)),
        }
    }

    fn packed(
        &mut self,
        entry: &FieldPlan,
        bytes: &[u8],
        base: usize,
        list: usize,
        stride: u32,
    ) -> Result<(), LowerError<M::Refused>> {
        // A list without elements has no room in the arena.
        if bytes.is_empty() {
            return Ok(());
        }
        if matches!(entry.value.wire_type(), wire::FIXED32 | wire::FIXED64) {
            // The wire's layout is the memory's.
            let state = self.lists.get_mut(base + list).ok_or(LowerError::NotChecked)?;
            let at = state.next;
            state.next += bytes.len();
            if state.next > state.start + stride as usize * state.count as usize {
                return Err(LowerError::NotChecked);
            }
            self.write(at, bytes);
            return Ok(());
        }
        let mut reader = WireReader::new(bytes);
        while !reader.is_empty() {
            let number = reader.varint()?;
            if !is_known(self.plan, entry.value, number) {
                continue;
            }
            let at = self.next(base, list, stride)?;
            match entry.value {
                FieldValue::Enum(id) => self.enumeration(id, number, at),
                FieldValue::Scalar(scalar) => self.scalar(from_varint(scalar, number), stride as usize, at),
                _ => return Err(LowerError::NotChecked),
            }
        }
        Ok(())
    }

    #[inline]
    fn scalar(&mut self, bits: u64, size: usize, at: usize) {
        self.write(at, bits.to_le_bytes().get(..size).unwrap_or_default());
    }

    #[inline]
    fn enumeration(&mut self, id: usize, number: u64, at: usize) {
        let number = number as i32;
        let enumeration = self.plan.enumeration(id);
        debug_assert!(enumeration.case(number).is_some(), "unknown numbers of a closed enum are left out before");
        let case = enumeration.case(number).unwrap_or_default();
        if let Some(payload) = enumeration.unrecognized {
            // A number seen before in this field may have left its mark.
            let number = if case as usize == enumeration.numbers.len() { number } else { 0 };
            self.write(at + payload as usize, &number.to_le_bytes());
        }
        let width = enumeration.width as usize;
        self.write(at, case.to_le_bytes().get(..width).unwrap_or_default());
    }

    /// Writes one value at `at` in the arena; false when it is an unknown number of a closed enum.
    #[inline]
    fn value(
        &mut self,
        entry: &FieldPlan,
        reader: &mut WireReader<'_>,
        at: usize,
    ) -> Result<bool, LowerError<M::Refused>> {
        match entry.value {
            FieldValue::Scalar(scalar) => match scalar {
                Scalar::String | Scalar::Bytes => {
                    let quirks = self.plan.quirks;
                    let empty = if scalar == Scalar::String { quirks.empty_string() } else { quirks.empty_bytes() };
                    let pointer = lower_bytes(reader.length_delimited()?, empty, self.memory)?;
                    self.write(at, &pointer);
                }
                Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => {
                    let bits = reader.fixed64()?;
                    self.write(at, &bits.to_le_bytes());
                }
                Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => {
                    let bits = reader.fixed32()?;
                    self.write(at, &bits.to_le_bytes());
                }
                Scalar::Bool => {
                    let bits = reader.varint()?;
                    self.write(at, &[u8::from(bits != 0)]);
                }
                Scalar::Int64 | Scalar::Uint64 | Scalar::Sint64 => {
                    let bits = from_varint(scalar, reader.varint()?);
                    self.write(at, &bits.to_le_bytes());
                }
                Scalar::Int32 | Scalar::Uint32 | Scalar::Sint32 => {
                    let bits = from_varint(scalar, reader.varint()?);
                    self.write(at, &(bits as u32).to_le_bytes());
                }
            },
            FieldValue::Enum(id) => {
                let number = reader.varint()?;
                if !is_known(self.plan, entry.value, number) {
                    return Ok(false);
                }
                self.enumeration(id, number, at);
            }
            FieldValue::Record { record, group } => {
                let bytes = nested(reader, entry.number, group)?;
                if !matches!(entry.place, FieldPlace::List { .. }) {
                    let template = &self.plan.record(record).template;
                    self.write(at, template);
                }
                self.record(record, bytes, at)?;
            }
            FieldValue::Encoded { group, .. } => {
                let pointer = lower_payload(self.plan, nested(reader, entry.number, group)?, self.memory)?;
                self.write(at, &pointer);
            }
            FieldValue::Json(_) => {
                reader.length_delimited()?;
                let text = self.texts.next().ok_or(LowerError::NotChecked)?;
                let pointer = lower_text(self.plan, text.as_bytes(), self.memory)?;
                self.write(at, &pointer);
            }
        }
        Ok(true)
    }
}
