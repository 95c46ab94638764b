//! The sections of a WebAssembly module or component, for patches of what toolchains build.

use std::ops::Range;

use wasm_encoder::{CodeSection, ExportKind, Function, FunctionSection};
use wasmparser::{
    BinaryReader, BinaryReaderError, Export, ExportSectionReader, ExternalKind, FunctionSectionReader,
    ImportSectionReader, TypeRef,
};

/// The ids of sections of a module: WebAssembly, section 5.5.2.
pub(crate) const TYPES: u8 = 1;
pub(crate) const IMPORTS: u8 = 2;
pub(crate) const FUNCTIONS: u8 = 3;
pub(crate) const GLOBALS: u8 = 6;
pub(crate) const EXPORTS: u8 = 7;
pub(crate) const START: u8 = 8;
pub(crate) const ELEMENTS: u8 = 9;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;
pub(crate) const DATA_COUNT: u8 = 12;

/// The id of the sections of a component that are modules.
pub(crate) const CORE_MODULE: u8 = 1;

/// Returns the ids of the sections of a module or component, and the ranges of their contents.
///
/// # Errors
/// If the binary is cut off.
pub(crate) fn find_sections(binary: &[u8]) -> Result<Vec<(u8, Range<usize>)>, BinaryReaderError> {
    let mut reader = BinaryReader::new(binary.get(8..).unwrap_or_default(), 8);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()? as usize;
        let start = reader.original_position() as usize;
        reader.read_bytes(length)?;
        sections.push((id, start..start + length));
    }
    Ok(sections)
}

/// The sections of one module.
pub(crate) struct ModuleSections<'a> {
    module: &'a [u8],
    sections: Vec<(u8, Range<usize>)>,
}

impl<'a> ModuleSections<'a> {
    /// Finds the sections of a module.
    ///
    /// # Errors
    /// If the module is cut off.
    pub(crate) fn read(module: &'a [u8]) -> Result<Self, BinaryReaderError> {
        Ok(Self { module, sections: find_sections(module)? })
    }

    /// Iterates over the ids and contents of the sections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        self.sections.iter().map(|(id, range)| (*id, self.module.get(range.clone()).unwrap_or_default()))
    }

    /// Whether the module has a section.
    pub(crate) fn has(&self, wanted: u8) -> bool {
        self.sections.iter().any(|(id, _)| *id == wanted)
    }

    /// Returns a reader of the content of a section, which is empty if the module does not have it.
    pub(crate) fn reader(&self, wanted: u8) -> BinaryReader<'a> {
        let range = self.sections.iter().find(|(id, _)| *id == wanted).map(|(_, range)| range.clone());
        let range = range.unwrap_or_default();
        BinaryReader::new(self.module.get(range.clone()).unwrap_or_default(), range.start as u64)
    }

    /// Returns the exports.
    ///
    /// # Errors
    /// If the module has no valid section of exports.
    pub(crate) fn exports(&self) -> Result<Vec<Export<'a>>, BinaryReaderError> {
        ExportSectionReader::new(self.reader(EXPORTS))?.into_iter().collect()
    }

    /// Returns the number of imported functions, which is the index of the first function of the module itself.
    ///
    /// # Errors
    /// If the section of imports is not valid.
    pub(crate) fn imported_function_count(&self) -> Result<u32, BinaryReaderError> {
        if !self.has(IMPORTS) {
            return Ok(0);
        }
        let imports = ImportSectionReader::new(self.reader(IMPORTS))?.into_imports();
        let imports = imports.collect::<Result<Vec<_>, _>>()?;
        Ok(imports.iter().filter(|import| matches!(import.ty, TypeRef::Func(_))).count() as u32)
    }

    /// Returns the type of each function of the module itself.
    ///
    /// # Errors
    /// If the module has no valid section of functions.
    pub(crate) fn function_types(&self) -> Result<Vec<u32>, BinaryReaderError> {
        FunctionSectionReader::new(self.reader(FUNCTIONS))?.into_iter().collect()
    }

    /// Returns the section of code with more functions behind those of the module.
    ///
    /// # Errors
    /// If the module has no valid section of code.
    pub(crate) fn append_code(
        &self,
        functions: impl IntoIterator<Item = Function>,
    ) -> Result<CodeSection, BinaryReaderError> {
        let mut section = CodeSection::new();
        let mut bodies = self.reader(CODE);
        for _ in 0..bodies.read_var_u32()? {
            let length = bodies.read_var_u32()? as usize;
            section.raw(bodies.read_bytes(length)?);
        }
        for function in functions {
            section.function(&function);
        }
        Ok(section)
    }
}

/// Returns a section of functions of these types.
pub(crate) fn encode_function_types(types: impl IntoIterator<Item = u32>) -> FunctionSection {
    let mut section = FunctionSection::new();
    for ty in types {
        section.function(ty);
    }
    section
}

/// Returns the kind of an export, for writing it again.
pub(crate) fn export_kind(kind: ExternalKind) -> ExportKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
    }
}
