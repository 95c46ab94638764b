//! The types that annotations of a module name, and what it imports for them.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, Path, module};
use crate::schema::{Cardinality, Field, JsonKind, Kind, Scalar, Schema};

/// What is used in the module of a package.
pub(super) struct Types<'a> {
    pub(super) schema: &'a Schema,
    pub(super) names: &'a Names,
    pub(super) package: usize,
    /// Names that are used of modules: `abc` has `` itself, `dataclasses` has `dataclass`.
    used: BTreeMap<&'static str, BTreeSet<&'static str>>,
    foreign: BTreeSet<usize>,
    /// Classes that cannot be named where something else has their name, by the names that they get at the module's end.
    aliases: BTreeMap<String, String>,
}

impl<'a> Types<'a> {
    pub(super) fn new(schema: &'a Schema, names: &'a Names, package: usize) -> Self {
        let (used, foreign, aliases) = Default::default();
        Self { schema, names, package, used, foreign, aliases }
    }

    /// A module that is imported as a whole.
    pub(super) fn whole(&mut self, module: &'static str) -> String {
        self.used.entry(module).or_default().insert("");
        self.names.import(self.package, module)
    }

    /// A name of another module.
    pub(super) fn from(&mut self, module: &'static str, name: &'static str) -> String {
        self.used.entry(module).or_default().insert(name);
        self.names.import(self.package, name)
    }

    /// A type or function that Python has everywhere, unless the module has something of its name.
    pub(super) fn builtin(&mut self, name: &'static str) -> String {
        if self.names.import(self.package, name) == name {
            return name.to_owned();
        }
        format!("{}.{name}", self.whole("builtins"))
    }

    /// A class, seen from within a class whose own names are `scope`.
    pub(super) fn class(&mut self, path: &Path, scope: &BTreeSet<&str>) -> String {
        match path {
            Path::Sdk(name) => format!("{}.{name}", self.whole("okra")),
            Path::In { package, classes } if *package == self.package => {
                let is_hidden = classes.first().is_some_and(|first| scope.contains(first.as_str()));
                if !is_hidden {
                    return classes.join(".");
                }
                let alias = self.names.import(self.package, &format!("_{}", classes.join("_")));
                self.aliases.insert(alias.clone(), classes.join("."));
                alias
            }
            Path::In { package, classes } => {
                self.foreign.insert(*package);
                format!("{}.{}", self.foreign_module(*package), classes.join("."))
            }
        }
    }

    fn foreign_module(&self, package: usize) -> String {
        let alias = |proto: &str| {
            let name = module(proto);
            name.strip_prefix("gen.").unwrap_or(&name).replace('.', "_")
        };
        let Some(found) = self.schema.packages.get(package) else { return String::new() };
        let mut wanted = alias(&found.proto);
        // `a.b` and `a_b`.
        let earlier = self.schema.packages.iter().take(package);
        if earlier.filter(|earlier| alias(&earlier.proto) == wanted).count() > 0 {
            wanted.push_str(&format!("_{package}"));
        }
        self.names.import(self.package, &wanted)
    }

    /// The type of one value.
    pub(super) fn kind(&mut self, kind: &Kind, scope: &BTreeSet<&str>) -> String {
        match kind {
            Kind::Scalar(of) | Kind::Wrapper(of) => self.builtin(scalar(*of)),
            Kind::FieldMask => format!("{}[{}]", self.builtin("list"), self.builtin("str")),
            Kind::Json(of) => {
                let value = format!("{}.JsonValue", self.whole("okra"));
                match of {
                    JsonKind::Value => value,
                    JsonKind::Struct => format!("{}[{}, {value}]", self.builtin("dict"), self.builtin("str")),
                    JsonKind::ListValue => format!("{}[{value}]", self.builtin("list")),
                }
            }
            Kind::Enum(_) | Kind::Message { .. } | Kind::Encoded { .. } => {
                let names = self.names;
                names.of(kind).map(|path| self.class(path, scope)).unwrap_or_default()
            }
        }
    }

    /// The choices that the type of a field has.
    pub(super) fn field(&mut self, field: &Field, scope: &BTreeSet<&str>) -> Vec<String> {
        let one = self.kind(&field.kind, scope);
        match field.cardinality {
            Cardinality::Implicit | Cardinality::Required => vec![one],
            Cardinality::Optional if field.kind == Kind::Json(JsonKind::Value) => {
                vec![one, format!("{}.Null", self.whole("okra")), "None".to_owned()]
            }
            Cardinality::Optional => vec![one, "None".to_owned()],
            Cardinality::Repeated { .. } => vec![format!("{}[{one}]", self.builtin("list"))],
            Cardinality::Map { key } => {
                vec![format!("{}[{}, {one}]", self.builtin("dict"), self.builtin(scalar(key)))]
            }
        }
    }

    /// The import lines, as isort orders them.
    pub(super) fn imports(&self) -> String {
        let import = |name: &str| self.names.import(self.package, name);
        let (mut plain, mut from, mut ours) = (String::new(), String::new(), String::new());
        for (module, names) in &self.used {
            if names.contains("") {
                let line = match import(module) {
                    same if same == *module => format!("import {module}\n"),
                    other => format!("import {module} as {other}\n"),
                };
                if *module == "okra" { ours.push_str(&line) } else { plain.push_str(&line) }
            }
            let items: Vec<String> = names
                .iter()
                .filter(|name| !name.is_empty())
                .map(|name| match import(name) {
                    same if same == *name => same,
                    other => format!("{name} as {other}"),
                })
                .collect();
            if !items.is_empty() {
                from.push_str(&format!("from {module} import {}\n", items.join(", ")));
            }
        }
        let mut gens: Vec<String> = self
            .foreign
            .iter()
            .filter_map(|package| Some((package, self.schema.packages.get(*package)?)))
            .map(|(index, package)| format!("import {} as {}\n", module(&package.proto), self.foreign_module(*index)))
            .collect();
        gens.sort();
        let groups = [format!("{plain}{from}"), format!("{}{ours}", gens.concat())];
        groups.into_iter().filter(|group| !group.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The lines at the module's end.
    pub(super) fn aliases(&self) -> String {
        self.aliases.iter().map(|(alias, path)| format!("{alias} = {path}\n")).collect()
    }
}

pub(super) fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double | Scalar::Float => "float",
        Scalar::Bool => "bool",
        Scalar::String => "str",
        Scalar::Bytes => "bytes",
        Scalar::Int32
        | Scalar::Int64
        | Scalar::Uint32
        | Scalar::Uint64
        | Scalar::Sint32
        | Scalar::Sint64
        | Scalar::Fixed32
        | Scalar::Fixed64
        | Scalar::Sfixed32
        | Scalar::Sfixed64 => "int",
    }
}
