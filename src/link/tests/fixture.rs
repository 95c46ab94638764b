//! A schema with something of everything, and the way of its messages through a memory that stands for a guest's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use okra_codegen::compile::compile;
use okra_codegen::schema::{Method, Schema};
use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::call::LocalMessage;
use crate::link::function::ComponentFunction;
use crate::link::lower::MemoryWriter;
use crate::link::plan::SchemaPlan;
use crate::link::quirks::ToolchainQuirks;

/// The test's schema and a function for each of its methods.
pub(crate) struct Fixture {
    pool: DescriptorPool,
    plan: Arc<SchemaPlan>,
    methods: Vec<Method>,
    functions: HashMap<String, Arc<ComponentFunction>>,
}

impl Fixture {
    /// `folder` has `link.proto`.
    pub(crate) fn new(folder: &Path) -> Self {
        let compiled = compile(&[folder.to_owned()], &[folder.join("link.proto")]).expect("the .proto files compile");
        let schema = Schema::new(&compiled.pool, &["test.link.v1.Link"]).expect("the service is mapped");
        let plan = Arc::new(SchemaPlan::new(&schema, ToolchainQuirks::default()));
        let methods = schema.services[0].methods.iter();
        let functions =
            methods.map(|method| (method.proto_name.clone(), Arc::new(ComponentFunction::method(&plan, method))));
        let functions = functions.collect();
        Self { functions, pool: compiled.pool, plan, methods: schema.services[0].methods.clone() }
    }

    pub(crate) fn message(&self, name: &str) -> MessageDescriptor {
        self.pool.get_message_by_name(name).expect("a message of the test")
    }

    /// `write-all` and `read-batch` of a stream of the requests of a method.
    pub(crate) fn batch_functions(&self, name: &str) -> [ComponentFunction; 2] {
        let method = self.methods.iter().find(|method| method.proto_name == name).expect("a method of the test");
        let item = method.input.as_ref().expect("its request is a message");
        [
            ComponentFunction::write_all(&self.plan, "writer", 1, item).expect("it can be streamed"),
            ComponentFunction::read_batch(&self.plan, "reader", 0, item).expect("it can be streamed"),
        ]
    }

    pub(crate) fn function(&self, name: &str) -> &Arc<ComponentFunction> {
        &self.functions[name]
    }
}

/// A guest's memory: what is put there stays there.
pub(crate) struct TestMemory {
    pub(crate) bytes: Vec<u8>,
    /// Bytes that were asked for.
    pub(crate) asked_bytes: usize,
}

impl Default for TestMemory {
    fn default() -> Self {
        // Pointers of empty lists are small numbers, and must lie in the memory all the same.
        Self { bytes: vec![0xaa; 16], asked_bytes: 0 }
    }
}

impl MemoryWriter for TestMemory {
    type Refused = ();

    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32, ()> {
        assert!(!bytes.is_empty(), "guests are never asked for nothing");
        self.asked_bytes += bytes.len();
        let at = self.bytes.len().next_multiple_of(align as usize);
        self.bytes.resize(at, 0xaa);
        self.bytes.extend_from_slice(bytes);
        Ok(at as u32)
    }
}

pub(crate) const LIMIT: usize = 1 << 20;

/// Through a guest and back as a request: lowered as parameters, lifted as parameters.
pub(crate) fn through_params(function: &ComponentFunction, wire: Bytes) -> Result<Bytes, String> {
    let request = function.check_params(wire, LIMIT as u64 * 16).map_err(|error| error.to_string())?;
    let mut memory = TestMemory::default();
    let slots = function.lower_params(&request, &[], &mut memory).map_err(|error| format!("{error:?}"))?;
    assert_eq!(slots.len(), function.flats());
    function.lift_params(&slots, &memory.bytes, LIMIT).map_err(|error| error.to_string())
}

/// Through a guest and back as a response: lowered as a result, lifted as a result.
pub(crate) fn through_result(function: &ComponentFunction, wire: Bytes) -> Result<Bytes, String> {
    let response = function.check_results(wire, LIMIT as u64 * 16).map_err(|error| error.to_string())?;
    let mut memory = TestMemory::default();
    let image = function.lower_result(Ok(&response), None, &mut memory).map_err(|error| format!("{error:?}"))?;
    let at = memory.put(&image, 8).unwrap();
    let answer = function.lift_result(at.into(), &memory.bytes, LIMIT, false).map_err(|error| error.to_string())?;
    match answer.map_err(|status| status.to_string())? {
        LocalMessage::Encoded(wire) => Ok(wire),
        LocalMessage::Typed(message) => panic!("nobody has asked for {message:?}"),
    }
}

/// Checks that typed values reach another memory as the encoded message does, if they are copied at all.
///
/// # Panics
/// When it is not so.
pub(crate) fn is_copied(function: &ComponentFunction, slots: &[u64], memory: &[u8], limit: usize) -> bool {
    if function.layouts().is_none() {
        return false;
    }
    let Some(typed) = function.lift_typed_params(slots, memory, limit) else { return false };
    let encoded = function.lift_params(slots, memory, limit).expect("what is copied can be encoded");
    assert_eq!(typed.wire_bytes, encoded.len());
    for limit in [0, typed.lowered_bytes.saturating_sub(1), typed.lowered_bytes, u64::MAX] {
        let refused = function.check_typed_params(typed.clone(), limit).err().map(|error| error.to_string());
        let expected = function.check_params(encoded.clone(), limit).err().map(|error| error.to_string());
        assert_eq!(refused, expected, "at most {limit} bytes");
    }
    let lower = |checked| {
        let mut memory = TestMemory::default();
        let slots = function.lower_params(&checked, &[], &mut memory).expect("what was checked is lowered");
        (slots, memory)
    };
    let (slots, copied) = lower(function.check_typed_params(typed, u64::MAX).unwrap());
    assert_eq!(function.lift_params(&slots, &copied.bytes, limit).as_ref(), Ok(&encoded));
    let (slots, decoded) = lower(function.check_params(encoded.clone(), u64::MAX).unwrap());
    assert_eq!(copied.asked_bytes, decoded.asked_bytes);
    assert_eq!(function.lift_params(&slots, &decoded.bytes, limit), Ok(encoded));
    true
}
