//! What a component can hold.
//!
//! Where WebAssembly's tools have a limit, ours is that limit or lies below it, so that what is mapped can be deployed.
//! They are in
//! [`wasmparser::limits`](https://github.com/bytecodealliance/wasm-tools/blob/main/crates/wasmparser/src/limits.rs), and
//! the validator counts by them as `Measure` does.

use std::collections::{HashMap, HashSet};

use super::SchemaError;
use super::path::{Ways, all_fields};
use crate::schema::{Cardinality, Enum, Field, Kind, Member, Message, Oneof, Scalar, Schema, Service};

/// How many types all interfaces of a schema may be, each counted wherever it occurs.
///
/// `MAX_WASM_TYPE_SIZE` is a million for a component. What is left is for the interfaces of OKRA and of WASI.
pub const MAX_TYPES: u64 = 900_000;

/// How many fields or cases a message, oneof or enum may have.
///
/// `MAX_WASM_RECORD_FIELDS`, `MAX_WASM_VARIANT_CASES` and `MAX_WASM_ENUM_CASES`.
pub const MAX_MEMBERS: usize = 10_000;

/// How many methods a service may have.
///
/// Validators allow a million functions, but making components of them takes time that grows with the square.
pub const MAX_METHODS: usize = 1_000;

/// How many services and packages a schema may have.
///
/// `MAX_WASM_INSTANCES` is 1000 for a component. A service that is both imported and exported takes four of them, a
/// package with its `types` two. What is left is for the interfaces of OKRA and of WASI.
pub const MAX_INTERFACES: usize = 200;

/// How many characters a name may have; of a package with its namespace and version.
///
/// `MAX_WASM_STRING_SIZE` would allow 100,000, but a package is a folder, and file systems stop at 255.
pub const MAX_NAME: usize = 250;

/// How many bytes a record may take, without what its lists hold: messages lie in one another, so sizes can double at
/// each level.
pub const MAX_RECORD: u64 = 1 << 20;

/// An error of `okra:service` in types; it is in the result of every method.
const ERROR_TYPES: u64 = 20;

/// Refuses schemas that no component could hold.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    schema.messages.iter().try_for_each(message)?;
    schema.enums.iter().try_for_each(enumeration)?;
    schema.services.iter().try_for_each(service)?;
    let measures = measures(schema)?;
    types(schema, &measures)
}

fn message(message: &Message) -> Result<(), SchemaError> {
    let element = || format!("message `{}`", message.full_name);
    many(element, "fields", message.members.len(), MAX_MEMBERS)?;
    name(element, &message.wit_name)?;
    for member in &message.members {
        match member {
            Member::Field(field) => self::field(message, field)?,
            Member::Oneof(oneof) => self::oneof(message, oneof)?,
        }
    }
    Ok(())
}

fn oneof(message: &Message, oneof: &Oneof) -> Result<(), SchemaError> {
    let element = || format!("oneof `{}.{}`", message.full_name, oneof.proto_name);
    many(element, "cases", oneof.cases.len(), MAX_MEMBERS)?;
    name(element, &oneof.wit_name)?;
    name(element, &oneof.type_name)?;
    oneof.cases.iter().try_for_each(|case| field(message, case))
}

fn field(message: &Message, field: &Field) -> Result<(), SchemaError> {
    name(|| format!("field `{}.{}`", message.full_name, field.proto_name), &field.wit_name)
}

fn enumeration(definition: &Enum) -> Result<(), SchemaError> {
    let element = || format!("enum `{}`", definition.full_name);
    let cases = definition.cases.len() + usize::from(definition.unrecognized.is_some());
    many(element, "cases", cases, MAX_MEMBERS)?;
    name(element, &definition.wit_name)?;
    let value = |name: &str| format!("value `{name}` of enum `{}`", definition.full_name);
    definition.cases.iter().try_for_each(|case| name(|| value(&case.proto_name), &case.wit_name))
}

fn service(service: &Service) -> Result<(), SchemaError> {
    let element = || format!("service `{}`", service.full_name);
    many(element, "methods", service.methods.len(), MAX_METHODS)?;
    name(element, &service.wit_name)?;
    let method = |name: &str| format!("method `{name}` of service `{}`", service.full_name);
    service.methods.iter().try_for_each(|found| name(|| method(&found.proto_name), &found.wit_name))
}

fn many(element: impl Fn() -> String, parts: &'static str, count: usize, limit: usize) -> Result<(), SchemaError> {
    match count > limit {
        true => Err(SchemaError::TooMany { element: element(), parts, count, limit }),
        false => Ok(()),
    }
}

/// Checks the length of a name.
pub(super) fn name(element: impl Fn() -> String, name: &str) -> Result<(), SchemaError> {
    match name.len() > MAX_NAME {
        true => Err(SchemaError::LongName { element: element(), length: name.len(), limit: MAX_NAME }),
        false => Ok(()),
    }
}

/// How large a type is.
#[derive(Clone, Copy, Default)]
struct Measure {
    /// How many types it is, each counted wherever it occurs.
    types: u64,
    /// No fewer bytes than it takes in a guest's memory.
    memory: u64,
}

impl Measure {
    const fn new(types: u64, memory: u64) -> Self {
        Self { types, memory }
    }

    /// A type around this one.
    fn within(self, memory: u64) -> Self {
        Self::new(self.types.saturating_add(1), memory)
    }

    fn of(kind: &Kind, messages: &[Measure]) -> Self {
        match kind {
            Kind::Scalar(Scalar::Bytes) | Kind::Wrapper(Scalar::Bytes) | Kind::FieldMask | Kind::Encoded { .. } => {
                Self::new(2, 8)
            }
            Kind::Scalar(_) | Kind::Wrapper(_) | Kind::Json(_) => Self::new(1, 8),
            // Of an open enum: the variant and the number in it.
            Kind::Enum(_) => Self::new(2, 8),
            Kind::Message { message, .. } => messages.get(message.0).copied().unwrap_or_default(),
        }
    }

    fn of_field(field: &Field, messages: &[Measure]) -> Self {
        let one = Self::of(&field.kind, messages);
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => one,
            Cardinality::Optional => one.within(one.memory.saturating_add(8)),
            Cardinality::Repeated { .. } => one.within(8),
            // The tuple holds a key as well.
            Cardinality::Map { .. } => Self { types: one.types.saturating_add(1), ..one }.within(0).within(8),
        }
    }

    fn of_message(message: &Message, messages: &[Measure]) -> Self {
        let members = message.members.iter().map(|member| match member {
            Member::Field(field) => Self::of_field(field, messages),
            Member::Oneof(oneof) => {
                let cases = oneof.cases.iter().map(|case| Self::of(&case.kind, messages));
                let variant = cases.fold(Self::default(), |sum, case| Self {
                    types: sum.types.saturating_add(case.types),
                    memory: sum.memory.max(case.memory),
                });
                variant.within(0).within(variant.memory.saturating_add(16))
            }
        });
        let record = members.fold(Self::default(), |sum, member| Self {
            types: sum.types.saturating_add(member.types),
            memory: sum.memory.saturating_add(member.memory),
        });
        record.within(record.memory)
    }
}

/// Measures all messages, those that lie in others first.
fn measures(schema: &Schema) -> Result<Vec<Measure>, SchemaError> {
    let mut measures = vec![Measure::default(); schema.messages.len()];
    for id in inside_out(schema) {
        let Some(message) = schema.messages.get(id) else { continue };
        let measure = Measure::of_message(message, &measures);
        if message.in_wit && measure.memory > MAX_RECORD {
            return Err(SchemaError::TooLarge {
                message: message.full_name.clone(),
                path: Box::new(Ways::new(schema).to(id)),
                limit: MAX_RECORD,
            });
        }
        if let Some(slot) = measures.get_mut(id) {
            *slot = measure;
        }
    }
    Ok(measures)
}

/// All messages, each after those that lie in it.
fn inside_out(schema: &Schema) -> Vec<usize> {
    let held: Vec<Vec<usize>> = schema.messages.iter().map(|message| held(message).collect()).collect();
    let mut order = Vec::with_capacity(held.len());
    let mut seen = vec![false; held.len()];
    for start in 0..held.len() {
        let mut open = vec![(start, 0)];
        while let Some((message, next)) = open.pop() {
            if next == 0 {
                match seen.get_mut(message) {
                    Some(seen) if !*seen => *seen = true,
                    _ => continue,
                }
            }
            match held.get(message).and_then(|held| held.get(next)) {
                Some(&inner) => open.extend([(message, next + 1), (inner, 0)]),
                None => order.push(message),
            }
        }
    }
    order
}

/// The messages that lie in a message.
fn held(message: &Message) -> impl Iterator<Item = usize> {
    all_fields(message).filter_map(|field| match field.kind {
        Kind::Message { message, .. } => Some(message.0),
        _ => None,
    })
}

/// Counts the types of all interfaces: of what they define, of what they use from others, and of their functions.
fn types(schema: &Schema, measures: &[Measure]) -> Result<(), SchemaError> {
    let of = |kind: &Kind| Measure::of(kind, measures).types;
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    let mut count = 0_u64;
    let mut add = |more: u64| count = count.saturating_add(more);
    // What each package uses from others.
    let mut used: HashMap<usize, HashSet<&Kind>> = HashMap::new();
    for (message, measure) in schema.messages.iter().zip(measures).filter(|(message, _)| message.in_wit) {
        add(measure.types);
        for member in &message.members {
            if let Member::Oneof(oneof) = member {
                add(sum(&mut oneof.cases.iter().map(|case| of(&case.kind))).saturating_add(1));
            }
        }
        let foreign = |kind: &Kind| package(schema, kind).is_some_and(|package| package != message.package);
        let foreign = all_fields(message).map(|field| &field.kind).filter(|kind| foreign(kind));
        used.entry(message.package).or_default().extend(foreign);
    }
    for kinds in used.values() {
        add(sum(&mut kinds.iter().map(|kind| of(kind))));
    }
    for service in &schema.services {
        let payloads = || service.methods.iter().flat_map(|method| [&method.input, &method.output]).flatten();
        let used: HashSet<&Kind> = payloads().filter(|kind| package(schema, kind).is_some()).collect();
        let functions = sum(&mut payloads().map(of)).saturating_add(ERROR_TYPES * service.methods.len() as u64);
        // Twice, because a service can be both imported and exported.
        add(sum(&mut used.into_iter().map(of)).saturating_add(functions).saturating_mul(2));
    }
    // Enums, and the interfaces themselves.
    let packages = (0..schema.packages.len()).filter(|package| schema.has_wit(*package)).count();
    let enums = schema.enums.iter().filter(|definition| definition.in_wit).count();
    add(2 * enums as u64 + ERROR_TYPES * (2 * packages + 2 * schema.services.len()) as u64);
    if count <= MAX_TYPES {
        return Ok(());
    }
    let largest = measures.iter().enumerate().max_by_key(|(_, measure)| measure.types);
    let path = largest.map(|(id, measure)| Box::new((Ways::new(schema).to(id), measure.types)));
    Err(SchemaError::TooManyTypes { count, limit: MAX_TYPES, path })
}

/// The package of the type that a kind has, when it is one with a name.
fn package(schema: &Schema, kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Message { message, .. } => schema.messages.get(message.0).map(|message| message.package),
        Kind::Enum(id) => schema.enums.get(id.0).map(|definition| definition.package),
        _ => None,
    }
}
