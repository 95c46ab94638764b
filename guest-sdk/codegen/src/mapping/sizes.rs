//! How large the types of messages would be, each message counted at each of its uses, and which of them are too large to lie in
//! others.
//!
//! WebAssembly's validators count so, and the bindings of all languages grow so. A message that is larger than
//! [`MAX_HELD_TYPES`] or deeper than [`MAX_HELD_DEPTH`] is encoded wherever it is a field, so the record of each message is
//! bounded by the number of its own fields.

use prost_reflect::{Kind as ProtoKind, MessageDescriptor};

use super::descriptors::{cardinality, fields, special, target, value};
use crate::schema::Cardinality;

/// How many types a message may be, each counted wherever it occurs, that is held as a record by others.
///
/// Nine in ten of the services of Google's APIs have no message this large. Bindings compile in time that grows with the sum of
/// the types of all functions: some 3 ms for each type in Go, 8 ms in Rust.
pub const MAX_HELD_TYPES: u64 = 150;

/// How many types may lie within each other in a message that is held as a record by others.
///
/// `MAX_WASM_COMPONENT_TYPE_DEPTH` is 100; around it lie those of a field, its record, and the `result` of a method.
pub const MAX_HELD_DEPTH: u32 = 60;

/// The types of a message.
#[derive(Clone, Copy, Default)]
pub(super) struct TypeSize {
    types: u64,
    depth: u32,
}

/// `list<u8>`, or a variant with a number in it.
const PAIR: TypeSize = TypeSize { types: 2, depth: 2 };

impl TypeSize {
    /// Whether the message is to be encoded where it is a field.
    pub(super) fn is_too_large_to_hold(self) -> bool {
        self.types > MAX_HELD_TYPES || self.depth > MAX_HELD_DEPTH
    }

    /// Measures a message. `held` gives the size of a message in a field, none of one that is encoded.
    pub(super) fn of_message(
        message: &MessageDescriptor,
        held: impl Fn(&MessageDescriptor) -> Option<TypeSize>,
    ) -> Self {
        let oneofs = message.oneofs().filter(|oneof| !oneof.is_synthetic()).count() as u64;
        let mut size = Self { types: 1 + 2 * oneofs, depth: 0 };
        for field in fields(message) {
            let one = match (value(&field).kind(), target(&field)) {
                (_, Some(target)) => held(&target).filter(|size| !size.is_too_large_to_hold()).unwrap_or(PAIR),
                (ProtoKind::Enum(_) | ProtoKind::Bytes, _) => PAIR,
                (ProtoKind::Message(message), None) if special(&message).is_some() => PAIR,
                _ => Self { types: 1, depth: 1 },
            };
            // Around it lie nothing, an option, a list, a list of tuples with a key, or the variant of a oneof in an option.
            let is_case = field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic());
            let (types, depth) = match cardinality(&field) {
                _ if is_case => (0, 2),
                Cardinality::Implicit | Cardinality::Required => (0, 0),
                Cardinality::Optional | Cardinality::Repeated { .. } => (1, 1),
                Cardinality::Map { .. } => (3, 2),
            };
            size.types = size.types.saturating_add(one.types).saturating_add(types);
            size.depth = size.depth.max(one.depth.saturating_add(depth));
        }
        Self { depth: size.depth.saturating_add(1), ..size }
    }
}
