//! Compiling in a process of its own: within limits, into the cache or into memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use okra::config::CompileLimits;
use okra::package::Package;
use okra::runtime::{Compiler, RuntimeSettings};
use wasm_encoder::{
    BlockType, CodeSection, ComponentSection as _, Function, FunctionSection, Instruction, Module, ModuleSection,
    TypeSection, ValType,
};

use super::crafted::{Core, Crafted};
use super::host::TestHost;
use super::hostile;

fn package() -> Package {
    let crafted = Crafted::serving(hostile::PROTO, &["test.hostile.v1.Hostile"]);
    crafted.package(Core::Text(include_str!("hostile.wat")))
}

/// The package with a function of so many blocks, each of which may change one of so many variables: what the compiler makes
/// of it has the size of their product.
fn with_huge_function(package: &Package, locals: u32, blocks: u32) -> Package {
    let mut function = Function::new([(locals, ValType::I64)]);
    function.instruction(&Instruction::Loop(BlockType::Empty));
    for block in 0..blocks {
        let (one, other) = (1 + block % locals, 1 + (block * 7 + 3) % locals);
        for instruction in [
            Instruction::Block(BlockType::Empty),
            Instruction::LocalGet(0),
            Instruction::BrIf(0),
            Instruction::LocalGet(one),
            Instruction::LocalGet(other),
            Instruction::I64Add,
            Instruction::LocalSet(one),
            Instruction::LocalGet(0),
            Instruction::BrIf(1),
            Instruction::End,
        ] {
            function.instruction(&instruction);
        }
    }
    function.instruction(&Instruction::End).instruction(&Instruction::End);
    let (mut types, mut functions, mut code, mut module) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new(), Module::new());
    types.ty().function([ValType::I32], []);
    functions.function(0);
    code.function(&function);
    module.section(&types).section(&functions).section(&code);
    let mut component = package.component().to_vec();
    ModuleSection(&module).append_to_component(&mut component);
    Package::read(Package::write(&component, package.descriptors(), package.manifest()).unwrap()).unwrap()
}

fn settings(cache: Option<&Path>, limits: CompileLimits) -> RuntimeSettings {
    let compiler = Compiler::child_of(PathBuf::from(env!("CARGO_BIN_EXE_okra")), limits);
    RuntimeSettings { cache: cache.map(Path::to_owned), compiler, ..RuntimeSettings::default() }
}

#[tokio::test]
async fn what_a_child_has_compiled_is_served_and_loaded_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let package = package();
    let mut host = TestHost::of(settings(Some(folder.path()), CompileLimits::default()));
    host.deploy(&package).await.unwrap();
    let kept = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(kept, 1, "the code and nothing else");
    let nothing = Compiler::child_of(PathBuf::from("/does/not/exist"), CompileLimits::default());
    let settings = RuntimeSettings { compiler: nothing, ..settings(Some(folder.path()), CompileLimits::default()) };
    TestHost::of(settings).deploy(&package).await.unwrap();
}

#[tokio::test]
async fn without_a_cache_folder_the_code_comes_through_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for cache in [None, Some(file.join("below"))] {
        let mut host = TestHost::of(settings(cache.as_deref(), CompileLimits::default()));
        host.deploy(&package()).await.unwrap();
    }
}

#[test]
fn okra_starts_where_the_cache_folder_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = (folder.path().join("file"), folder.path().join("hostile.wasm"));
    std::fs::write(&file, "").unwrap();
    std::fs::write(&path, package().component()).unwrap();
    let mut okra = std::process::Command::new(env!("CARGO_BIN_EXE_okra"));
    okra.arg("check").arg(&path).env("HOME", &file).env("XDG_CACHE_HOME", file.join("cache"));
    let output = okra.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Why a package is not compiled within these limits.
async fn refusal(package: &Package, limits: CompileLimits) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = TestHost::of(settings(Some(folder.path()), limits)).deploy(package).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    error.to_string()
}

#[tokio::test]
async fn a_small_function_took_all_memory_while_it_was_compiled() {
    let limits = CompileLimits { memory: ByteSize::mib(512), ..CompileLimits::default() };
    let error = refusal(&with_huge_function(&package(), 2000, 10_000), limits).await;
    assert!(error.starts_with("compiling `crafted` takes more than 512.0 MiB of memory"), "{error}");
}

#[tokio::test]
async fn a_small_function_took_a_quarter_of_a_minute_to_compile() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    let error = refusal(&with_huge_function(&package(), 1000, 4000), limits).await;
    assert!(error.starts_with("compiling `crafted` takes more than 1s of CPU time"), "{error}");
    let (began, limits) =
        (Instant::now(), CompileLimits { timeout: Duration::from_millis(100), ..CompileLimits::default() });
    let error = refusal(&with_huge_function(&package(), 1000, 4000), limits).await;
    assert!(error.starts_with("compiling `crafted` takes more than 100ms:"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_component_that_is_not_valid_is_refused_with_the_compilers_words() {
    let package = package();
    let mut bytes = package.component().to_vec();
    let at = bytes.windows(2).rposition(|pair| pair == [0x00, 0x0b]).expect("`unreachable` and `end` of a function");
    bytes[at] = 0xff;
    let error = refusal(&Package::read(bytes).unwrap(), CompileLimits::default()).await;
    assert!(error.starts_with("cannot compile the component: ") && error.contains("opcode"), "{error}");
}
