//! Exports with more parameters than Go takes. Go's compiler allows 128 bytes of parameters and result for a function that
//! the host calls (`StackSmall`), and the canonical ABI passes up to sixteen flat values, each of up to eight bytes.
//!
//! The bindings declare an address as eight bytes where four would do, so [`narrow_exports`] rewrites them. A function that
//! is too large even so becomes one without parameters that reads them from an array, and [`add_wrappers`] adds the
//! function to Go's module that the host calls: it stores its parameters in the array and calls the other.

use std::fmt::Write as _;

use wasm_encoder::{
    Encode as _, ExportKind, ExportSection, Function, Instruction, MemArg, Module, RawSection, ValType,
};
use wasmparser::BinaryReaderError;

use crate::language::wasm_sections::{
    CODE, EXPORTS, FUNCTIONS, ModuleSections, TYPES, encode_function_types, export_kind,
};

/// The most bytes of parameters and result of a function that Go exports.
const MAX_BYTES: usize = 128;

/// The prefix of exports that read their parameters from the array. The letters of their types follow, then `:` and the name
/// that the host calls.
const WIDE: &str = "okra-wide-";

/// The export that returns the address of the array.
const ARRAY: &str = "okra-wide";

/// The bytes of one parameter in the array.
const SLOT: u64 = 8;

/// A parameter of an exported function of the bindings.
struct GoParam<'a> {
    name: &'a str,
    go_type: &'a str,
}

impl GoParam<'_> {
    /// Returns the type in the rewritten function, its bytes, and its letter.
    fn narrow(&self) -> (&str, usize, char) {
        match self.go_type {
            "uintptr" => ("uint32", 4, 'i'),
            "int64" | "uint64" => (self.go_type, 8, 'l'),
            "float64" => (self.go_type, 8, 'd'),
            "float32" => (self.go_type, 4, 'f'),
            _ => (self.go_type, 4, 'i'),
        }
    }
}

/// Rewrites the exported functions of a file of the bindings so that Go takes their parameters.
pub(super) fn narrow_exports(text: &str) -> String {
    let mut narrowed = String::with_capacity(text.len());
    let mut has_wide = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let export = line.strip_prefix("//go:wasmexport ");
        let signature = export.and_then(|_| lines.next());
        match (export, signature, signature.and_then(split_signature)) {
            (Some(export), _, Some((function, params, result))) => {
                has_wide |= write_function(&mut narrowed, export, function, &params, result);
            }
            (_, signature, _) => {
                narrowed += line;
                narrowed.push('\n');
                narrowed.extend(signature.into_iter().flat_map(|signature| [signature, "\n"]));
            }
        }
    }
    if has_wide {
        let _ = write!(
            narrowed,
            "\nvar okraWide [16]uint64\n\n//go:wasmexport {ARRAY}\nfunc okraWideAddress() uint32 {{\n\
             \treturn uint32(uintptr(unsafe.Pointer(&okraWide)))\n}}\n"
        );
    }
    narrowed
}

/// Splits `func NAME(a T, b U) R {` into the name, the parameters and the result.
fn split_signature(line: &str) -> Option<(&str, Vec<GoParam<'_>>, &str)> {
    let (function, rest) = line.strip_prefix("func ")?.split_once('(')?;
    let (params, result) = rest.strip_suffix('{')?.split_once(')')?;
    let params = params.split(',').map(str::trim).filter(|param| !param.is_empty());
    let params = params.map(|param| param.split_once(' ').map(|(name, go_type)| GoParam { name, go_type }));
    Some((function, params.collect::<Option<_>>()?, result.trim()))
}

/// Writes the head of an exported function. Returns whether it reads its parameters from the array.
fn write_function(text: &mut String, export: &str, function: &str, params: &[GoParam<'_>], result: &str) -> bool {
    let align = |offset: usize, bytes: usize| offset.next_multiple_of(bytes);
    let bytes = params.iter().map(|param| param.narrow().1).fold(0, |end, bytes| align(end, bytes) + bytes);
    let result_bytes = if result.is_empty() { 0 } else { 8 };
    let is_wide = align(bytes, 8) + result_bytes > MAX_BYTES;
    let mut body = String::new();
    for (index, param) in params.iter().enumerate() {
        let (name, (narrow, ..)) = (param.name, param.narrow());
        if is_wide {
            let _ = writeln!(body, "\t{name} := {}(*(*{narrow})(unsafe.Pointer(&okraWide[{index}])))", param.go_type);
        } else if narrow != param.go_type {
            let _ = writeln!(body, "\t{name} := {}({name}Narrow)", param.go_type);
        } else {
            continue;
        }
        let _ = writeln!(body, "\t_ = {name}");
    }
    let (export, declared) = if is_wide {
        let letters: String = params.iter().map(|param| param.narrow().2).collect();
        (format!("{WIDE}{letters}:{export}"), String::new())
    } else {
        let declare = |param: &GoParam<'_>| match param.narrow().0 {
            narrow if narrow != param.go_type => format!("{}Narrow {narrow}", param.name),
            same => format!("{} {same}", param.name),
        };
        (export.to_owned(), params.iter().map(declare).collect::<Vec<_>>().join(", "))
    };
    let _ = write!(text, "//go:wasmexport {export}\nfunc {function}({declared}) {result} {{\n{body}");
    is_wide
}

/// An export that reads its parameters from the array.
struct WideExport<'a> {
    /// The name that the host calls.
    name: &'a str,
    params: Vec<ValType>,
    /// The function without parameters.
    inner: u32,
}

/// Returns the module with a function for each export that reads its parameters from the array.
///
/// # Errors
/// If the module is not valid.
pub(super) fn add_wrappers(module: Vec<u8>) -> Result<Vec<u8>, BinaryReaderError> {
    let sections = ModuleSections::read(&module)?;
    let exports = sections.exports()?;
    let Some(array) = exports.iter().find(|export| export.name == ARRAY).map(|export| export.index) else {
        return Ok(module);
    };
    let wide: Vec<_> = exports.iter().filter_map(|export| wide_export(export.name, export.index)).collect();
    let function_types = sections.function_types()?;
    let first_function = sections.imported_function_count()? + function_types.len() as u32;
    // Go's types are in no groups, so that their number is the next index.
    let first_type = sections.reader(TYPES).read_var_u32()?;

    let mut wrapped = Module::new();
    for (id, content) in sections.iter() {
        match id {
            TYPES => {
                let data = append_types(&sections, &wide)?;
                wrapped.section(&RawSection { id, data: &data });
            }
            FUNCTIONS => {
                let added = (first_type..).take(wide.len());
                wrapped.section(&encode_function_types(function_types.iter().copied().chain(added)));
            }
            EXPORTS => {
                let mut section = ExportSection::new();
                for export in &exports {
                    if export.name != ARRAY && wide_export(export.name, 0).is_none() {
                        section.export(export.name, export_kind(export.kind), export.index);
                    }
                }
                for (export, index) in wide.iter().zip(first_function..) {
                    section.export(export.name, ExportKind::Func, index);
                }
                wrapped.section(&section);
            }
            CODE => {
                wrapped.section(&sections.append_code(wide.iter().map(|export| wrapper(export, array)))?);
            }
            id => {
                wrapped.section(&RawSection { id, data: content });
            }
        }
    }
    Ok(wrapped.finish())
}

/// Returns the content of the type section with the types of the wrappers behind the others.
fn append_types(sections: &ModuleSections<'_>, wide: &[WideExport<'_>]) -> Result<Vec<u8>, BinaryReaderError> {
    /// The form of a function type: WebAssembly, section 5.3.6.
    const FUNCTION: u8 = 0x60;
    let mut reader = sections.reader(TYPES);
    let mut content = Vec::new();
    (reader.read_var_u32()? as usize + wide.len()).encode(&mut content);
    content.extend_from_slice(reader.read_bytes(reader.bytes_remaining())?);
    for export in wide {
        content.push(FUNCTION);
        export.params.as_slice().encode(&mut content);
        [ValType::I32].as_slice().encode(&mut content);
    }
    Ok(content)
}

/// Returns the function that the host calls: it stores its parameters in the array and calls the function that reads them.
fn wrapper(export: &WideExport<'_>, array: u32) -> Function {
    let address = export.params.len() as u32;
    let mut function = Function::new([(1, ValType::I32)]);
    function.instruction(&Instruction::Call(array));
    function.instruction(&Instruction::LocalSet(address));
    for ((index, param), offset) in export.params.iter().enumerate().zip((0..).step_by(SLOT as usize)) {
        let place = |align| MemArg { offset, align, memory_index: 0 };
        function.instruction(&Instruction::LocalGet(address));
        function.instruction(&Instruction::LocalGet(index as u32));
        function.instruction(&match param {
            ValType::I64 => Instruction::I64Store(place(3)),
            ValType::F64 => Instruction::F64Store(place(3)),
            ValType::F32 => Instruction::F32Store(place(2)),
            _ => Instruction::I32Store(place(2)),
        });
    }
    function.instruction(&Instruction::Call(export.inner));
    function.instruction(&Instruction::End);
    function
}

/// Reads the name of an export that takes its parameters from the array; `None` for another export.
fn wide_export(name: &str, inner: u32) -> Option<WideExport<'_>> {
    let (letters, name) = name.strip_prefix(WIDE)?.split_once(':')?;
    let params = letters.chars().map(|letter| match letter {
        'l' => ValType::I64,
        'd' => ValType::F64,
        'f' => ValType::F32,
        _ => ValType::I32,
    });
    Some(WideExport { name, params: params.collect(), inner })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_declared_with_four_bytes() {
        let text = "//go:wasmexport a#b\nfunc f(arg0 uintptr, arg1 int64) uintptr {\n\treturn arg0\n}\n";
        let expected = "//go:wasmexport a#b\nfunc f(arg0Narrow uint32, arg1 int64) uintptr {\n\targ0 := uintptr(arg0Narrow)\n\t_ = \
                        arg0\n\treturn arg0\n}\n";
        assert_eq!(narrow_exports(text), expected);
    }

    #[test]
    fn a_function_that_is_too_large_reads_its_parameters_from_the_array() {
        let function = |types: &[&str]| {
            let params: Vec<_> = types.iter().enumerate().map(|(index, ty)| format!("arg{index} {ty}")).collect();
            narrow_exports(&format!("//go:wasmexport a#b\nfunc f({}) uintptr {{\n}}\n", params.join(", ")))
        };
        // With the result, fifteen values of eight bytes are 128 bytes.
        assert!(function(&["int64"; 15]).starts_with("//go:wasmexport a#b\nfunc f(arg0 int64, "));
        let wide = function(&["float64"; 16]);
        assert!(wide.starts_with("//go:wasmexport okra-wide-dddddddddddddddd:a#b\nfunc f() uintptr {\n"), "{wide}");
        assert!(wide.contains("arg15 := float64(*(*float64)(unsafe.Pointer(&okraWide[15])))"), "{wide}");
        assert!(wide.contains("//go:wasmexport okra-wide\n"), "{wide}");
        assert!(function(&["uintptr"; 16]).starts_with("//go:wasmexport a#b\nfunc f(arg0Narrow uint32, "));
    }

    #[test]
    fn other_functions_stay_as_they_are() {
        let text = "package p\n\nfunc g(a int) {}\n//go:wasmexport cabi_realloc\nfunc h(oldPtr *byte) {\n}\n";
        assert!(narrow_exports(text).contains("func h(oldPtr *byte)"), "{}", narrow_exports(text));
    }
}
