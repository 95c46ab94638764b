//! The start of components in Go, prepared for [snapshots](crate::language::ComponentStart).
//!
//! Go's runtime draws random numbers when it starts: from them it makes those of `math/rand` and the seeds of maps. In a
//! snapshot all instances would have the same. So a file is added to the runtime by which it draws new ones
//! (`reseed.go`), and the module starts with a function that runs Go's start at first and that one behind a snapshot. Numbers
//! that a program draws with `math/rand` while it starts are told to the host, because of such a program there is no snapshot.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wasm_encoder::{
    BlockType, ConstExpr, Encode as _, ExportKind, ExportSection, Function, GlobalType, Instruction, Module,
    RawSection, ValType,
};
use wasmparser::BinaryReaderError;

use crate::language::ComponentStart;
use crate::language::wasm_sections::{
    CODE, EXPORTS, FUNCTIONS, GLOBALS, ModuleSections, encode_function_types, export_kind,
};

/// The file that is added to Go's runtime.
const RESEED_FILE: &str = "src/runtime/zz_okra.go";

/// The files of Go in which programs get the runtime's random numbers, and the line by which they get them.
const RAND_FILES: [&str; 2] = ["src/math/rand/rand.go", "src/math/rand/v2/rand.go"];
const RAND_LINE: &str = "//go:linkname runtime_rand runtime.rand\n";
const OKRA_RAND_LINE: &str = "//go:linkname runtime_rand runtime.okraRand\n";

/// The parts of the runtime that the added file needs.
const RUNTIME_FILE: &str = "src/runtime/rand.go";
const RUNTIME_PARTS: [&str; 4] =
    ["var globalRand struct {", "func mrandinit(mp *m) {", "globalRand.state.Init(", "readRandom(seed[:])"];

/// The export that runs behind a snapshot in place of Go's start.
const WAKE: &str = "okra-wake";

/// The function that Go starts with.
const INITIALIZE: &str = "_initialize";

/// The random numbers of eight bytes that Go's runtime draws at its start.
const SEED_NUMBERS: u32 = 4;

/// Returns the files by which Go's runtime draws new random numbers, by their paths in Go's own folder. None for a version of
/// Go whose runtime differs: its components have no snapshots.
pub(super) fn runtime_files(go_root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |file: &str| fs::read_to_string(go_root.join(file)).unwrap_or_default();
    let runtime = read(RUNTIME_FILE);
    let mut files = BTreeMap::new();
    if !RUNTIME_PARTS.into_iter().all(|part| runtime.contains(part)) {
        return files;
    }
    for file in RAND_FILES {
        let text = read(file);
        if text.matches(RAND_LINE).count() != 1 {
            return BTreeMap::new();
        }
        files.insert(go_root.join(file), text.replace(RAND_LINE, OKRA_RAND_LINE).into_bytes());
    }
    files.insert(go_root.join(RESEED_FILE), include_bytes!("reseed.go").to_vec());
    files
}

/// Returns the part of the project's package `main` that exports the function that runs behind a snapshot.
pub(super) fn wake_function() -> String {
    format!(
        "\n//go:linkname okraReseed runtime.okraReseed\nfunc okraReseed()\n\n//go:wasmexport {WAKE}\nfunc okraWake() {{\n\
         \tokraReseed()\n}}\n"
    )
}

/// Returns the module with a start that runs Go's own at first and [`WAKE`] behind a snapshot, and what is to be known of it.
/// Without that export the module stays as it is.
///
/// # Errors
/// If the module is not valid.
pub(super) fn prepare_start(module: Vec<u8>) -> Result<(Vec<u8>, ComponentStart), BinaryReaderError> {
    let sections = ModuleSections::read(&module)?;
    let exports = sections.exports()?;
    let find = |name: &str| exports.iter().find(|export| export.name == name).map(|export| export.index);
    let function_types = sections.function_types()?;
    let imported = sections.imported_function_count()?;
    let own_type = |function: u32| {
        function.checked_sub(imported).and_then(|own| function_types.get(usize::try_from(own).ok()?)).copied()
    };
    let (Some(initialize), Some(wake)) = (find(INITIALIZE), find(WAKE)) else {
        return Ok((module, ComponentStart::Once));
    };
    let Some(start_type) = own_type(initialize).filter(|_| sections.has(GLOBALS)) else {
        return Ok((module, ComponentStart::Once));
    };
    let start = imported + function_types.len() as u32;
    // Go imports no globals.
    let has_started = sections.reader(GLOBALS).read_var_u32()?;

    let mut prepared = Module::new();
    for (id, content) in sections.iter() {
        match id {
            FUNCTIONS => {
                prepared.section(&encode_function_types(function_types.iter().copied().chain([start_type])));
            }
            GLOBALS => {
                let data = append_global(&sections)?;
                prepared.section(&RawSection { id, data: &data });
            }
            EXPORTS => {
                let mut section = ExportSection::new();
                for export in exports.iter().filter(|export| export.name != WAKE && export.name != INITIALIZE) {
                    section.export(export.name, export_kind(export.kind), export.index);
                }
                section.export(INITIALIZE, ExportKind::Func, start);
                prepared.section(&section);
            }
            CODE => {
                let function = start_function(has_started, initialize, wake);
                prepared.section(&sections.append_code([function])?);
            }
            id => {
                prepared.section(&RawSection { id, data: content });
            }
        }
    }
    Ok((prepared.finish(), ComponentStart::Reseeds { numbers: SEED_NUMBERS }))
}

/// Returns the content of the section of globals with a mutable one behind the others, which is 0.
fn append_global(sections: &ModuleSections<'_>) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = sections.reader(GLOBALS);
    let mut content = Vec::new();
    (reader.read_var_u32()? + 1).encode(&mut content);
    content.extend_from_slice(reader.read_bytes(reader.bytes_remaining())?);
    GlobalType { val_type: ValType::I32, mutable: true, shared: false }.encode(&mut content);
    ConstExpr::i32_const(0).encode(&mut content);
    Ok(content)
}

/// Returns the start: `initialize` the first time, `wake` from then on, also in the snapshot.
fn start_function(has_started: u32, initialize: u32, wake: u32) -> Function {
    let mut function = Function::new([]);
    for instruction in [
        Instruction::GlobalGet(has_started),
        Instruction::If(BlockType::Empty),
        Instruction::Call(wake),
        Instruction::Else,
        Instruction::I32Const(1),
        Instruction::GlobalSet(has_started),
        Instruction::Call(initialize),
        Instruction::End,
        Instruction::End,
    ] {
        function.instruction(&instruction);
    }
    function
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_start_runs_once_and_wakes_from_then_on() {
        let module = wat::parse_str(
            r#"(module (global $calls (mut i32) (i32.const 0))
                (func (export "_initialize") (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
                (func (export "okra-wake") (global.set $calls (i32.add (global.get $calls) (i32.const 10))))
                (export "calls" (global $calls)))"#,
        );
        let (module, start) = prepare_start(module.unwrap()).unwrap();
        assert_eq!(start, ComponentStart::Reseeds { numbers: SEED_NUMBERS });
        let engine = wasmtime::Engine::default();
        let mut store = wasmtime::Store::new(&engine, ());
        let module = wasmtime::Module::new(&engine, module).unwrap();
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        let start = instance.get_typed_func::<(), ()>(&mut store, INITIALIZE).unwrap();
        for expected in [1, 11, 21] {
            start.call(&mut store, ()).unwrap();
            assert_eq!(instance.get_global(&mut store, "calls").unwrap().get(&mut store).unwrap_i32(), expected);
        }
        assert!(instance.get_func(&mut store, WAKE).is_none());
    }

    #[test]
    fn a_module_that_cannot_wake_stays_as_it_is() {
        let module = wat::parse_str(r#"(module (func (export "_initialize")))"#).unwrap();
        assert_eq!(prepare_start(module.clone()).unwrap(), (module, ComponentStart::Once));
    }

    #[test]
    fn a_runtime_that_differs_is_left_alone() {
        let go_root = tempfile::tempdir().unwrap();
        for (file, text) in [
            (RUNTIME_FILE, RUNTIME_PARTS.join("\n")),
            (RAND_FILES[0], format!("package rand\n{RAND_LINE}")),
            (RAND_FILES[1], "package rand\n".to_owned()),
        ] {
            let path = go_root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert!(runtime_files(go_root.path()).is_empty());
        fs::write(go_root.path().join(RAND_FILES[1]), format!("package rand\n{RAND_LINE}")).unwrap();
        assert_eq!(runtime_files(go_root.path()).len(), 3);
    }
}
