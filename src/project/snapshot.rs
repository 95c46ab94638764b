//! The step of a build in which the start of a component runs once, so that instances begin behind it.

use std::time::Duration;

use bytesize::ByteSize;
use wasm_encoder::{ComponentSection as _, Module, RawSection};
use wasmparser::{BinaryReaderError, Validator};

use crate::config::CompileLimits;
use crate::instance::Compiler;
use crate::language::wasm_sections::{
    CODE, CORE_MODULE, DATA, DATA_COUNT, ELEMENTS, ModuleSections, START, find_sections,
};
use crate::language::{BuiltComponent, ComponentStart};

/// The limits of the process in which a start runs.
const LIMITS: CompileLimits =
    CompileLimits { memory: ByteSize::gib(2), cpu: Duration::from_secs(120), timeout: Duration::from_secs(120) };

/// Replaces a component by its snapshot, if it has a start that may run once. Returns whether it did.
///
/// # Errors
/// The reason why there is no snapshot: then the component stays as it is, and each instance runs its start.
pub(super) fn take_snapshot(component: &mut BuiltComponent, project: &str) -> Result<bool, String> {
    let numbers = match component.start {
        ComponentStart::OfInstance => return Ok(false),
        ComponentStart::Once => 0,
        ComponentStart::Reseeds { numbers } => numbers,
    };
    let invalid = |error: BinaryReaderError| error.to_string();
    if !has_start(&component.bytes).map_err(invalid)? {
        return Ok(false);
    }
    let mut snapshot = run_start(&component.bytes, project, numbers)?;
    if component.start != ComponentStart::Once {
        snapshot = keep_starts(&component.bytes, &snapshot).map_err(invalid)?;
    }
    Validator::new().validate_all(&snapshot).map_err(invalid)?;
    component.bytes = snapshot;
    Ok(true)
}

/// Runs the start on a thread of its own, because the caller may be a task that must not wait.
fn run_start(component: &[u8], project: &str, random_numbers: u32) -> Result<Vec<u8>, String> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Compiler::of_this_program(LIMITS).snapshot(project, component, random_numbers))
    };
    let ended = std::thread::scope(|scope| scope.spawn(run).join());
    match ended {
        Ok(snapshot) => snapshot.map_err(|error| format!("{error:#}")),
        Err(_) => Err("it has parts that cannot be in one".to_owned()),
    }
}

/// Whether a module of the component has a start.
fn has_start(component: &[u8]) -> Result<bool, BinaryReaderError> {
    for module in modules(component)? {
        if ModuleSections::read(module)?.has(START) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the modules of a component, in their order.
fn modules(component: &[u8]) -> Result<Vec<&[u8]>, BinaryReaderError> {
    let sections = find_sections(component)?.into_iter().filter(|(id, _)| *id == CORE_MODULE);
    Ok(sections.map(|(_, range)| component.get(range).unwrap_or_default()).collect())
}

/// Returns the snapshot with the starts that the modules of the component have.
fn keep_starts(component: &[u8], snapshot: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut with_starts = snapshot.get(..8).unwrap_or_default().to_vec();
    let mut originals = modules(component)?.into_iter();
    for (id, range) in find_sections(snapshot)? {
        let content = snapshot.get(range).unwrap_or_default();
        let original = if id == CORE_MODULE { originals.next() } else { None };
        let module = original.map(|original| keep_start(original, content)).transpose()?.flatten();
        RawSection { id, data: module.as_deref().unwrap_or(content) }.append_to_component(&mut with_starts);
    }
    Ok(with_starts)
}

/// Returns a module with the start that `original` has, or none if that has none.
fn keep_start(original: &[u8], module: &[u8]) -> Result<Option<Vec<u8>>, BinaryReaderError> {
    let original = ModuleSections::read(original)?;
    let Some((_, start)) = original.iter().find(|(id, _)| *id == START) else { return Ok(None) };
    let mut with_start = Module::new();
    let mut start = Some(RawSection { id: START, data: start });
    for (id, data) in ModuleSections::read(module)?.iter() {
        if [ELEMENTS, DATA_COUNT, CODE, DATA].contains(&id)
            && let Some(start) = start.take()
        {
            with_start.section(&start);
        }
        with_start.section(&RawSection { id, data });
    }
    if let Some(start) = start {
        with_start.section(&start);
    }
    Ok(Some(with_start.finish()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;

    use super::*;

    /// A component whose start adds `$add` to a counter; without an import of the host it can do it anywhere.
    fn component(start: ComponentStart, imports: &str, body: &str) -> BuiltComponent {
        let text = format!(
            r#"(component {imports}
                (core module $m
                    (memory (export "memory") 1)
                    (global $count (mut i32) (i32.const 0))
                    (func $start (export "start")
                        (global.set $count (i32.add (global.get $count) (i32.const 1)))
                        (i32.store (i32.const 8) (global.get $count)))
                    (func (export "count") (result i32) (i32.load (i32.const 8)))
                )
                (core instance $i (instantiate $m))
                {body}
                (core module $s (import "" "start" (func $start)) (start $start))
                (core instance (instantiate $s (with "" (instance $i))))
                (func (export "count") (result u32) (canon lift (core func $i "count")))
            )"#
        );
        let bytes = wat::parse_str(text).unwrap();
        BuiltComponent { path: PathBuf::new(), bytes, start, outside: None }
    }

    fn count(bytes: &[u8]) -> u32 {
        let engine = wasmtime::Engine::default();
        let component = wasmtime::component::Component::new(&engine, bytes).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let linker = wasmtime::component::Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        instance.get_typed_func::<(), (u32,)>(&mut store, "count").unwrap().call(&mut store, ()).unwrap().0
    }

    #[test]
    fn instances_begin_behind_the_start() {
        let mut built = component(ComponentStart::Once, "", "");
        assert_eq!(take_snapshot(&mut built, "test"), Ok(true));
        assert_eq!(count(&built.bytes), 1);
        assert!(!has_start(&built.bytes).unwrap());
        assert_eq!(take_snapshot(&mut built, "test"), Ok(false));
    }

    #[test]
    fn a_start_that_takes_the_place_of_random_numbers_runs_again_in_each_instance() {
        let mut built = component(ComponentStart::Reseeds { numbers: 4 }, "", "");
        assert_eq!(take_snapshot(&mut built, "test"), Ok(true));
        assert_eq!(count(&built.bytes), 2);
    }

    #[test]
    fn a_component_that_was_built_elsewhere_stays_as_it_is() {
        let mut built = component(ComponentStart::OfInstance, "", "");
        let bytes = built.bytes.clone();
        assert_eq!(take_snapshot(&mut built, "test"), Ok(false));
        assert_eq!(built.bytes, bytes);
    }

    #[test]
    fn a_start_that_asks_for_what_differs_from_instance_to_instance_has_no_snapshot() {
        let random = r#"(import "wasi:random/random@0.2.0" (instance $host (export "get-random-u64" (func (result u64)))))
            (core func $ask (canon lower (func $host "get-random-u64")))"#;
        let time = r#"(import "wasi:clocks/wall-clock@0.2.0" (instance $host
                (type $time (record (field "seconds" u64) (field "nanoseconds" u32)))
                (export "datetime" (type $datetime (eq $time)))
                (export "now" (func (result $datetime)))))
            (core module $room (memory (export "memory") 1))
            (core instance $room (instantiate $room))
            (core func $now (canon lower (func $host "now") (memory $room "memory")))
            (core module $wrap (import "" "now" (func $now (param i32)))
                (func (export "ask") (result i64) (call $now (i32.const 0)) (i64.const 0)))
            (core instance $wrapped (instantiate $wrap (with "" (instance (export "now" (func $now))))))
            (alias core export $wrapped "ask" (core func $ask))"#;
        let service = r#"(import "test:a/b@0.1.0" (instance $host (export "call" (func (result u64)))))
            (core func $ask (canon lower (func $host "call")))"#;
        let ask = r#"(core module $asks (import "" "ask" (func $ask (result i64))) (func $start (drop (call $ask))) (start $start))
            (core instance (instantiate $asks (with "" (instance (export "ask" (func $ask))))))"#;
        let reason = |imports, start| take_snapshot(&mut component(start, imports, ask), "test").unwrap_err();
        let once = ComponentStart::Once;
        assert_eq!(reason(random, once), "the start draws random numbers");
        assert_eq!(reason(time, once), "the start reads the time");
        let refused = reason(service, once);
        assert!(refused.contains("test:a/b"), "{refused}");
        let mut reseeds = component(ComponentStart::Reseeds { numbers: 1 }, random, ask);
        assert_eq!(take_snapshot(&mut reseeds, "test"), Ok(true));
    }
}
