//! Whether the types of a schema fit into a component.

use super::SchemaError;
use crate::schema::{Cardinality, Enum, Field, Kind, Member, Message, Scalar, Schema};

/// Members of a record, cases of a variant or an enum: the limit of WebAssembly engines.
const MEMBERS: usize = 10_000;
/// Bytes of a record with empty strings and lists. Nothing sets this limit but sense: every call moves as many.
const BYTES: u64 = 1 << 20;
/// Types in a type, counted as often as they are used. Engines allow 1,000,000 for all that an interface has together.
const PARTS: u64 = 100_000;
/// Types inside of types. Engines allow 100, some of which a function around a record takes.
const DEPTH: usize = 90;

/// # Errors
/// When a message, oneof or enum is larger than a component's types may be.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    for enumeration in &schema.enums {
        let unrecognized = usize::from(enumeration.unrecognized.is_some());
        count("enum", &enumeration.full_name, "cases", enumeration.cases.len() + unrecognized)?;
    }
    let mut measures = Measures { schema, known: vec![None; schema.messages.len()], path: Vec::new() };
    for index in 0..schema.messages.len() {
        measures.message(index, 0)?;
    }
    Ok(())
}

fn count(what: &'static str, name: &str, parts: &'static str, count: usize) -> Result<(), SchemaError> {
    if count > MEMBERS {
        return Err(SchemaError::TooMany { what, name: name.to_owned(), parts, count, limit: MEMBERS });
    }
    Ok(())
}

/// How large a type is: its layout by the canonical ABI, how many types it is made of, and how deep they lie.
#[derive(Clone, Copy)]
struct Measure {
    bytes: u64,
    align: u64,
    parts: u64,
    depth: usize,
}

impl Measure {
    fn plain(bytes: u64) -> Self {
        Self { bytes, align: bytes, parts: 1, depth: 1 }
    }

    fn text() -> Self {
        Self { bytes: 8, align: 4, parts: 1, depth: 1 }
    }

    fn list(self) -> Self {
        Self { bytes: 8, align: 4, parts: self.parts.saturating_add(1), depth: self.depth + 1 }
    }

    fn option(self) -> Self {
        Self::variant(2, [self])
    }

    fn record(members: impl IntoIterator<Item = Self>) -> Self {
        let mut record = Self { bytes: 0, align: 1, parts: 1, depth: 1 };
        for member in members {
            record.bytes = record.bytes.next_multiple_of(member.align).saturating_add(member.bytes);
            record.hold(member);
        }
        record.bytes = record.bytes.next_multiple_of(record.align);
        record
    }

    fn variant(cases: usize, payloads: impl IntoIterator<Item = Self>) -> Self {
        let discriminant = match cases {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let mut variant = Self::plain(discriminant);
        let mut largest = 0;
        for payload in payloads {
            largest = largest.max(payload.bytes);
            variant.hold(payload);
        }
        let payload = discriminant.next_multiple_of(variant.align);
        variant.bytes = payload.saturating_add(largest).next_multiple_of(variant.align);
        variant
    }

    fn hold(&mut self, inner: Self) {
        self.align = self.align.max(inner.align);
        self.parts = self.parts.saturating_add(inner.parts);
        self.depth = self.depth.max(inner.depth + 1);
    }
}

struct Measures<'a> {
    schema: &'a Schema,
    known: Vec<Option<Measure>>,
    /// The message at which this began, and the fields that led from it to the present one.
    path: Vec<&'a str>,
}

impl<'a> Measures<'a> {
    /// `depth`: how many messages this one lies in, so that a long chain ends in an error and not in a stack overflow.
    fn message(&mut self, index: usize, depth: usize) -> Result<Measure, SchemaError> {
        if let Some(known) = self.known.get(index).copied().flatten() {
            return Ok(known);
        }
        let schema = self.schema;
        let Some(message) = schema.messages.get(index) else { return Ok(Measure::plain(1)) };
        if depth == 0 {
            self.path = vec![&message.full_name];
        }
        count("message", &message.full_name, "members", message.members.len())?;
        let mut members = Vec::with_capacity(message.members.len());
        for member in &message.members {
            members.push(match member {
                Member::Field(field) => self.field(field, depth)?,
                Member::Oneof(oneof) => {
                    let name = || format!("{}.{}", message.full_name, oneof.proto_name);
                    count("oneof", &name(), "cases", oneof.cases.len())?;
                    let cases: Result<Vec<_>, _> = oneof.cases.iter().map(|case| self.field(case, depth)).collect();
                    Measure::variant(oneof.cases.len(), cases?).option()
                }
            });
        }
        // A message without members is an enum with one case.
        let measure = if members.is_empty() { Measure::plain(1) } else { Measure::record(members) };
        self.limit(message, measure)?;
        if let Some(known) = self.known.get_mut(index) {
            *known = Some(measure);
        }
        Ok(measure)
    }

    fn field(&mut self, field: &'a Field, depth: usize) -> Result<Measure, SchemaError> {
        self.path.push(&field.proto_name);
        let value = match &field.kind {
            Kind::Scalar(scalar) | Kind::Wrapper(scalar) => self::scalar(*scalar),
            Kind::Enum(id) => self.schema.enums.get(id.0).map_or(Measure::plain(1), enumeration),
            Kind::Message { .. } if depth >= DEPTH => return Err(self.too_deep()),
            Kind::Message { message, .. } => self.message(message.0, depth + 1)?,
            Kind::Encoded { .. } | Kind::FieldMask => Measure::text().list(),
            Kind::Json(_) => Measure::text(),
        };
        self.path.pop();
        Ok(match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => value,
            Cardinality::Optional => value.option(),
            Cardinality::Repeated { .. } => value.list(),
            Cardinality::Map { key } => Measure::record([self::scalar(key), value]).list(),
        })
    }

    fn limit(&self, message: &Message, measure: Measure) -> Result<(), SchemaError> {
        let (name, path) = (message.full_name.clone(), self.path.join("."));
        if measure.depth > DEPTH {
            return Err(self.too_deep());
        }
        if measure.bytes > BYTES {
            return Err(SchemaError::TooLarge { message: name, path, bytes: measure.bytes, limit: BYTES });
        }
        if measure.parts > PARTS {
            return Err(SchemaError::TooComplex { message: name, path, parts: measure.parts, limit: PARTS });
        }
        Ok(())
    }

    fn too_deep(&self) -> SchemaError {
        SchemaError::TooDeep { path: self.path.join("."), limit: DEPTH }
    }
}

fn enumeration(enumeration: &Enum) -> Measure {
    match enumeration.unrecognized {
        Some(_) => Measure::variant(enumeration.cases.len() + 1, [Measure::plain(4)]),
        None => Measure::variant(enumeration.cases.len(), []),
    }
}

fn scalar(scalar: Scalar) -> Measure {
    match scalar {
        Scalar::Bool => Measure::plain(1),
        Scalar::Float | Scalar::Int32 | Scalar::Uint32 | Scalar::Sint32 | Scalar::Fixed32 | Scalar::Sfixed32 => {
            Measure::plain(4)
        }
        Scalar::Double | Scalar::Int64 | Scalar::Uint64 | Scalar::Sint64 | Scalar::Fixed64 | Scalar::Sfixed64 => {
            Measure::plain(8)
        }
        Scalar::String => Measure::text(),
        Scalar::Bytes => Measure::plain(1).list(),
    }
}
