//! Components that relay: every function of the service that they export hands its core values on to the same function of
//! the service that they import, and the result back.

use okra_codegen::schema::Schema;
use okra_codegen::wit::{self, World};
use prost_reflect::DescriptorPool;
use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{InterfaceId, Resolve, SizeAlign, WorldId};

use crate::config::{Language, Name, Run, ServiceName};
use crate::package::{Manifest, Package};
use crate::testing::schema::{RELAY, UPSTREAM};

/// Where results are put: behind what a null pointer might mean.
const RESULT: i32 = 64;

const PAGE: u64 = 65536;

/// A package with a relay for the schema.
pub(crate) fn package(pool: &DescriptorPool, schema: &Schema) -> Package {
    let name = |name: &str| ServiceName::new(name).unwrap();
    let manifest = Manifest {
        format: Manifest::FORMAT,
        name: Name::new("relay").unwrap(),
        version: "0.1.0".to_owned(),
        serves: vec![name(RELAY)],
        calls: vec![name(UPSTREAM)],
        raw: Vec::new(),
        imports: Default::default(),
        allowed_callers: Default::default(),
        run: Run { memory: bytesize::ByteSize::gib(1), ..Run::default() },
        language: Language::Component,
        okra: "0.1.0".to_owned(),
    };
    let bytes = Package::write(&component(schema), &pool.encode_to_vec(), &manifest).unwrap();
    Package::read(bytes).unwrap()
}

fn component(schema: &Schema) -> Vec<u8> {
    let (resolve, world) = resolve(schema);
    let interface = |service: &str| {
        let service = schema.services.iter().find(|found| found.full_name == service).unwrap();
        let name = schema.service_interface(service);
        resolve.interfaces.iter().find(|(id, _)| resolve.id_of(*id).as_ref() == Some(&name)).unwrap().0
    };
    let mut module = core_module(&resolve, interface(UPSTREAM), interface(RELAY));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

fn resolve(schema: &Schema) -> (Resolve, WorldId) {
    let world = World {
        name: "relay".to_owned(),
        exports: vec![RELAY.to_owned()],
        imports: vec![UPSTREAM.to_owned()],
        raw: false,
    };
    let folder = tempfile::tempdir().unwrap();
    for file in wit::generate(schema, &world) {
        let path = folder.path().join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder.path()).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    (resolve, world)
}

fn core_module(resolve: &Resolve, import: InterfaceId, export: InterfaceId) -> Vec<u8> {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let (import_name, export_name) = (resolve.id_of(import).unwrap(), resolve.id_of(export).unwrap());
    let functions = &resolve.interfaces[export].functions;
    let result = functions.values().map(|function| sizes.size(&function.result.unwrap()).size_wasm32()).max().unwrap();
    let heap = (RESULT as u64 + result as u64).next_multiple_of(8);

    let (mut types, mut imports, mut declared) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let first = functions.len() as u32;
    for (index, (name, function)) in (0..).zip(functions) {
        let imported = &resolve.interfaces[import].functions[name];
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, imported);
        types.ty().function(signature.params.iter().map(core), []);
        imports.import(&import_name, name, EntityType::Function(2 * index));
        let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
        types.ty().function(signature.params.iter().map(core), [ValType::I32]);
        declared.function(2 * index + 1);
        exports.export(&format!("{export_name}#{name}"), ExportKind::Func, first + index);
        exports.export(&format!("cabi_post_{export_name}#{name}"), ExportKind::Func, 2 * first + 1);
        let mut body = Function::new([]);
        let mut write = body.instructions();
        (0..signature.params.len() as u32).for_each(|param| {
            write.local_get(param);
        });
        write.i32_const(RESULT).call(index).i32_const(RESULT).end();
        code.function(&body);
    }
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    declared.function(2 * first).function(2 * first + 1);
    code.function(&realloc()).function(&post_return(heap));
    exports.export("cabi_realloc", ExportKind::Func, 2 * first);
    exports.export("memory", ExportKind::Memory, 0);

    let mut memory = MemorySection::new();
    let minimum = heap.div_ceil(PAGE);
    memory.memory(MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut next = GlobalSection::new();
    let mutable = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    next.global(mutable, &ConstExpr::i32_const(heap as i32));

    let mut module = Module::new();
    module.section(&types).section(&imports).section(&declared).section(&memory).section(&next);
    module.section(&exports).section(&code);
    module.finish()
}

fn core(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}

/// Takes memory behind what was taken before.
fn realloc() -> Function {
    const ALIGN: u32 = 2;
    const SIZE: u32 = 3;
    const AT: u32 = 4;
    const NEXT: u32 = 0;
    let mut body = Function::new([(1, ValType::I32)]);
    let mut write = body.instructions();
    // at = (next + align - 1) & -align
    write.global_get(NEXT).local_get(ALIGN).i32_add().i32_const(1).i32_sub();
    write.i32_const(0).local_get(ALIGN).i32_sub().i32_and().local_tee(AT);
    // next = at + size
    write.local_get(SIZE).i32_add().global_set(NEXT);
    // Pages that are missing; where they cannot be had, the host finds the address out of bounds.
    write.global_get(NEXT).i32_const(PAGE as i32 - 1).i32_add().i32_const(16).i32_shr_u().memory_size(0).i32_sub();
    write.local_tee(ALIGN).i32_const(0).i32_gt_s().if_(wasm_encoder::BlockType::Empty);
    write.local_get(ALIGN).memory_grow(0).drop().end();
    write.local_get(AT).end();
    body
}

/// Forgets everything. What lay there stays, as the next call may find out.
fn post_return(heap: u64) -> Function {
    let mut body = Function::new([]);
    body.instructions().i32_const(heap as i32).global_set(0).end();
    body
}
