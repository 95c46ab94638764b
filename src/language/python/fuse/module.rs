//! One module of many that are linked: their functions call each other directly, and what they share is known when it is
//! compiled.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, ExportSection, FunctionSection,
    GlobalSection, ImportSection, MemorySection, Module, NameMap, NameSection, TableSection, TypeSection,
};
use wasmparser::{ExternalKind, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use crate::language::wasm_sections::export_kind;

/// A module that becomes a part of another.
pub(super) struct Part<'a> {
    /// The number of its instance in the component.
    pub(super) instance: u32,
    pub(super) module: &'a [u8],
    /// Where its imports come from, in their order.
    pub(super) imports: Vec<Source<'a>>,
}

/// Where an import comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source<'a> {
    /// An export of another part, by the number of its instance. That part comes before this one.
    Part(u32, &'a str),
    /// An export of an instance that is not a part.
    Instance(u32, &'a str),
    /// A function of the component itself, by its number.
    Function(u32),
}

impl Source<'_> {
    /// Returns the names by which the module of all parts imports it.
    pub(super) fn import_names(&self) -> (String, String) {
        match self {
            Source::Part(instance, name) | Source::Instance(instance, name) => {
                (instance.to_string(), (*name).to_owned())
            }
            Source::Function(index) => (FUNCTIONS.to_owned(), index.to_string()),
        }
    }
}

/// The name of the import with the component's own functions.
pub(super) const FUNCTIONS: &str = "functions";

/// Returns the name of an export of a part in the module of all parts.
pub(super) fn export_name(instance: u32, name: &str) -> String {
    format!("{instance}:{name}")
}

/// A module of all parts.
pub(super) struct FusedModule<'a> {
    pub(super) bytes: Vec<u8>,
    /// Its imports.
    pub(super) imports: Vec<Source<'a>>,
}

/// Joins parts to one module, which exports these exports of parts.
///
/// # Errors
/// If a part is not valid, has a start, or imports anything but functions from elsewhere than the other parts.
pub(super) fn fuse_modules<'a>(parts: &[Part<'a>], exports: &[(u32, &'a str)]) -> Result<FusedModule<'a>> {
    let contents = parts.iter().map(|part| PartContent::read(part.module)).collect::<Result<Vec<_>>>()?;
    let mut fused = Fused::default();
    let mut imports = Vec::new();
    let mut types = 0;
    let mut import_section = ImportSection::new();
    // Functions that are imported come before all others.
    for (part, content) in parts.iter().zip(&contents) {
        for (source, import) in part.imports.iter().zip(&content.imports) {
            if matches!(source, Source::Part(..)) || imports.contains(source) {
                continue;
            }
            let TypeRef::Func(ty) = import else { bail!("a part imports {import:?} of another instance") };
            let (module, name) = source.import_names();
            import_section.import(&module, &name, wasm_encoder::EntityType::Function(types + ty));
            imports.push(source.clone());
        }
        types += content.types;
    }
    fused.next_function = u32::try_from(imports.len())?;
    let mut indexes: Vec<PartIndexes> = Vec::new();
    for (part, content) in parts.iter().zip(&contents) {
        let added = fused.place(part, content, parts, &contents, &indexes, &imports)?;
        indexes.push(added);
    }

    let mut export_section = ExportSection::new();
    for (instance, name) in exports {
        let (kind, index) = find_export(parts, &contents, &indexes, *instance, name)?;
        export_section.export(&export_name(*instance, name), export_kind(kind), index);
    }
    let bytes = encode(parts, &mut indexes, &import_section, &export_section)?;
    Ok(FusedModule { bytes, imports })
}

/// The contents of a part, without its code.
#[derive(Default)]
struct PartContent<'a> {
    types: u32,
    imports: Vec<TypeRef>,
    functions: u32,
    tables: u32,
    memories: u32,
    /// For each global, the value if it never changes.
    globals: Vec<GlobalValue>,
    elements: u32,
    data: u32,
    exports: HashMap<&'a str, (ExternalKind, u32)>,
}

/// The value of a global.
#[derive(Clone, Copy)]
enum GlobalValue {
    Constant(i32),
    /// That of another global of the part, by its number.
    Other(u32),
    Unknown,
}

impl<'a> PartContent<'a> {
    fn read(module: &'a [u8]) -> Result<Self> {
        let mut content = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        content.types += u32::try_from(group?.types().len())?;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        content.imports.push(import?.ty);
                    }
                }
                Payload::FunctionSection(section) => content.functions = section.count(),
                Payload::TableSection(section) => content.tables = section.count(),
                Payload::MemorySection(section) => content.memories = section.count(),
                Payload::GlobalSection(section) => {
                    for global in section {
                        let global = global?;
                        let mut operators = global.init_expr.get_operators_reader();
                        let (value, end) = (operators.read()?, operators.read()?);
                        let value = match value {
                            Operator::I32Const { value } => GlobalValue::Constant(value),
                            Operator::GlobalGet { global_index } => GlobalValue::Other(global_index),
                            _ => GlobalValue::Unknown,
                        };
                        let is_known = !global.ty.mutable && matches!(end, Operator::End);
                        content.globals.push(if is_known { value } else { GlobalValue::Unknown });
                    }
                }
                Payload::ElementSection(section) => content.elements = section.count(),
                Payload::DataSection(section) => content.data = section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        content.exports.insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::StartSection { .. } => bail!("a part has a start"),
                Payload::TagSection(_) => bail!("a part has tags"),
                _ => {}
            }
        }
        Ok(content)
    }
}

/// The numbers of what a part has, in the module of all parts.
struct PartIndexes {
    types: u32,
    functions: Vec<u32>,
    /// How many of the functions are imported.
    imported_functions: usize,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    elements: u32,
    data: u32,
    /// The values of the part's globals that never change.
    constants: Vec<Option<i32>>,
}

/// The numbers that come next in the module of all parts.
#[derive(Default)]
struct Fused {
    types: u32,
    next_function: u32,
    tables: u32,
    memories: u32,
    globals: u32,
    elements: u32,
    data: u32,
}

impl Fused {
    /// Gives numbers to what a part has.
    fn place(
        &mut self,
        part: &Part<'_>,
        content: &PartContent<'_>,
        parts: &[Part<'_>],
        contents: &[PartContent<'_>],
        placed: &[PartIndexes],
        imports: &[Source<'_>],
    ) -> Result<PartIndexes> {
        let mut indexes = PartIndexes {
            types: take(&mut self.types, content.types).start,
            functions: Vec::new(),
            imported_functions: 0,
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            elements: take(&mut self.elements, content.elements).start,
            data: take(&mut self.data, content.data).start,
            constants: Vec::new(),
        };
        for (source, ty) in part.imports.iter().zip(&content.imports) {
            let (kind, index) = match source {
                Source::Part(instance, name) => find_export(parts, contents, placed, *instance, name)?,
                other => {
                    let index = imports.iter().position(|import| import == other).context("an import is not there")?;
                    (ExternalKind::Func, u32::try_from(index)?)
                }
            };
            match (ty, kind) {
                (TypeRef::Func(_), ExternalKind::Func) => indexes.functions.push(index),
                (TypeRef::Table(_), ExternalKind::Table) => indexes.tables.push(index),
                (TypeRef::Memory(_), ExternalKind::Memory) => indexes.memories.push(index),
                (TypeRef::Global(_), ExternalKind::Global) => {
                    indexes.globals.push(index);
                    indexes.constants.push(constant_of(placed, index));
                }
                _ => bail!("an import is of another kind than what it is given"),
            }
        }
        indexes.imported_functions = indexes.functions.len();
        indexes.functions.extend(take(&mut self.next_function, content.functions));
        indexes.tables.extend(take(&mut self.tables, content.tables));
        indexes.memories.extend(take(&mut self.memories, content.memories));
        indexes.globals.extend(take(&mut self.globals, u32::try_from(content.globals.len())?));
        for value in &content.globals {
            let value = match value {
                GlobalValue::Constant(value) => Some(*value),
                GlobalValue::Other(global) => indexes.constants.get(*global as usize).copied().flatten(),
                GlobalValue::Unknown => None,
            };
            indexes.constants.push(value);
        }
        Ok(indexes)
    }
}

/// Takes the next `count` numbers.
fn take(next: &mut u32, count: u32) -> std::ops::Range<u32> {
    let start = *next;
    *next += count;
    start..*next
}

/// Returns the value of a global of the module of all parts, if it never changes.
fn constant_of(placed: &[PartIndexes], global: u32) -> Option<i32> {
    placed.iter().find_map(|part| {
        // Imported ones have the number of the part that defines them, which comes first.
        let at = part.globals.iter().position(|index| *index == global)?;
        part.constants.get(at).copied()
    })?
}

/// Returns the kind of a part's export and its number in the module of all parts.
fn find_export(
    parts: &[Part<'_>],
    contents: &[PartContent<'_>],
    placed: &[PartIndexes],
    instance: u32,
    name: &str,
) -> Result<(ExternalKind, u32)> {
    let at = parts.iter().position(|part| part.instance == instance).context("a part is not there")?;
    let (content, indexes) = (contents.get(at), placed.get(at));
    let (content, indexes) = content.zip(indexes).context("a part imports from one that comes later")?;
    let (kind, index) = content.exports.get(name).with_context(|| format!("a part has no export `{name}`"))?;
    let numbers = match kind {
        ExternalKind::Func | ExternalKind::FuncExact => &indexes.functions,
        ExternalKind::Table => &indexes.tables,
        ExternalKind::Memory => &indexes.memories,
        ExternalKind::Global => &indexes.globals,
        ExternalKind::Tag => bail!("a part exports a tag"),
    };
    let number = numbers.get(*index as usize).context("an export has no number")?;
    Ok((if *kind == ExternalKind::FuncExact { ExternalKind::Func } else { *kind }, *number))
}

/// A number in a part that has nothing of that number.
#[derive(Debug, thiserror::Error)]
#[error("there is no {0} of number {1}")]
struct UnknownIndex(&'static str, u32);

type IndexResult = Result<u32, Error<UnknownIndex>>;

fn look_up(numbers: &[u32], what: &'static str, index: u32) -> IndexResult {
    numbers.get(index as usize).copied().ok_or(Error::UserError(UnknownIndex(what, index)))
}

impl Reencode for PartIndexes {
    type Error = UnknownIndex;

    fn type_index(&mut self, ty: u32) -> IndexResult {
        Ok(self.types + ty)
    }

    fn function_index(&mut self, function: u32) -> IndexResult {
        look_up(&self.functions, "function", function)
    }

    fn table_index(&mut self, table: u32) -> IndexResult {
        look_up(&self.tables, "table", table)
    }

    fn memory_index(&mut self, memory: u32) -> IndexResult {
        look_up(&self.memories, "memory", memory)
    }

    fn global_index(&mut self, global: u32) -> IndexResult {
        look_up(&self.globals, "global", global)
    }

    fn element_index(&mut self, element: u32) -> IndexResult {
        Ok(self.elements + element)
    }

    fn data_index(&mut self, data: u32) -> IndexResult {
        Ok(self.data + data)
    }

    /// With known values, where an engine would have to look them up when it makes an instance.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Error<UnknownIndex>> {
        let mut operators = expression.get_operators_reader();
        if let (Ok(Operator::GlobalGet { global_index }), Ok(Operator::End)) = (operators.read(), operators.read())
            && let Some(value) = self.constants.get(global_index as usize).copied().flatten()
        {
            return Ok(ConstExpr::i32_const(value));
        }
        utils::const_expr(self, expression)
    }
}

/// Writes the module of all parts.
fn encode(
    parts: &[Part<'_>],
    indexes: &mut [PartIndexes],
    imports: &ImportSection,
    exports: &ExportSection,
) -> Result<Vec<u8>> {
    let (mut types, mut functions, mut tables) = (TypeSection::new(), FunctionSection::new(), TableSection::new());
    let (mut memories, mut globals) = (MemorySection::new(), GlobalSection::new());
    let (mut elements, mut code, mut data) = (ElementSection::new(), CodeSection::new(), DataSection::new());
    let mut function_names = NameMap::new();
    for (part, indexes) in parts.iter().zip(indexes) {
        for payload in Parser::new(0).parse_all(part.module) {
            match payload? {
                Payload::TypeSection(section) => indexes.parse_type_section(&mut types, section)?,
                Payload::FunctionSection(section) => indexes.parse_function_section(&mut functions, section)?,
                Payload::TableSection(section) => indexes.parse_table_section(&mut tables, section)?,
                Payload::MemorySection(section) => indexes.parse_memory_section(&mut memories, section)?,
                Payload::GlobalSection(section) => indexes.parse_global_section(&mut globals, section)?,
                Payload::ElementSection(section) => indexes.parse_element_section(&mut elements, section)?,
                Payload::CodeSectionEntry(body) => indexes.parse_function_body(&mut code, body)?,
                Payload::DataSection(section) => indexes.parse_data_section(&mut data, section)?,
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(names) = section.as_known() {
                        let imported = indexes.imported_functions;
                        for name in names {
                            let Ok(Name::Function(map)) = name else { continue };
                            for naming in map.into_iter().flatten().filter(|naming| naming.index as usize >= imported) {
                                function_names.append(indexes.function_index(naming.index)?, naming.name);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let mut module = Module::new();
    module.section(&types).section(imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(exports).section(&elements);
    if data.len() > 0 {
        module.section(&DataCountSection { count: data.len() });
    }
    module.section(&code).section(&data);
    let mut names = NameSection::new();
    names.functions(&function_names);
    module.section(&names);
    Ok(module.finish())
}
