//! The sections of a WebAssembly module or component, for patches of what toolchains build.

use std::ops::Range;

use wasm_encoder::ExportKind;
use wasmparser::{BinaryReader, BinaryReaderError, ExternalKind};

/// The ids of sections of a module: WebAssembly, section 5.5.2.
pub(crate) const TYPES: u8 = 1;
pub(crate) const IMPORTS: u8 = 2;
pub(crate) const FUNCTIONS: u8 = 3;
pub(crate) const EXPORTS: u8 = 7;
pub(crate) const CODE: u8 = 10;

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
