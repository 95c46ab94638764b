//! How large records are in memory.

use std::collections::HashMap;

use super::SchemaError;
use crate::schema::{Cardinality, Kind, Member, Schema};

/// The largest record, in bytes.
const MAX_RECORD: u64 = 1 << 20;

/// Refuses schemas whose records no component could hold: messages lie in one another, so sizes can double at each level.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaError> {
    let mut sizes: HashMap<usize, u64> = HashMap::new();
    for id in 0..schema.messages.len() {
        size(schema, id, &mut sizes)?;
    }
    Ok(())
}

fn size(schema: &Schema, id: usize, sizes: &mut HashMap<usize, u64>) -> Result<u64, SchemaError> {
    if let Some(known) = sizes.get(&id) {
        return Ok(*known);
    }
    let Some(message) = schema.messages.get(id) else { return Ok(0) };
    let mut total = 0_u64;
    for member in &message.members {
        total = total.saturating_add(match member {
            Member::Field(field)
                if matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map { .. }) =>
            {
                8
            }
            Member::Field(field) => value_size(schema, &field.kind, sizes)?.saturating_add(8),
            Member::Oneof(oneof) => {
                let mut largest = 0;
                for case in &oneof.cases {
                    largest = value_size(schema, &case.kind, sizes)?.max(largest);
                }
                largest.saturating_add(16)
            }
        });
    }
    if total > MAX_RECORD {
        return Err(SchemaError::TooLarge { message: message.full_name.clone(), limit: MAX_RECORD });
    }
    sizes.insert(id, total);
    Ok(total)
}

fn value_size(schema: &Schema, kind: &Kind, sizes: &mut HashMap<usize, u64>) -> Result<u64, SchemaError> {
    match kind {
        Kind::Message { message, .. } => size(schema, message.0, sizes),
        _ => Ok(8),
    }
}
