//! The pass over wire bytes that comes before lowering: it finds everything that could be wrong with them, so that
//! malformed input never reaches a guest and nothing fails half way, and counts the elements of every list.

use std::collections::HashSet;
use std::mem;

use bytes::Bytes;
use okra_codegen::schema::Scalar;

use crate::link::json::{self, NoJson};
use crate::link::merge;
use crate::link::plan::{FieldPlace, FieldPlan, FieldValue, RecordId, SchemaPlan};
use crate::link::wire::{self, MAX_DEPTH, WireError, WireFault, WireReader};

/// A checked message, which lowering may trust.
#[derive(Debug)]
pub(crate) struct CheckedWire {
    /// The message. Fields that own memory in the guest occur at most once in it, keys of maps too.
    pub(crate) wire: Bytes,
    /// For every message in the order of the wire the lengths of its lists.
    pub(crate) counts: Vec<u32>,
    /// The JSON texts, in the order of the wire.
    pub(crate) texts: Vec<String>,
    /// The bytes that the message takes in the guest's memory, those of its record not counted.
    pub(crate) lowered_bytes: u64,
}

/// Checks an encoded message.
///
/// `limit` bounds the bytes that the message takes in the guest's memory: two bytes of wire can stand for a large record.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(plan: &SchemaPlan, record: RecordId, wire: Bytes, limit: u64) -> Result<CheckedWire, WireError> {
    let checker = WireChecker::run(plan, record, &wire, limit)?;
    if !checker.merge {
        return Ok(checker.finish(wire));
    }
    let merged = merge::merge(plan, record, &wire);
    let mut checker = WireChecker::new(plan, record, limit);
    checker.record(record, &merged, 0)?;
    Ok(checker.finish(merged))
}

/// Checks what a guest says is an encoded message, `depth` messages deep in another; nothing is kept.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn validate(plan: &SchemaPlan, record: RecordId, wire: &[u8], depth: u32) -> Result<(), WireError> {
    let mut checker = WireChecker::new(plan, record, u64::MAX);
    checker.aside(record, wire, depth)?;
    checker.whole(record, wire)
}

/// Checks what is read as a message without fields: whatever it has is unknown.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_unknown(message: &str, wire: &[u8]) -> Result<(), WireError> {
    let mut reader = WireReader::new(wire);
    while !reader.is_empty() {
        let skipped = reader.tag().and_then(|(number, wire_type)| reader.skip(number, wire_type));
        skipped.map_err(|broken| broken.of(message))?;
    }
    Ok(())
}

/// Whether an entry of a map has a number that its closed enum lacks, so that the entry as a whole is an unknown field.
/// <https://protobuf.dev/programming-guides/enum/>
pub(crate) fn is_unknown_entry(plan: &SchemaPlan, entry: RecordId, wire: &[u8]) -> bool {
    let Some(FieldPlan { value: FieldValue::Enum(id), .. }) = plan.record(entry).entry(2) else { return false };
    let enumeration = plan.enumeration(*id);
    if enumeration.unrecognized.is_some() {
        return false;
    }
    let (mut reader, mut known) = (WireReader::new(wire), true);
    while let Ok((number, wire_type)) = reader.tag() {
        if (number, wire_type) == (2, wire::VARINT) {
            known = reader.varint().is_ok_and(|value| enumeration.case(value as i32).is_some());
        } else if reader.skip(number, wire_type).is_err() {
            break;
        }
    }
    !known
}

/// Whether an enum's number is one that the component knows a case for.
#[inline]
pub(crate) fn is_known(plan: &SchemaPlan, value: FieldValue, number: u64) -> bool {
    match value {
        FieldValue::Enum(id) => plan.enumeration(id).case(number as i32).is_some(),
        _ => true,
    }
}

/// Fields seen in one message.
#[derive(Default)]
struct SeenFields {
    first: u64,
    rest: Vec<u64>,
}

impl SeenFields {
    /// Sets a bit and tells whether it was set.
    #[inline]
    fn insert(&mut self, bit: usize) -> bool {
        let (index, mask) = (bit / 64, 1 << (bit % 64));
        let word = match index.checked_sub(1) {
            None => &mut self.first,
            Some(index) => {
                if self.rest.len() <= index {
                    self.rest.resize(index + 1, 0);
                }
                match self.rest.get_mut(index) {
                    Some(word) => word,
                    None => return false,
                }
            }
        };
        let was = *word & mask != 0;
        *word |= mask;
        was
    }

    fn contains(&self, bit: usize) -> bool {
        let word = match (bit / 64).checked_sub(1) {
            None => self.first,
            Some(index) => self.rest.get(index).copied().unwrap_or_default(),
        };
        word & (1 << (bit % 64)) != 0
    }
}

/// Bytes of a list in the record that has it.
const LIST_BYTES: u64 = 8;

struct WireChecker<'p> {
    plan: &'p SchemaPlan,
    counts: Vec<u32>,
    /// The most counts of a message that is within the limit: each is of a list, which takes a pointer and a length in a
    /// record. Where a field occurs again and again, two bytes can stand for the counts of a record that takes no further
    /// memory.
    max_counts: usize,
    texts: Vec<String>,
    /// Something occurs twice that lowering, or the guest's own decoder, wants once.
    merge: bool,
    /// Whether the message at hand is not lowered itself: its lists need not be counted, its texts not be kept, and it takes
    /// no room beyond that of its bytes.
    is_aside: bool,
    /// The first thing that a message lacks. Where a field occurs twice, the other occurrence may have it.
    lacks: Option<WireError>,
    left: u64,
    limit: u64,
}

impl<'p> WireChecker<'p> {
    fn new(plan: &'p SchemaPlan, record: RecordId, limit: u64) -> Self {
        let template = plan.record(record).template.len() as u64;
        Self {
            plan,
            counts: Vec::new(),
            max_counts: usize::try_from(limit.saturating_add(template) / LIST_BYTES).unwrap_or(usize::MAX),
            texts: Vec::new(),
            merge: false,
            is_aside: false,
            lacks: None,
            left: limit,
            limit,
        }
    }

    fn finish(self, wire: Bytes) -> CheckedWire {
        CheckedWire { wire, counts: self.counts, texts: self.texts, lowered_bytes: self.limit - self.left }
    }

    /// Checks a message as it came.
    fn run(plan: &'p SchemaPlan, record: RecordId, wire: &[u8], limit: u64) -> Result<Self, WireError> {
        let mut checker = Self::new(plan, record, limit);
        checker.record(record, wire, 0)?;
        checker.whole(record, wire)?;
        Ok(checker)
    }

    /// Tells what the checked message lacks, unless another occurrence of a field in it has it.
    fn whole(&mut self, record: RecordId, wire: &[u8]) -> Result<(), WireError> {
        let Some(lacks) = self.lacks.take() else { return Ok(()) };
        if !self.merge {
            return Err(lacks);
        }
        let whole = merge::merge(self.plan, record, wire);
        let mut again = Self { is_aside: true, ..Self::new(self.plan, record, u64::MAX) };
        again.record(record, &whole, 0)?;
        again.lacks.map_or(Ok(()), Err)
    }

    #[inline]
    fn spend(&mut self, bytes: u64) -> Result<(), WireError> {
        if !self.is_aside {
            self.left = self.left.checked_sub(bytes).ok_or(WireError::TooLarge { limit: self.limit })?;
        }
        Ok(())
    }

    fn record(&mut self, id: RecordId, wire: &[u8], depth: u32) -> Result<(), WireError> {
        let plan = self.plan;
        let record = plan.record(id);
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep { message: record.name.to_string() });
        }
        let broken = |broken: WireFault| broken.of(&record.name);
        let base = self.counts.len();
        if !self.is_aside || record.has_maps {
            let count = base + record.lists.len();
            if count > self.max_counts {
                return Err(WireError::TooLarge { limit: self.limit });
            }
            self.counts.resize(count, 0);
        }
        let mut seen = SeenFields::default();
        let mut reader = WireReader::new(wire);
        while !reader.is_empty() {
            let (number, wire_type) = reader.tag().map_err(broken)?;
            let Some(entry) = record.entry(number) else {
                reader.skip(number, wire_type).map_err(broken)?;
                continue;
            };
            if let FieldPlace::List { list, stride, .. } = entry.place {
                let count = if wire_type == wire::LENGTH && entry.value.packs() {
                    let packed = reader.length_delimited().map_err(broken)?;
                    self.packed(entry, packed).map_err(broken)?
                } else {
                    self.expect(&record.name, entry, wire_type)?;
                    u32::from(self.value(&record.name, entry, &mut reader, depth)?)
                };
                if let Some(total) = self.counts.get_mut(base + list) {
                    *total += count;
                }
                self.spend(u64::from(count) * u64::from(stride))?;
                continue;
            }
            self.expect(&record.name, entry, wire_type)?;
            if self.value(&record.name, entry, &mut reader, depth)?
                && let Some(bit) = entry.once
            {
                self.merge |= seen.insert(bit) && entry.merges;
            }
        }
        let missing = record.required.iter().filter_map(|index| record.entries.get(*index));
        for entry in missing {
            if !entry.once.is_some_and(|bit| seen.contains(bit)) {
                self.lacks.get_or_insert_with(|| WireError::MissingRequired {
                    message: record.name.to_string(),
                    field: entry.name.to_string(),
                });
            }
        }
        if record.has_maps && !self.merge {
            for (list, index) in record.lists.iter().enumerate() {
                debug_assert!(base + list < self.counts.len(), "each list of a record with maps has a count");
                let count = self.counts.get(base + list).copied().unwrap_or_default();
                if count > 1
                    && let Some(entry) = record.entries.get(*index)
                    && let FieldPlace::List { map: true, .. } = entry.place
                {
                    self.merge |= has_duplicate_keys(plan, entry, wire, count as usize);
                }
            }
        }
        // Two bytes can stand for a message of a thousand lists, so counts that lowering does not want are not kept.
        if self.is_aside {
            self.counts.truncate(base);
        }
        Ok(())
    }

    #[inline]
    fn expect(&self, message: &str, entry: &FieldPlan, found: u8) -> Result<(), WireError> {
        let expected = entry.value.wire_type();
        if found == expected {
            return Ok(());
        }
        Err(WireError::WireType { message: message.to_owned(), field: entry.name.to_string(), found, expected })
    }

    /// Checks one value; false when it is to be treated as an unknown field.
    #[inline]
    fn value(
        &mut self,
        message: &str,
        entry: &FieldPlan,
        reader: &mut WireReader<'_>,
        depth: u32,
    ) -> Result<bool, WireError> {
        let broken = |broken: WireFault| broken.of(message);
        match entry.value {
            FieldValue::Scalar(Scalar::String) => {
                let bytes = reader.length_delimited().map_err(broken)?;
                if std::str::from_utf8(bytes).is_err() {
                    return Err(WireError::Utf8 { message: message.to_owned(), field: entry.name.to_string() });
                }
                self.spend(bytes.len() as u64)?;
            }
            FieldValue::Scalar(Scalar::Bytes) => {
                let bytes = reader.length_delimited().map_err(broken)?;
                self.spend(bytes.len() as u64)?;
            }
            FieldValue::Scalar(_) => reader.skip(entry.number, entry.value.wire_type()).map_err(broken)?,
            FieldValue::Enum(_) => {
                let number = reader.varint().map_err(broken)?;
                return Ok(is_known(self.plan, entry.value, number));
            }
            FieldValue::Record { record, group } => {
                let bytes = nested(reader, entry.number, group).map_err(broken)?;
                let is_map = matches!(entry.place, FieldPlace::List { map: true, .. });
                if is_map && is_unknown_entry(self.plan, record, bytes) {
                    self.aside(record, bytes, depth)?;
                    return Ok(false);
                }
                self.record(record, bytes, depth + 1)?;
            }
            FieldValue::Encoded { record, group } => {
                let bytes = nested(reader, entry.number, group).map_err(broken)?;
                self.spend(bytes.len() as u64)?;
                self.aside(record, bytes, depth)?;
            }
            FieldValue::Json(kind) => {
                let bytes = reader.length_delimited().map_err(broken)?;
                let named = |what| WireError::Json { message: message.to_owned(), field: entry.name.to_string(), what };
                match json::from_wire(kind, bytes) {
                    Ok(text) => {
                        self.spend(text.len() as u64)?;
                        if !self.is_aside {
                            self.texts.push(text);
                        }
                    }
                    Err(NoJson::Malformed(what)) => return Err(named(what)),
                    Err(NoJson::NoForm(what)) => drop(self.lacks.get_or_insert_with(|| named(what))),
                }
            }
        }
        Ok(true)
    }

    /// Checks a message in the message that is not lowered itself: handed over as bytes, or not at all. It must be valid all
    /// through.
    fn aside(&mut self, record: RecordId, bytes: &[u8], depth: u32) -> Result<(), WireError> {
        let was_aside = mem::replace(&mut self.is_aside, true);
        let checked = self.record(record, bytes, depth + 1);
        self.is_aside = was_aside;
        checked
    }

    /// Checks packed values and counts those that are kept.
    fn packed(&self, entry: &FieldPlan, bytes: &[u8]) -> Result<u32, WireFault> {
        let fixed = match entry.value.wire_type() {
            wire::FIXED32 => 4,
            wire::FIXED64 => 8,
            _ => {
                let (mut reader, mut count) = (WireReader::new(bytes), 0);
                while !reader.is_empty() {
                    let number = reader.varint()?;
                    count += u32::from(is_known(self.plan, entry.value, number));
                }
                return Ok(count);
            }
        };
        if bytes.len().is_multiple_of(fixed) { Ok((bytes.len() / fixed) as u32) } else { Err(WireFault::Truncated) }
    }
}

/// The bytes of a message in a message.
#[inline]
pub(crate) fn nested<'a>(reader: &mut WireReader<'a>, number: u32, group: bool) -> Result<&'a [u8], WireFault> {
    if group { reader.group(number) } else { reader.length_delimited() }
}

/// The key of an entry as bytes that are equal exactly when the keys are.
pub(crate) fn key_of<'a>(plan: &SchemaPlan, entry: RecordId, wire: &'a [u8], scratch: &'a mut [u8; 8]) -> &'a [u8] {
    let scalar = match plan.record(entry).entry(1) {
        Some(FieldPlan { value: FieldValue::Scalar(scalar), .. }) => *scalar,
        _ => return &[],
    };
    let mut key: &[u8] = &[];
    let mut reader = WireReader::new(wire);
    let mut number = 0_u64;
    while let Ok((field, wire_type)) = reader.tag() {
        let read = match (field, wire_type) {
            (1, wire::LENGTH) => reader.length_delimited().map(|bytes| key = bytes),
            (1, wire::VARINT) => reader.varint().map(|value| number = super::lower::from_varint(scalar, value)),
            (1, wire::FIXED32) => reader.fixed32().map(|value| number = u64::from(value)),
            (1, wire::FIXED64) => reader.fixed64().map(|value| number = value),
            _ => reader.skip(field, wire_type),
        };
        if read.is_err() {
            break;
        }
    }
    if scalar == Scalar::String {
        return key;
    }
    *scratch = number.to_le_bytes();
    scratch
}

fn has_duplicate_keys(plan: &SchemaPlan, map: &FieldPlan, wire: &[u8], count: usize) -> bool {
    let FieldValue::Record { record, .. } = map.value else { return false };
    let mut keys = HashSet::with_capacity(count);
    let mut reader = WireReader::new(wire);
    while let Ok((number, wire_type)) = reader.tag() {
        if number == map.number && wire_type == wire::LENGTH {
            let Ok(entry) = reader.length_delimited() else { break };
            let mut scratch = [0; 8];
            if !is_unknown_entry(plan, record, entry)
                && !keys.insert(key_of(plan, record, entry, &mut scratch).to_vec())
            {
                return true;
            }
        } else if reader.skip(number, wire_type).is_err() {
            break;
        }
    }
    false
}
