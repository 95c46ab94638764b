//! The link without a component: wire bytes are lowered into a memory of our own and lifted from it again, and compared with
//! what prost-reflect makes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

mod corpus;
mod differential;
mod fixture;
mod hostile;
mod regressions;
mod targets;

use std::path::Path;
use std::sync::LazyLock;

use fixture::Fixture;

<<<<<<< HEAD
use super::function::Function;
use super::lower::Memory;
use super::plan::Plan;

/// The test's schema and a function for each of its methods.
struct Fixture {
    pool: DescriptorPool,
    functions: HashMap<String, Arc<Function>>,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/link/tests");
    let compiled = compile(std::slice::from_ref(&root), &[root.join("link.proto")]).expect("the .proto files compile");
    let schema = Schema::new(&compiled.pool, &["test.link.v1.Link"]).expect("the service is mapped");
    let plan = Arc::new(Plan::new(&schema));
    let methods = schema.services[0].methods.iter();
    let functions = methods.map(|method| (method.proto_name.clone(), Arc::new(Function::method(&plan, method))));
    Fixture { functions: functions.collect(), pool: compiled.pool }
});

impl Fixture {
    fn message(&self, name: &str) -> MessageDescriptor {
        self.pool.get_message_by_name(&format!("test.link.v1.{name}")).expect("a message of the test")
    }

    fn function(&self, name: &str) -> &Arc<Function> {
        &self.functions[name]
    }
}

/// A guest's memory: what is put there stays there.
struct TestMemory {
    bytes: Vec<u8>,
}

impl Default for TestMemory {
    fn default() -> Self {
        // Pointers of empty lists are small numbers, and must lie in the memory all the same.
        Self { bytes: vec![0xaa; 16] }
    }
}

impl Memory for TestMemory {
    type Refused = ();

    fn put(&mut self, bytes: &[u8], align: u32) -> Result<u32, ()> {
        assert!(!bytes.is_empty(), "guests are never asked for nothing");
        let at = self.bytes.len().next_multiple_of(align as usize);
        self.bytes.resize(at, 0xaa);
        self.bytes.extend_from_slice(bytes);
        Ok(at as u32)
    }
}

const LIMIT: usize = 1 << 20;

/// Through a guest and back as a request: lowered as parameters, lifted as parameters.
fn through_params(function: &Function, wire: Bytes) -> Result<Bytes, String> {
    let request = function.prepare_request(wire, LIMIT as u64 * 16).map_err(|error| error.to_string())?;
    let mut memory = TestMemory::default();
    let slots = function.lower_params(&request, &[], &mut memory).map_err(|error| format!("{error:?}"))?;
    assert_eq!(slots.len(), function.flats());
    function.lift_params(&slots, &memory.bytes, LIMIT).map_err(|error| error.to_string())
}

/// Through a guest and back as a response: lowered as a result, lifted as a result.
fn through_result(function: &Function, wire: Bytes) -> Result<Bytes, String> {
    let response = function.prepare_response(wire, LIMIT as u64 * 16).map_err(|error| error.to_string())?;
    let mut memory = TestMemory::default();
    let image = function.lower_result(Ok(&response), None, &mut memory).map_err(|error| format!("{error:?}"))?;
    let at = memory.put(&image, 8).unwrap();
    let answer = function.lift_result(at.into(), &memory.bytes, LIMIT).map_err(|error| error.to_string())?;
    answer.map_err(|status| status.to_string())
}
=======
static FIXTURE: LazyLock<Fixture> =
    LazyLock::new(|| Fixture::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/link/tests")));
>>>>>>> main
