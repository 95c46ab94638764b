//! The linked modules of a component as one module.
//!
//! componentize-py links Python's runtime of libraries, each a module of its own that imports the memory, the table and
//! hundreds of addresses. For each instance an engine fills the table with some ten thousand functions and looks up each
//! import: a millisecond. In one module all of that is known when the module is compiled, and calls from one library to
//! another are direct.

mod module;

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result, bail};
use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentSectionId, ExportKind, InstanceSection,
    ModuleArg, RawSection,
};
use wasmparser::{
    BinaryReader, CanonicalFunction, ComponentAlias, ComponentAliasSectionReader, ComponentCanonicalSectionReader,
    ExternalKind, ImportSectionReader, InstanceSectionReader, TypeRef,
};

use crate::language::python::fuse::module::{FUNCTIONS, Part, Source, export_name, fuse_modules};
use crate::language::wasm_sections::{CORE_MODULE, IMPORTS, ModuleSections, export_kind, find_sections};

/// The ids of sections of a component that are written anew.
const INSTANCES: u8 = ComponentSectionId::CoreInstance as u8;
const ALIASES: u8 = ComponentSectionId::Alias as u8;
const CANONICAL: u8 = ComponentSectionId::CanonicalFunction as u8;

/// The custom section of a library, the first of its module.
const LIBRARY: &str = "dylink.0";

/// Returns the component with one module in place of its libraries and the modules that belong to them, or none if it has no
/// libraries.
///
/// # Errors
/// If the component has parts that this does not know.
pub(super) fn fuse_libraries(component: &[u8]) -> Result<Option<Vec<u8>>> {
    let core = Core::read(component)?;
    let parts = core.find_parts()?;
    if parts.is_empty() {
        return Ok(None);
    }
    let exports = core.exports_in_use(&parts);
    let built = parts.iter().map(|instance| core.part(*instance, &parts)).collect::<Result<Vec<_>>>()?;
    let fused = fuse_modules(&built, &exports)?;
    let mut writer = Writer::new(&core, parts, exports)?;
    writer.write(component, &fused.bytes, &fused.imports)?;
    Ok(Some(writer.component.finish()))
}

/// An instance of a module.
enum CoreInstance<'a> {
    Module { module: u32, args: Vec<(&'a str, u32)> },
    Exports(Vec<(&'a str, ExternalKind, u32)>),
}

/// A function, table, memory or global of a component.
#[derive(Clone, Copy)]
enum CoreItem<'a> {
    /// An export of an instance.
    Export(u32, &'a str),
    /// A function that the component makes.
    Own,
}

/// The modules of a component, and what they are linked by.
#[derive(Default)]
struct Core<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<CoreInstance<'a>>,
    functions: Vec<CoreItem<'a>>,
    tables: Vec<CoreItem<'a>>,
    memories: Vec<CoreItem<'a>>,
    globals: Vec<CoreItem<'a>>,
    /// The functions and memories that the component's own functions use.
    used: Vec<(ExternalKind, u32)>,
}

impl<'a> Core<'a> {
    fn read(component: &'a [u8]) -> Result<Self> {
        let mut core = Self::default();
        for (id, range) in find_sections(component)? {
            let content = component.get(range).unwrap_or_default();
            match id {
                CORE_MODULE => core.modules.push(content),
                INSTANCES => core.read_instances(content)?,
                ALIASES => {
                    for alias in ComponentAliasSectionReader::new(BinaryReader::new(content, 0))? {
                        if let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias? {
                            core.items_mut(kind)?.push(CoreItem::Export(instance_index, name));
                        }
                    }
                }
                CANONICAL => core.read_functions(content)?,
                _ => {}
            }
        }
        Ok(core)
    }

    fn read_instances(&mut self, content: &'a [u8]) -> Result<()> {
        for instance in InstanceSectionReader::new(BinaryReader::new(content, 0))? {
            self.instances.push(match instance? {
                wasmparser::Instance::Instantiate { module_index, args } => {
                    let args = args.iter().map(|arg| (arg.name, arg.index)).collect();
                    CoreInstance::Module { module: module_index, args }
                }
                wasmparser::Instance::FromExports(exports) => {
                    let exports = exports.iter().map(|export| (export.name, export.kind, export.index));
                    CoreInstance::Exports(exports.collect())
                }
            });
        }
        Ok(())
    }

    fn read_functions(&mut self, content: &'a [u8]) -> Result<()> {
        for function in ComponentCanonicalSectionReader::new(BinaryReader::new(content, 0))? {
            let options = match function? {
                CanonicalFunction::Lift { core_func_index, options, .. } => {
                    self.used.push((ExternalKind::Func, core_func_index));
                    options
                }
                CanonicalFunction::Lower { options, .. } => {
                    self.functions.push(CoreItem::Own);
                    options
                }
                CanonicalFunction::ResourceNew { .. }
                | CanonicalFunction::ResourceDrop { .. }
                | CanonicalFunction::ResourceRep { .. } => {
                    self.functions.push(CoreItem::Own);
                    continue;
                }
                other => bail!("a function of another kind: {other:?}"),
            };
            for option in &options {
                match option {
                    wasmparser::CanonicalOption::Memory(index) => self.used.push((ExternalKind::Memory, *index)),
                    wasmparser::CanonicalOption::Realloc(index) | wasmparser::CanonicalOption::PostReturn(index) => {
                        self.used.push((ExternalKind::Func, *index));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn items_mut(&mut self, kind: ExternalKind) -> Result<&mut Vec<CoreItem<'a>>> {
        Ok(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &mut self.functions,
            ExternalKind::Table => &mut self.tables,
            ExternalKind::Memory => &mut self.memories,
            ExternalKind::Global => &mut self.globals,
            ExternalKind::Tag => bail!("a tag"),
        })
    }

    fn item(&self, kind: ExternalKind, index: u32) -> Option<CoreItem<'a>> {
        let items = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            ExternalKind::Tag => return None,
        };
        items.get(index as usize).copied()
    }

    /// Returns the imports of an instance's module, each with where it comes from.
    /// The first value tells whether it is a function.
    fn sources(&self, instance: u32) -> Result<Vec<(bool, Source<'a>)>> {
        let Some(CoreInstance::Module { module, args }) = self.instances.get(instance as usize) else {
            return Ok(Vec::new());
        };
        let module = ModuleSections::read(self.modules.get(*module as usize).context("no such module")?)?;
        if !module.has(IMPORTS) {
            return Ok(Vec::new());
        }
        let mut sources = Vec::new();
        for import in ImportSectionReader::new(module.reader(IMPORTS))?.into_imports() {
            let import = import?;
            let is_function = matches!(import.ty, TypeRef::Func(_));
            let arg = args.iter().find(|(name, _)| *name == import.module).context("an import is given nothing")?;
            let source = match self.instances.get(arg.1 as usize).context("no such instance")? {
                CoreInstance::Module { .. } => Source::Instance(arg.1, import.name),
                CoreInstance::Exports(exports) => {
                    let export = exports.iter().find(|(name, ..)| *name == import.name);
                    let (_, kind, index) =
                        export.with_context(|| format!("nothing for the import `{}`", import.name))?;
                    match self.item(*kind, *index).context("no such item")? {
                        CoreItem::Export(instance, name) => Source::Instance(instance, name),
                        CoreItem::Own => Source::Function(*index),
                    }
                }
            };
            sources.push((is_function, source));
        }
        Ok(sources)
    }

    fn is_library(&self, instance: u32) -> bool {
        let Some(CoreInstance::Module { module, .. }) = self.instances.get(instance as usize) else { return false };
        let sections = self.modules.get(*module as usize).and_then(|module| ModuleSections::read(module).ok());
        let first = sections.and_then(|sections| sections.iter().next());
        first.is_some_and(|(id, content)| {
            id == 0 && BinaryReader::new(content, 0).read_string().is_ok_and(|name| name == LIBRARY)
        })
    }

    /// Finds the instances that become one: those of libraries, those that give them more than functions, and those that
    /// need one of these and come before the last library or need nothing else.
    fn find_parts(&self) -> Result<Vec<u32>> {
        let all = 0..u32::try_from(self.instances.len())?;
        let mut parts: HashSet<u32> = all.clone().filter(|instance| self.is_library(*instance)).collect();
        let Some(last) = parts.iter().max().copied() else { return Ok(Vec::new()) };
        loop {
            let before = parts.len();
            for instance in all.clone() {
                let sources = self.sources(instance)?;
                let giver = |source: &Source<'a>| match source {
                    Source::Instance(giver, _) => Some(*giver),
                    _ => None,
                };
                if parts.contains(&instance) {
                    let shared = sources.iter().filter(|(is_function, _)| !is_function);
                    parts.extend(shared.filter_map(|(_, source)| giver(source)));
                    continue;
                }
                let of_parts =
                    sources.iter().filter(|(_, source)| giver(source).is_some_and(|giver| parts.contains(&giver)));
                let count = of_parts.count();
                if count > 0 && (instance < last || count == sources.len()) {
                    parts.insert(instance);
                }
            }
            if parts.len() == before {
                break;
            }
        }
        let mut parts: Vec<_> = parts.into_iter().collect();
        parts.sort_unstable();
        Ok(parts)
    }

    /// Returns what becomes a part.
    fn part(&self, instance: u32, parts: &[u32]) -> Result<Part<'a>> {
        let Some(CoreInstance::Module { module, .. }) = self.instances.get(instance as usize) else {
            bail!("a part has no module");
        };
        let module = self.modules.get(*module as usize).context("no such module")?;
        let imports = self.sources(instance)?.into_iter().map(|(_, source)| match source {
            Source::Instance(giver, name) if parts.contains(&giver) => Source::Part(giver, name),
            other => other,
        });
        Ok(Part { instance, module, imports: imports.collect() })
    }

    /// Whether an instance is made of exports, and only for parts.
    fn is_for_parts(&self, instance: u32, parts: &[u32]) -> bool {
        let is_user = |user: &CoreInstance<'_>| match user {
            CoreInstance::Module { args, .. } => args.iter().any(|(_, arg)| *arg == instance),
            CoreInstance::Exports(_) => false,
        };
        matches!(self.instances.get(instance as usize), Some(CoreInstance::Exports(_)))
            && self.instances.iter().zip(0..).all(|(user, number)| parts.contains(&number) || !is_user(user))
    }

    /// Returns the exports of parts that others use.
    fn exports_in_use(&self, parts: &[u32]) -> Vec<(u32, &'a str)> {
        let mut used = self.used.clone();
        for (instance, number) in self.instances.iter().zip(0..) {
            if let CoreInstance::Exports(exports) = instance
                && !self.is_for_parts(number, parts)
            {
                used.extend(exports.iter().map(|(_, kind, index)| (*kind, *index)));
            }
        }
        let mut exports = Vec::new();
        for (kind, index) in used {
            if let Some(CoreItem::Export(instance, name)) = self.item(kind, index)
                && parts.contains(&instance)
                && !exports.contains(&(instance, name))
            {
                exports.push((instance, name));
            }
        }
        exports
    }
}

/// The numbers of a kind of item in the new component, by their old ones; none for those that are not there (yet).
#[derive(Default)]
struct Numbers {
    new: Vec<Option<u32>>,
    count: u32,
}

impl Numbers {
    fn keep(&mut self) {
        self.new.push(Some(self.count));
        self.count += 1;
    }

    fn leave_out(&mut self) {
        self.new.push(None);
    }

    fn get(&self, old: u32) -> Option<u32> {
        self.new.get(old as usize).copied().flatten()
    }
}

/// Writes the new component.
struct Writer<'c, 'a> {
    core: &'c Core<'a>,
    parts: Vec<u32>,
    exports: Vec<(u32, &'a str)>,
    /// The part in whose place the new instance is: the last one that others depend on.
    place: u32,
    /// The new numbers of the exports of parts, once the module of all parts is there.
    fused_exports: HashMap<(u32, &'a str), u32>,
    component: Component,
    modules: Numbers,
    instances: Numbers,
    functions: Numbers,
    tables: Numbers,
    memories: Numbers,
    globals: Numbers,
}

impl<'c, 'a> Writer<'c, 'a> {
    fn new(core: &'c Core<'a>, parts: Vec<u32>, exports: Vec<(u32, &'a str)>) -> Result<Self> {
        let place = parts.iter().rev().find(|part| core.is_library(**part)).copied().context("no library")?;
        Ok(Self {
            core,
            parts,
            exports,
            place,
            fused_exports: HashMap::new(),
            component: Component::new(),
            modules: Numbers::default(),
            instances: Numbers::default(),
            functions: Numbers::default(),
            tables: Numbers::default(),
            memories: Numbers::default(),
            globals: Numbers::default(),
        })
    }

    fn write(&mut self, component: &'a [u8], fused: &[u8], imports: &[Source<'a>]) -> Result<()> {
        let modules_of_parts: HashSet<u32> = self.parts.iter().filter_map(|part| self.module_of(*part)).collect();
        for (id, range) in find_sections(component)? {
            let content = component.get(range).unwrap_or_default();
            match id {
                CORE_MODULE => {
                    let number = u32::try_from(self.modules.new.len())?;
                    if modules_of_parts.contains(&number) {
                        self.modules.leave_out();
                    } else {
                        self.modules.keep();
                        self.component.section(&RawSection { id, data: content });
                    }
                }
                INSTANCES => {
                    let count = InstanceSectionReader::new(BinaryReader::new(content, 0))?.count();
                    for _ in 0..count {
                        self.write_instance(fused, imports)?;
                    }
                }
                ALIASES => self.write_aliases(content)?,
                CANONICAL => {
                    for function in ComponentCanonicalSectionReader::new(BinaryReader::new(content, 0))? {
                        let function = function?;
                        let is_own = !matches!(function, CanonicalFunction::Lift { .. });
                        let mut section = CanonicalFunctionSection::new();
                        self.parse_component_canonical(&mut section, function)?;
                        self.component.section(&section);
                        if is_own {
                            self.functions.keep();
                        }
                    }
                }
                id => {
                    self.component.section(&RawSection { id, data: content });
                }
            }
        }
        Ok(())
    }

    fn module_of(&self, instance: u32) -> Option<u32> {
        match self.core.instances.get(instance as usize)? {
            CoreInstance::Module { module, .. } => Some(*module),
            CoreInstance::Exports(_) => None,
        }
    }

    /// Writes the next instance, or leaves it out.
    fn write_instance(&mut self, fused: &[u8], imports: &[Source<'a>]) -> Result<()> {
        let number = u32::try_from(self.instances.new.len())?;
        if self.parts.contains(&number) {
            if number == self.place {
                self.write_fused(fused, imports)?;
            }
            self.instances.leave_out();
            return Ok(());
        }
        if self.core.is_for_parts(number, &self.parts) {
            self.instances.leave_out();
            return Ok(());
        }
        let mut section = InstanceSection::new();
        match self.core.instances.get(number as usize).context("no such instance")? {
            CoreInstance::Module { module, args } => {
                let args = args.iter().map(|(name, arg)| {
                    Ok((*name, ModuleArg::Instance(self.instances.get(*arg).context("an instance needs a part")?)))
                });
                let args = args.collect::<Result<Vec<_>>>()?;
                section.instantiate(self.modules.get(*module).context("no such module")?, args);
            }
            CoreInstance::Exports(exports) => {
                let exports = exports.iter().map(|(name, kind, index)| {
                    let index = self.numbers(*kind)?.get(*index).context("what an instance exports comes later")?;
                    Ok((*name, export_kind(*kind), index))
                });
                section.export_items(exports.collect::<Result<Vec<_>>>()?);
            }
        }
        self.component.section(&section);
        self.instances.keep();
        Ok(())
    }

    /// Writes the module of all parts, its instance, and aliases of its exports.
    fn write_fused(&mut self, fused: &[u8], imports: &[Source<'a>]) -> Result<()> {
        self.component.section(&RawSection { id: CORE_MODULE, data: fused });
        let module = self.modules.count;
        self.modules.count += 1;

        let (mut functions, mut givers) = (Vec::new(), Vec::new());
        for source in imports {
            let (_, name) = source.import_names();
            match source {
                Source::Function(index) => {
                    let index = self.functions.get(*index).context("a function comes later than the parts")?;
                    functions.push((name, ExportKind::Func, index));
                }
                Source::Instance(giver, _) => {
                    let arg = self.instances.get(*giver).context("an instance comes later than the parts")?;
                    givers.push((giver.to_string(), ModuleArg::Instance(arg)));
                }
                Source::Part(..) => bail!("a part is imported"),
            }
        }
        givers.sort_by(|a, b| a.0.cmp(&b.0));
        givers.dedup_by(|a, b| a.0 == b.0);
        let mut section = InstanceSection::new();
        section.export_items(functions);
        let functions = ModuleArg::Instance(self.instances.count);
        let args = givers.iter().map(|(name, arg)| (name.as_str(), *arg)).chain([(FUNCTIONS, functions)]);
        section.instantiate(module, args.collect::<Vec<_>>());
        self.component.section(&section);
        let instance = self.instances.count + 1;
        self.instances.count += 2;

        let mut aliases = ComponentAliasSection::new();
        for (part, name) in self.exports.clone() {
            let old_numbers = self.old_numbers(part, name);
            let (kind, _) = old_numbers.first().copied().context("an export that nothing uses")?;
            let numbers = self.numbers_mut(kind)?;
            let new = numbers.count;
            numbers.count += 1;
            // Those that come later are known then.
            for (_, old) in old_numbers {
                if let Some(number) = numbers.new.get_mut(old as usize) {
                    *number = Some(new);
                }
            }
            self.fused_exports.insert((part, name), new);
            let name = export_name(part, name);
            aliases.alias(Alias::CoreInstanceExport { instance, kind: export_kind(kind), name: &name });
        }
        self.component.section(&aliases);
        Ok(())
    }

    /// Returns the old numbers of the aliases of a part's export.
    fn old_numbers(&self, part: u32, name: &str) -> Vec<(ExternalKind, u32)> {
        let core = self.core;
        let lists = [
            (ExternalKind::Func, &core.functions),
            (ExternalKind::Table, &core.tables),
            (ExternalKind::Memory, &core.memories),
            (ExternalKind::Global, &core.globals),
        ];
        let is_it = |item: &CoreItem<'_>| matches!(item, CoreItem::Export(instance, found) if *instance == part && *found == name);
        let numbers = lists.into_iter().flat_map(|(kind, items)| {
            items
                .iter()
                .zip(0..)
                .filter(|(item, _)| is_it(item))
                .map(move |(_, number)| (kind, number))
                .collect::<Vec<_>>()
        });
        numbers.collect()
    }

    fn write_aliases(&mut self, content: &'a [u8]) -> Result<()> {
        for alias in ComponentAliasSectionReader::new(BinaryReader::new(content, 0))? {
            let alias = alias?;
            if let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias {
                if self.parts.contains(&instance_index) {
                    let known = self.fused_exports.get(&(instance_index, name)).copied();
                    self.numbers_mut(kind)?.new.push(known);
                    continue;
                }
                let instance =
                    self.instances.get(instance_index).context("an alias of an instance that is not there")?;
                let mut section = ComponentAliasSection::new();
                section.alias(Alias::CoreInstanceExport { instance, kind: export_kind(kind), name });
                self.component.section(&section);
                self.numbers_mut(kind)?.keep();
                continue;
            }
            let mut section = ComponentAliasSection::new();
            section.alias(self.component_alias(alias)?);
            self.component.section(&section);
        }
        Ok(())
    }

    fn numbers(&self, kind: ExternalKind) -> Result<&Numbers> {
        Ok(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            ExternalKind::Tag => bail!("a tag"),
        })
    }

    fn numbers_mut(&mut self, kind: ExternalKind) -> Result<&mut Numbers> {
        Ok(match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &mut self.functions,
            ExternalKind::Table => &mut self.tables,
            ExternalKind::Memory => &mut self.memories,
            ExternalKind::Global => &mut self.globals,
            ExternalKind::Tag => bail!("a tag"),
        })
    }
}

/// A function or memory of a part that is used before the parts are there.
#[derive(Debug, thiserror::Error)]
#[error("something needs the libraries before they are there")]
struct TooEarly;

impl Reencode for Writer<'_, '_> {
    type Error = TooEarly;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<TooEarly>> {
        self.functions.get(function).ok_or(Error::UserError(TooEarly))
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, Error<TooEarly>> {
        self.memories.get(memory).ok_or(Error::UserError(TooEarly))
    }
}

impl ReencodeComponent for Writer<'_, '_> {}
