//! The link's own files that know nothing of wasmtime, compiled once more: their steps are no part of okra's interface.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::duplicate_mod,
    reason = "they are the link's, and the whole of it uses all"
)]

#[path = "../../../../src/link/canonical.rs"]
mod canonical;
#[path = "../../../../src/link/check.rs"]
mod check;
#[path = "../../../../src/link/json.rs"]
mod json;
#[path = "../../../../src/link/lift.rs"]
mod lift;
#[path = "../../../../src/link/lower.rs"]
mod lower;
#[path = "../../../../src/link/merge.rs"]
mod merge;
#[path = "../../../../src/link/plan.rs"]
mod plan;
#[path = "../../../../src/link/quirks.rs"]
mod quirks;
#[path = "../../../../src/link/wire.rs"]
mod wire;

use std::path::Path;

use bytes::Bytes;
use okra_codegen::compile::compile;
use okra_codegen::schema::Schema;

use check::CheckedWire;
use lower::MemoryWriter;
use plan::{RecordId, SchemaPlan};
use quirks::ToolchainQuirks;

/// The limit of messages, in bytes.
const LIMIT: usize = 4 << 20;

/// The steps for one message.
pub(crate) struct Steps {
    plan: SchemaPlan,
    record: RecordId,
}

impl Steps {
    /// Plans the `.proto` files in `root` for a message of `service`.
    pub(crate) fn new(root: &Path, service: &str, message: &str) -> Self {
        let compiled = compile(&[root.to_owned()], &[]).expect("the .proto files compile");
        let schema = Schema::new(&compiled.pool, &[service]).expect("the service is mapped");
        let record = schema.messages.iter().position(|candidate| candidate.full_name == message);
        Self {
            plan: SchemaPlan::new(&schema, ToolchainQuirks::default()),
            record: record.expect("a message of the service"),
        }
    }

    pub(crate) fn check(&self, wire: Bytes) -> CheckedWire {
        check::check(&self.plan, self.record, wire, LIMIT as u64 * 16).expect("a valid message")
    }

    pub(crate) fn lower(&self, checked: &CheckedWire, guest: &mut Guest) -> Vec<u8> {
        lower::lower(&self.plan, self.record, checked, guest, 0).expect("a message that was checked")
    }

    pub(crate) fn lift(&self, image: &[u8], guest: &Guest) -> Bytes {
        lift::lift(&self.plan, self.record, image, &guest.memory, LIMIT).expect("values of a guest")
    }
}

/// A guest's memory, in which allocating is as cheap as can be.
pub(crate) struct Guest {
    memory: Vec<u8>,
}

impl Default for Guest {
    fn default() -> Self {
        let mut guest = Self { memory: Vec::new() };
        guest.clear();
        guest
    }
}

impl Guest {
    /// Forgets all that was put there.
    pub(crate) fn clear(&mut self) {
        // Pointers of empty lists are small numbers, and must lie in the memory all the same.
        self.memory.resize(16, 0);
    }
}

impl MemoryWriter for Guest {
    type Refused = ();

    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32, ()> {
        let at = self.memory.len().next_multiple_of(align as usize);
        self.memory.resize(at, 0);
        self.memory.extend_from_slice(bytes);
        Ok(at as u32)
    }
}
