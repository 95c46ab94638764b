//! The plan: for every message of a schema where each field lies in the guest's memory and how it is read and written
//! on the wire. Computed once at deploy; check, lower and lift only follow it.

use std::collections::HashMap;
use std::sync::Arc;

use okra_codegen::schema::{self, Cardinality, EnumId, JsonKind, Kind, Scalar, Schema};

use crate::link::canonical::{CanonicalType, TypeShape, VariantForm};
use crate::link::quirks::ToolchainQuirks;
use crate::link::wire;

/// Index of a [`RecordPlan`] in [`SchemaPlan::records`].
pub(crate) type RecordId = usize;

/// All messages and enums of a schema.
#[derive(Debug)]
pub(crate) struct SchemaPlan {
    records: Vec<RecordPlan>,
    enums: Vec<EnumPlan>,
    /// The pointers of empty values.
    pub(crate) quirks: ToolchainQuirks,
    well_known: HashMap<WellKnown, RecordId>,
}

/// A message as it lies in memory: a record, or something with a record's layout (a wrapper, a field mask, an entry of
/// a map).
#[derive(Debug)]
pub(crate) struct RecordPlan {
    /// protobuf full name, for errors.
    pub(crate) name: Arc<str>,
    pub(crate) ty: Arc<CanonicalType>,
    /// The record with every field absent.
    pub(crate) template: Box<[u8]>,
    /// One for each field number, in declaration order.
    pub(crate) entries: Vec<FieldPlan>,
    /// The same by what the writer looks at, in the order of the wire.
    pub(crate) units: Vec<WriteUnit>,
    lookup: Lookup,
    /// For each list of the record, in the order of their numbers: which entry.
    pub(crate) lists: Vec<usize>,
    /// Entries of required fields.
    pub(crate) required: Vec<usize>,
    /// How many bits [`FieldPlan::once`] may name.
    pub(crate) bits: usize,
    /// Whether some field is a map.
    pub(crate) has_maps: bool,
    /// Entries of JSON texts that must be there even when nothing was sent (values of a map).
    pub(crate) texts: Vec<usize>,
}

/// A field of a message, cases of oneofs included.
#[derive(Debug)]
pub(crate) struct FieldPlan {
    pub(crate) name: Arc<str>,
    pub(crate) number: u32,
    pub(crate) value: FieldValue,
    pub(crate) place: FieldPlace,
    /// A bit that is set when the field has been seen; the cases of a oneof share one. `None` for lists.
    pub(crate) once: Option<usize>,
    /// Whether a second occurrence must be merged before the message can be lowered: a scalar is simply overwritten,
    /// what owns memory in the guest or belongs to a oneof is not.
    pub(crate) merges: bool,
}

/// Where a field lies in its record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldPlace {
    /// `T`; `implicit`: not written when it has the default value.
    Plain { at: u32, implicit: bool },
    /// `option<T>`.
    Optional { discriminant: u32, at: u32 },
    /// A case of `option<variant>`.
    Case { option: u32, discriminant: u32, width: u32, case: u32, at: u32 },
    /// `list<T>`; `list` numbers the lists of the record.
    List { at: u32, list: usize, stride: u32, align: u32, packed: bool, map: bool },
}

/// The type of one value of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FieldValue {
    Scalar(Scalar),
    Enum(usize),
    Record {
        record: RecordId,
        group: bool,
    },
    /// `list<u8>` that holds the encoding of the record.
    Encoded {
        record: RecordId,
        group: bool,
    },
    Json(JsonKind),
}

/// The unit of writing: a field, or a oneof of which one case is written.
#[derive(Debug)]
pub(crate) enum WriteUnit {
    Field(usize),
    Oneof { option: u32, discriminant: u32, width: u32, cases: Vec<usize> },
}

/// Numbers and cases of an enum.
#[derive(Debug)]
pub(crate) struct EnumPlan {
    pub(crate) ty: Arc<CanonicalType>,
    /// Number of each case.
    pub(crate) numbers: Vec<i32>,
    by_number: HashMap<i32, u32>,
    /// Bytes of the discriminant.
    pub(crate) width: u32,
    /// Where `unrecognized` keeps its number; `None` for a closed enum.
    pub(crate) unrecognized: Option<u32>,
    /// The number that is read where none was sent: 0, in a closed enum the first.
    pub(crate) default: i32,
}

impl EnumPlan {
    /// The case of a number; of an open enum every number has one.
    pub(crate) fn case(&self, number: i32) -> Option<u32> {
        let known = match self.numbers.get(usize::try_from(number).unwrap_or(usize::MAX)) {
            // Most enums count from 0.
            Some(found) if *found == number => Some(number as u32),
            _ => self.by_number.get(&number).copied(),
        };
        known.or_else(|| self.unrecognized.map(|_| self.numbers.len() as u32))
    }
}

/// From field number to entry.
#[derive(Debug)]
enum Lookup {
    /// Indexed by number; 0 is none, else the entry plus one.
    Dense(Box<[u16]>),
    Sparse(HashMap<u32, usize>),
}

impl RecordPlan {
    #[inline]
    pub(crate) fn entry(&self, number: u32) -> Option<&FieldPlan> {
        let index = match &self.lookup {
            Lookup::Dense(entries) => usize::from(*entries.get(number as usize)?).checked_sub(1)?,
            Lookup::Sparse(entries) => *entries.get(&number)?,
        };
        self.entries.get(index)
    }
}

impl FieldValue {
    /// The wire type of one value that is not packed.
    #[inline]
    pub(crate) fn wire_type(self) -> u8 {
        match self {
            FieldValue::Scalar(scalar) => match scalar {
                Scalar::String | Scalar::Bytes => wire::LENGTH,
                Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => wire::FIXED64,
                Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => wire::FIXED32,
                _ => wire::VARINT,
            },
            FieldValue::Enum(_) => wire::VARINT,
            FieldValue::Record { group, .. } | FieldValue::Encoded { group, .. } if group => wire::GROUP,
            FieldValue::Record { .. } | FieldValue::Encoded { .. } | FieldValue::Json(_) => wire::LENGTH,
        }
    }

    /// Whether it may be written packed.
    #[inline]
    pub(crate) fn packs(self) -> bool {
        match self {
            FieldValue::Scalar(scalar) => !matches!(scalar, Scalar::String | Scalar::Bytes),
            FieldValue::Enum(_) => true,
            _ => false,
        }
    }
}

impl SchemaPlan {
    /// Compiles a schema. Infallible: the schema's graph of records is acyclic and its sizes are bounded.
    pub(crate) fn new(schema: &Schema, quirks: ToolchainQuirks) -> Self {
        let (records, enums, well_known) = Default::default();
        Builder { schema, plan: SchemaPlan { records, enums, quirks, well_known } }.build()
    }

    #[inline]
    pub(crate) fn record(&self, id: RecordId) -> &RecordPlan {
        #[allow(clippy::indexing_slicing, reason = "ids are made with the plan")]
        &self.records[id]
    }

    #[inline]
    pub(crate) fn enumeration(&self, id: usize) -> &EnumPlan {
        #[allow(clippy::indexing_slicing, reason = "ids are made with the plan")]
        &self.enums[id]
    }

    /// The record of a message that WIT shows as its only field, where some method or field of the schema has it.
    pub(crate) fn well_known(&self, kind: &Kind) -> Option<RecordId> {
        let message = match kind {
            Kind::Wrapper(scalar) => WellKnown::Wrapper(*scalar),
            Kind::FieldMask => WellKnown::FieldMask,
            _ => return None,
        };
        self.well_known.get(&message).copied()
    }

    /// The WIT type of a value.
    pub(crate) fn type_of(&self, value: FieldValue) -> Arc<CanonicalType> {
        match value {
            FieldValue::Scalar(scalar) => scalar_type(scalar),
            FieldValue::Enum(id) => self.enumeration(id).ty.clone(),
            FieldValue::Record { record, .. } => self.record(record).ty.clone(),
            FieldValue::Encoded { .. } => CanonicalType::bytes(),
            FieldValue::Json(_) => CanonicalType::plain(TypeShape::String),
        }
    }
}

fn scalar_type(scalar: Scalar) -> Arc<CanonicalType> {
    match scalar {
        Scalar::Double => CanonicalType::plain(TypeShape::F64),
        Scalar::Float => CanonicalType::plain(TypeShape::F32),
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => CanonicalType::plain(TypeShape::S32),
        Scalar::Uint32 | Scalar::Fixed32 => CanonicalType::plain(TypeShape::U32),
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => CanonicalType::plain(TypeShape::S64),
        Scalar::Uint64 | Scalar::Fixed64 => CanonicalType::plain(TypeShape::U64),
        Scalar::Bool => CanonicalType::plain(TypeShape::Bool),
        Scalar::String => CanonicalType::plain(TypeShape::String),
        Scalar::Bytes => CanonicalType::bytes(),
    }
}

/// Messages that WIT shows as their only field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum WellKnown {
    Wrapper(Scalar),
    FieldMask,
}

struct Builder<'a> {
    schema: &'a Schema,
    plan: SchemaPlan,
}

impl Builder<'_> {
    fn build(mut self) -> SchemaPlan {
        for definition in &self.schema.enums {
            let enumeration = enumeration(definition);
            self.plan.enums.push(enumeration);
        }
        // Every message gets its id first, because encoded fields may point anywhere.
        let count = self.schema.messages.len();
        self.plan.records.resize_with(count, RecordPlan::unplaced);
        let mut done = vec![false; count];
        for index in 0..count {
            self.message(index, &mut done);
        }
        // Payloads of methods, too, where no field has one of the kind.
        for method in self.schema.services.iter().flat_map(|service| &service.methods) {
            for kind in [&method.input, &method.output].into_iter().flatten() {
                self.value(kind);
            }
        }
        self.plan
    }

    /// Places a message after the messages that lie in it.
    fn message(&mut self, index: usize, done: &mut [bool]) {
        let Some(message) = self.schema.messages.get(index) else { return };
        match done.get_mut(index) {
            Some(done) if !*done => *done = true,
            _ => return,
        }
        for field in message.members.iter().flat_map(member_fields) {
            if let Kind::Message { message, .. } = field.kind {
                self.message(message.0, done);
            }
        }
        let record = self.record(&message.full_name, &message.members);
        if let Some(slot) = self.plan.records.get_mut(index) {
            *slot = record;
        }
    }

    fn value(&mut self, kind: &Kind) -> FieldValue {
        match *kind {
            Kind::Scalar(scalar) => FieldValue::Scalar(scalar),
            Kind::Enum(EnumId(id)) => FieldValue::Enum(id),
            Kind::Message { message, group } => FieldValue::Record { record: message.0, group },
            Kind::Encoded { message, group } => FieldValue::Encoded { record: message.0, group },
            Kind::Wrapper(scalar) => {
                FieldValue::Record { record: self.well_known(WellKnown::Wrapper(scalar)), group: false }
            }
            Kind::FieldMask => FieldValue::Record { record: self.well_known(WellKnown::FieldMask), group: false },
            Kind::Json(kind) => FieldValue::Json(kind),
        }
    }

    /// A message with the single field 1 that WIT shows as that field: same layout, no record around it.
    fn well_known(&mut self, message: WellKnown) -> RecordId {
        if let Some(id) = self.plan.well_known.get(&message) {
            return *id;
        }
        let (name, field) = match message {
            WellKnown::FieldMask => {
                let cardinality = Cardinality::Repeated { packed: false };
                let name = "google.protobuf.FieldMask".to_owned();
                (name, synthetic("paths", 1, cardinality, Kind::Scalar(Scalar::String)))
            }
            WellKnown::Wrapper(scalar) => {
                let name = format!("google.protobuf.{}Value", format!("{scalar:?}").replace("Uint", "UInt"));
                (name, synthetic("value", 1, Cardinality::Implicit, Kind::Scalar(scalar)))
            }
        };
        let mut record = self.record(&name, &[schema::Member::Field(field)]);
        if let TypeShape::Record(members) = &record.ty.shape
            && let Some(member) = members.first()
        {
            record.ty = member.ty.clone();
        }
        let id = self.plan.records.len();
        self.plan.records.push(record);
        self.plan.well_known.insert(message, id);
        id
    }

    /// The entry of a map: `tuple<K, V>`, on the wire a message with the key as field 1 and the value as field 2.
    fn map_entry(&mut self, field: &schema::Field, message: &str, key: Scalar) -> RecordId {
        let members = [
            schema::Member::Field(synthetic("key", 1, Cardinality::Implicit, Kind::Scalar(key))),
            schema::Member::Field(synthetic("value", 2, Cardinality::Implicit, field.kind.clone())),
        ];
        let mut record = self.record(&format!("{message}.{}", field.proto_name), &members);
        if let TypeShape::Record(members) = &record.ty.shape {
            record.ty = CanonicalType::tuple(members.iter().map(|member| member.ty.clone()).collect());
        }
        let id = self.plan.records.len();
        self.plan.records.push(record);
        id
    }

    fn record(&mut self, name: &str, members: &[schema::Member]) -> RecordPlan {
        let mut drafts = Vec::new();
        let mut types = Vec::new();
        for member in members {
            match member {
                schema::Member::Field(field) => {
                    let value = match field.cardinality {
                        Cardinality::Map { key } => {
                            FieldValue::Record { record: self.map_entry(field, name, key), group: false }
                        }
                        _ => self.value(&field.kind),
                    };
                    let one = self.plan.type_of(value);
                    let ty = match field.cardinality {
                        Cardinality::Implicit | Cardinality::Required => one,
                        Cardinality::Optional => CanonicalType::option(one),
                        Cardinality::Repeated { .. } | Cardinality::Map { .. } => CanonicalType::list(one),
                    };
                    types.push((field.wit_name.clone(), ty));
                    drafts.push(vec![value]);
                }
                schema::Member::Oneof(oneof) => {
                    let values: Vec<_> = oneof.cases.iter().map(|case| self.value(&case.kind)).collect();
                    let cases = oneof
                        .cases
                        .iter()
                        .zip(&values)
                        .map(|(case, value)| (case.wit_name.clone(), Some(self.plan.type_of(*value))))
                        .collect();
                    types.push((
                        oneof.wit_name.clone(),
                        CanonicalType::option(CanonicalType::cases(VariantForm::Variant, cases)),
                    ));
                    drafts.push(values);
                }
            }
        }
        let ty = if types.is_empty() {
            CanonicalType::enumeration(vec!["empty".into()])
        } else {
            CanonicalType::record(types)
        };
        let mut record =
            RecordPlan { name: name.into(), template: vec![0; ty.size as usize].into(), ty, ..RecordPlan::unplaced() };
        let ty = record.ty.clone();
        if let TypeShape::Record(placed) = &ty.shape {
            for ((member, values), placed) in members.iter().zip(&drafts).zip(placed) {
                self.place(&mut record, member, values, placed.offset, &placed.ty);
            }
        }
        record.lookup = Lookup::new(&record.entries);
        let number = |unit: &WriteUnit| match unit {
            WriteUnit::Field(entry) => record.entries.get(*entry).map_or(0, |entry| entry.number),
            WriteUnit::Oneof { cases, .. } => {
                cases.iter().filter_map(|case| record.entries.get(*case)).map(|entry| entry.number).min().unwrap_or(0)
            }
        };
        let mut units = std::mem::take(&mut record.units);
        units.sort_by_key(number);
        record.units = units;
        record
    }

    fn place(
        &self,
        record: &mut RecordPlan,
        member: &schema::Member,
        values: &[FieldValue],
        at: u32,
        ty: &CanonicalType,
    ) {
        match member {
            schema::Member::Field(field) => {
                let Some(&value) = values.first() else { return };
                let index = record.entries.len();
                let (once, merges) = match field.cardinality {
                    Cardinality::Repeated { .. } | Cardinality::Map { .. } => (None, false),
                    _ => {
                        record.bits += 1;
                        (Some(record.bits - 1), matches!(value.wire_type(), wire::LENGTH | wire::GROUP))
                    }
                };
                let place = match (field.cardinality, &ty.shape) {
                    (Cardinality::Repeated { .. } | Cardinality::Map { .. }, TypeShape::List(element)) => {
                        let list = record.lists.len();
                        record.lists.push(index);
                        let map = matches!(field.cardinality, Cardinality::Map { .. });
                        record.has_maps |= map;
                        let packed =
                            matches!(field.cardinality, Cardinality::Repeated { packed: true }) && value.packs();
                        let empty = self.plan.quirks.empty_list(4_u32.max(element.align));
                        fill(&mut record.template, at, &empty.to_le_bytes());
                        FieldPlace::List { at, list, stride: element.size, align: element.align, packed, map }
                    }
                    (Cardinality::Optional, TypeShape::Variant(option)) => {
                        FieldPlace::Optional { discriminant: at, at: at + option.payload }
                    }
                    (cardinality, _) => {
                        fill(&mut record.template, at, &self.default(value));
                        if cardinality == Cardinality::Required || self.has_required(&field.kind) {
                            record.required.push(index);
                        }
                        if matches!(value, FieldValue::Json(_)) {
                            record.texts.push(index);
                        }
                        FieldPlace::Plain { at, implicit: cardinality == Cardinality::Implicit }
                    }
                };
                record.units.push(WriteUnit::Field(index));
                record.entries.push(FieldPlan {
                    name: field.proto_name.as_str().into(),
                    number: field.number,
                    value,
                    place,
                    once,
                    merges,
                });
            }
            schema::Member::Oneof(oneof) => {
                let TypeShape::Variant(option) = &ty.shape else { return };
                let Some((_, Some(chosen))) = option.cases.get(1) else { return };
                let TypeShape::Variant(variant) = &chosen.shape else { return };
                let (discriminant, width) = (at + option.payload, variant.discriminant);
                let payload = discriminant + variant.payload;
                let mut cases = Vec::new();
                record.bits += 1;
                for (case, (field, value)) in oneof.cases.iter().zip(values).enumerate() {
                    cases.push(record.entries.len());
                    record.entries.push(FieldPlan {
                        name: field.proto_name.as_str().into(),
                        number: field.number,
                        value: *value,
                        place: FieldPlace::Case { option: at, discriminant, width, case: case as u32, at: payload },
                        once: Some(record.bits - 1),
                        merges: true,
                    });
                }
                record.units.push(WriteUnit::Oneof { option: at, discriminant, width, cases });
            }
        }
    }

    /// Whether a map's value cannot be made of nothing: a message with required fields, or a Value, which needs a kind.
    fn has_required(&self, kind: &Kind) -> bool {
        let (Kind::Message { message, .. } | Kind::Encoded { message, .. }) = kind else {
            return *kind == Kind::Json(JsonKind::Value);
        };
        let members = self.schema.messages.get(message.0).map(|message| message.members.as_slice()).unwrap_or_default();
        members
            .iter()
            .any(|member| matches!(member, schema::Member::Field(field) if field.cardinality == Cardinality::Required))
    }

    /// A value's bytes in memory when nothing was sent.
    fn default(&self, value: FieldValue) -> Vec<u8> {
        match value {
            FieldValue::Scalar(Scalar::String) | FieldValue::Json(_) => pointer(self.plan.quirks.empty_string()),
            FieldValue::Scalar(Scalar::Bytes) | FieldValue::Encoded { .. } => pointer(self.plan.quirks.empty_bytes()),
            FieldValue::Scalar(_) => Vec::new(),
            FieldValue::Enum(id) => {
                let enumeration = self.plan.enumeration(id);
                let case = enumeration.case(enumeration.default).unwrap_or(0);
                case.to_le_bytes().into_iter().take(enumeration.width as usize).collect()
            }
            FieldValue::Record { record, .. } => self.plan.record(record).template.to_vec(),
        }
    }
}

/// A pointer, and a length of zero.
fn pointer(at: u32) -> Vec<u8> {
    u64::from(at).to_le_bytes().to_vec()
}

fn fill(image: &mut [u8], at: u32, bytes: &[u8]) {
    for (to, from) in image.iter_mut().skip(at as usize).zip(bytes) {
        *to = *from;
    }
}

fn synthetic(name: &str, number: u32, cardinality: Cardinality, kind: Kind) -> schema::Field {
    schema::Field {
        proto_name: name.to_owned(),
        json_name: name.to_owned(),
        wit_name: name.to_owned(),
        number,
        cardinality,
        kind,
        docs: String::new(),
    }
}

fn member_fields(member: &schema::Member) -> &[schema::Field] {
    match member {
        schema::Member::Field(field) => std::slice::from_ref(field),
        schema::Member::Oneof(oneof) => &oneof.cases,
    }
}

fn enumeration(definition: &schema::Enum) -> EnumPlan {
    let names = definition.cases.iter().map(|case| (case.wit_name.clone(), None));
    let ty = match &definition.unrecognized {
        Some(name) => {
            let last = (name.clone(), Some(CanonicalType::plain(TypeShape::S32)));
            CanonicalType::cases(VariantForm::Variant, names.chain([last]).collect())
        }
        None => CanonicalType::cases(VariantForm::Enum, names.collect()),
    };
    let (width, payload) = match &ty.shape {
        TypeShape::Variant(variant) => (variant.discriminant, variant.payload),
        _ => (1, 0),
    };
    let first = definition.cases.first().map_or(0, |case| case.number);
    EnumPlan {
        ty,
        default: if definition.unrecognized.is_some() { 0 } else { first },
        numbers: definition.cases.iter().map(|case| case.number).collect(),
        by_number: definition.cases.iter().zip(0..).map(|(case, index)| (case.number, index)).collect(),
        width,
        unrecognized: definition.unrecognized.as_ref().map(|_| payload),
    }
}

impl Lookup {
    fn new(entries: &[FieldPlan]) -> Self {
        let largest = entries.iter().map(|entry| entry.number).max().unwrap_or(0);
        if largest > 1024 || entries.len() >= usize::from(u16::MAX) {
            return Lookup::Sparse(entries.iter().enumerate().map(|(index, entry)| (entry.number, index)).collect());
        }
        let mut dense = vec![0; largest as usize + 1];
        for (index, entry) in entries.iter().enumerate() {
            if let Some(slot) = dense.get_mut(entry.number as usize) {
                *slot = index as u16 + 1;
            }
        }
        Lookup::Dense(dense.into())
    }
}

impl RecordPlan {
    fn unplaced() -> Self {
        Self {
            name: "".into(),
            ty: CanonicalType::plain(TypeShape::Bool),
            template: Box::default(),
            entries: Vec::new(),
            units: Vec::new(),
            lookup: Lookup::Sparse(HashMap::new()),
            lists: Vec::new(),
            required: Vec::new(),
            bits: 0,
            has_maps: false,
            texts: Vec::new(),
        }
    }
}
