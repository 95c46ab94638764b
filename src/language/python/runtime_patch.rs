//! A patch for componentize-py's runtime, which is linked into each component: the runtime copies bytes that leave Python for
//! the host, and in 0.25.1 it never frees the copy.
//!
//! The runtime's `wit_dylib_pop_list` returns the address of such a copy, and its `wit_dylib_dealloc_bytes` frees values of the
//! host at the end of the call, as the runtime does for all other values. So the patch adds a function that calls both, and
//! exports it by the name of the first one. <https://github.com/bytecodealliance/wasm-tools/blob/main/crates/wit-dylib/wit_dylib.h>

use wasm_encoder::{
    BlockType, ComponentSection as _, ExportSection, Function, Instruction, MemArg, Module, RawSection,
};
use wasmparser::BinaryReaderError;

use crate::language::wasm_sections::{
    CODE, CORE_MODULE, EXPORTS, FUNCTIONS, IMPORTS, ModuleSections, encode_function_types, export_kind, find_sections,
};

const POP: &str = "wit_dylib_pop_list";
const DEALLOC: &str = "wit_dylib_dealloc_bytes";

/// Returns the component with the patched runtime.
///
/// # Errors
/// If the component has no runtime of componentize-py.
pub(super) fn patch_runtime(component: &[u8]) -> Result<Vec<u8>, String> {
    let read_error = |error: BinaryReaderError| error.to_string();
    let mut patched = component.get(..8).unwrap_or_default().to_vec();
    let mut found = false;
    for (id, range) in find_sections(component).map_err(read_error)? {
        let content = component.get(range).unwrap_or_default();
        let module = if id == CORE_MODULE { patch_module(content).map_err(read_error)? } else { None };
        found |= module.is_some();
        RawSection { id, data: module.as_deref().unwrap_or(content) }.append_to_component(&mut patched);
    }
    if found { Ok(patched) } else { Err("it has no runtime of componentize-py in it".to_owned()) }
}

/// Returns the patched module, or none if the module is not the runtime.
fn patch_module(module: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let sections = ModuleSections::read(module)?;
    if ![IMPORTS, FUNCTIONS, EXPORTS, CODE].into_iter().all(|wanted| sections.has(wanted)) {
        return Ok(None);
    }
    let exports = sections.exports()?;
    let function = |name: &str| exports.iter().find(|export| export.name == name).map(|export| export.index);
    let (Some(pop), Some(dealloc)) = (function(POP), function(DEALLOC)) else { return Ok(None) };

    let imported = sections.imported_function_count()?;
    let mut types = sections.function_types()?;
    let added = imported + types.len() as u32;
    let Some(&ty) = pop.checked_sub(imported).and_then(|own| types.get(own as usize)) else { return Ok(None) };
    types.push(ty);

    let mut patched = Module::new();
    for (id, content) in sections.iter() {
        match id {
            FUNCTIONS => {
                patched.section(&encode_function_types(types.iter().copied()));
            }
            EXPORTS => {
                let mut section = ExportSection::new();
                for export in &exports {
                    let index = if export.name == POP { added } else { export.index };
                    section.export(export.name, export_kind(export.kind), index);
                }
                patched.section(&section);
            }
            CODE => {
                patched.section(&sections.append_code([pop_and_free(pop, dealloc)])?);
            }
            id => {
                patched.section(&RawSection { id, data: content });
            }
        }
    }
    Ok(Some(patched.finish()))
}

/// Returns the function `size_t pop_list(void *cx, size_t ty, uint8_t **ptr)` that frees the bytes at `*ptr`, if that is not
/// null, at the end of the call.
fn pop_and_free(pop: u32, dealloc: u32) -> Function {
    let [cx, ty, ptr, length] = [0, 1, 2, 3];
    let load = Instruction::I32Load(MemArg { offset: 0, align: 2, memory_index: 0 });
    let mut function = Function::new([(1, wasm_encoder::ValType::I32)]);
    for instruction in [
        Instruction::LocalGet(cx),
        Instruction::LocalGet(ty),
        Instruction::LocalGet(ptr),
        Instruction::Call(pop),
        Instruction::LocalSet(length),
        Instruction::LocalGet(ptr),
        load.clone(),
        Instruction::If(BlockType::Empty),
        Instruction::LocalGet(cx),
        Instruction::LocalGet(ptr),
        load,
        Instruction::LocalGet(length),
        // The alignment, and whether to free the bytes at the end of the call rather than now.
        Instruction::I32Const(1),
        Instruction::I32Const(1),
        Instruction::Call(dealloc),
        Instruction::End,
        Instruction::LocalGet(length),
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

    /// A component with a module that has functions of the runtime's names: `pop_list` puts 7 at `ptr` and returns 3, and
    /// `dealloc_bytes` is imported.
    const COMPONENT: &str = r#"(component (core module
        (import "env" "dealloc" (func $dealloc (param i32 i32 i32 i32 i32)))
        (memory 1)
        (func $pop (param i32 i32 i32) (result i32) (i32.store (local.get 2) (i32.const 7)) (i32.const 3))
        (export "wit_dylib_pop_list" (func $pop))
        (export "wit_dylib_dealloc_bytes" (func $dealloc))
    ))"#;

    #[test]
    fn the_function_that_pops_a_list_frees_it_too() {
        let patched = patch_runtime(&wat::parse_str(COMPONENT).unwrap()).unwrap();
        wasmparser::validate(&patched).unwrap();
        let (_, range) = find_sections(&patched).unwrap().into_iter().find(|(id, _)| *id == CORE_MODULE).unwrap();
        let module = patched.get(range).unwrap();
        let engine = wasmtime::Engine::default();
        let module = wasmtime::Module::new(&engine, module).unwrap();
        let mut store = wasmtime::Store::new(&engine, Vec::new());
        let dealloc = wasmtime::Func::wrap(
            &mut store,
            |mut caller: wasmtime::Caller<'_, Vec<[i32; 5]>>, cx: i32, ptr: i32, size: i32, align: i32, defer: i32| {
                caller.data_mut().push([cx, ptr, size, align, defer]);
            },
        );
        let instance = wasmtime::Instance::new(&mut store, &module, &[dealloc.into()]).unwrap();
        let pop = instance.get_typed_func::<(i32, i32, i32), i32>(&mut store, POP).unwrap();
        assert_eq!(pop.call(&mut store, (42, 0, 16)).unwrap(), 3);
        assert_eq!(store.data().as_slice(), [[42, 7, 3, 1, 1]]);
    }

    #[test]
    fn what_componentize_py_did_not_make_is_refused() {
        let error = patch_runtime(&wat::parse_str("(component (core module))").unwrap()).unwrap_err();
        assert_eq!(error, "it has no runtime of componentize-py in it");
    }
}
