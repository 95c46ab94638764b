//! Configuration files: `okra.toml` of a project, and the file of `okra serve --config`.
//!
//! A folder with an `okra.toml` is a project. [`Project`] is the content of the file; its `[run]` table, [`Run`], also travels
//! in the manifest of the package that is built from it. [`ServerConfig`] is the file of a server.

mod callers;
mod caps;
mod compile;
mod error;
mod http_rule;
mod import;
mod name;
mod run;
mod server;
pub(crate) mod unit;

pub use callers::{Callable, Caller};
pub use caps::RunCaps;
pub use compile::CompileLimits;
pub use error::{ConfigError, Mistake};
pub use http_rule::{CustomVerb, Http, HttpRuleConfig};
pub use import::{Address, Import, InvalidAddress};
pub use name::{InvalidName, Name, ServiceName, TypePattern};
pub use run::{Isolation, Run};
pub use server::{CorsConfig, Origin, ServerConfig, ServerLimits, TlsConfig};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use miette::NamedSource;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

/// The folder of `.proto` files, unless `include` names others.
const PROTO_FOLDER: &str = "proto";

/// Name of the file that makes a folder a project.
pub const FILE_NAME: &str = "okra.toml";

/// The content of an `okra.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Project {
    /// Name of the project, of its WIT world and of its package, in kebab case, such as `billing`.
    pub name: Name,
    /// Version of the package, such as `0.1.0` (<https://semver.org>). Default: `0.1.0`.
    #[serde(default = "first_version", deserialize_with = "unit::version")]
    pub version: String,
    /// The language of the service.
    pub language: Language,
    /// The component that was built elsewhere, relative to the project's folder; with `language = "component"` only.
    pub component: Option<PathBuf>,
    /// Services that are served and called, and the folders of their `.proto` files.
    #[serde(default)]
    pub proto: Proto,
    /// Servers to which the calls of services go. Calls of a service that is not named here go to the package that serves it
    /// in the same process.
    #[serde(default)]
    pub imports: BTreeMap<ServiceName, Import>,
    /// Callers of a service, or of a method of it. A service that is not named here may be called by all.
    #[serde(default)]
    pub allowed_callers: AllowedCallers,
    /// Paths of REST for methods.
    #[serde(default)]
    pub http: Http,
    /// Limits and isolation of the service.
    #[serde(default)]
    pub run: Run,
}

/// The `[allowed-callers]` table: callers of a service, or of a method of it. A rule for a method counts in place of the rule
/// for its service.
pub type AllowedCallers = BTreeMap<Callable, BTreeSet<Caller>>;

/// The language of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Rust, built by cargo.
    Rust,
    /// Go, built by Go itself.
    Go,
    /// Python, built by componentize-py.
    Python,
    /// Any language: a component that was built elsewhere is packaged as it is.
    Component,
}

/// The `[proto]` table: services that are served and called, and the folders of their `.proto` files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Proto {
    /// Folders in which `import` finds files, in this order, relative to the project's folder. The files that define the
    /// services below are compiled, with what they import. Default: `["proto"]`.
    pub include: Vec<PathBuf>,
    /// A file with descriptors that protoc or buf made, in place of `include`, relative to the project's folder.
    pub descriptors: Option<PathBuf>,
    /// Full names of the services that are served with typed messages.
    pub serves: Vec<ServiceName>,
    /// Full names of the services that are called.
    pub calls: Vec<ServiceName>,
    /// Full names of the services that are served with encoded messages, by `okra:service/raw`.
    pub raw: Vec<ServiceName>,
    /// Messages and enums that no method leads to, with what these hold, so that they can be put into a
    /// `google.protobuf.Any`: full names, or all of a package, such as `google.rpc.*`.
    pub types: Vec<TypePattern>,
}

impl Default for Proto {
    fn default() -> Self {
        Self {
            include: vec![PathBuf::from(PROTO_FOLDER)],
            descriptors: None,
            serves: Vec::new(),
            calls: Vec::new(),
            raw: Vec::new(),
            types: Vec::new(),
        }
    }
}

impl Proto {
    /// Returns what the descriptors are made of: the folders, or the file.
    pub(crate) fn sources(&self) -> &[PathBuf] {
        self.descriptors.as_ref().map_or(&self.include, std::slice::from_ref)
    }
}

fn first_version() -> String {
    "0.1.0".to_owned()
}

impl Project {
    /// Reads and checks the `okra.toml` in `folder`.
    ///
    /// # Errors
    /// If the file is missing or cannot be read, is not TOML, has an unknown key or a wrong value, or names a folder or file
    /// that does not exist. All but the first two point at the place in the file.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE_NAME);
        let source = fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing { folder: folder.to_owned() },
            _ => ConfigError::Read { path: path.clone(), source },
        })?;
        let mut project = Self::parse(&source, &path)?;
        project.check_files(folder, &path, &source)?;
        for (service, import) in &mut project.imports {
            import.read_ca(folder).map_err(|(file, error)| {
                let key = ["imports", service, "ca"];
                let mistake = Mistake::NoCertificates { path: file, error: error.to_string() };
                ConfigError::Invalid {
                    path: path.clone(),
                    place: Box::new(SourcePlace::of_key(&path, &source, &key)),
                    mistake,
                }
            })?;
        }
        Ok(project)
    }

    /// Parses `source`, the text of the file at `path`, without checking that the files that it names exist.
    ///
    /// # Errors
    /// As [`Project::load`].
    pub fn parse(source: &str, path: &Path) -> Result<Self, ConfigError> {
        let project: Self = toml::from_str(source).map_err(|error| ConfigError::syntax(path, source, &error))?;
        project.check(path, source)?;
        Ok(project)
    }

    /// Checks the rules between keys, which serde does not know.
    fn check(&self, path: &Path, source: &str) -> Result<(), ConfigError> {
        let wrong = |key: &[&str], mistake: Mistake| {
            Err(ConfigError::Invalid {
                path: path.to_owned(),
                place: Box::new(SourcePlace::of_key(path, source, key)),
                mistake,
            })
        };
        match (self.language, &self.component) {
            (Language::Component, None) => return wrong(&["language"], Mistake::ComponentMissing),
            (Language::Component, Some(_)) => {}
            (_, Some(_)) => return wrong(&["component"], Mistake::ComponentUnused),
            (_, None) => {}
        }
        let Proto { include, descriptors, serves, calls, raw, types } = &self.proto;
        if include.is_empty() {
            return wrong(&["proto", "include"], Mistake::NoInclude);
        }
        if descriptors.is_some() && *include != [Path::new(PROTO_FOLDER)] {
            return wrong(&["proto", "descriptors"], Mistake::IncludeAndDescriptors);
        }
        if serves.is_empty() && raw.is_empty() {
            return wrong(&["proto"], Mistake::NothingServed);
        }
        for (key, services) in [("serves", serves), ("calls", calls), ("raw", raw)] {
            for (index, service) in services.iter().enumerate() {
                if services.iter().take(index).any(|earlier| earlier == service) {
                    return wrong(&["proto", key], Mistake::Twice { service: service.to_string() });
                }
            }
        }
        for (index, pattern) in types.iter().enumerate() {
            if types.iter().take(index).any(|earlier| earlier == pattern) {
                return wrong(&["proto", "types"], Mistake::TypeTwice { pattern: pattern.to_string() });
            }
        }
        if let Some(service) = raw.iter().find(|service| serves.contains(service)) {
            return wrong(&["proto", "raw"], Mistake::TypedAndRaw { service: service.to_string() });
        }
        for (service, import) in &self.imports {
            if !calls.contains(service) {
                return wrong(&["imports", service], Mistake::NotCalled { service: service.to_string() });
            }
            if import.addresses.is_empty() {
                return wrong(&["imports", service, "addresses"], Mistake::NoAddress);
            }
        }
        for callable in self.allowed_callers.keys() {
            if !serves.contains(&callable.service) && !raw.contains(&callable.service) {
                let mistake = Mistake::NotServed { service: callable.service.to_string() };
                return wrong(&["allowed-callers", &callable.to_string()], mistake);
            }
        }
        if self.run.warm > self.run.instances.get() {
            let mistake = Mistake::WarmerThanAll { warm: self.run.warm, instances: self.run.instances.get() };
            return wrong(&["run", "warm"], mistake);
        }
        Ok(())
    }

    /// Checks that the folders and files exist.
    fn check_files(&self, folder: &Path, path: &Path, source: &str) -> Result<(), ConfigError> {
        let wrong = |key: &[&str], mistake: Mistake| {
            Err(ConfigError::Invalid {
                path: path.to_owned(),
                place: Box::new(SourcePlace::of_key(path, source, key)),
                mistake,
            })
        };
        if let Some(descriptors) = &self.proto.descriptors {
            let descriptors = folder.join(descriptors);
            if !descriptors.is_file() {
                return wrong(&["proto", "descriptors"], Mistake::NoFile { path: descriptors });
            }
        }
        for include in self.proto.include.iter().filter(|_| self.proto.descriptors.is_none()) {
            let include = folder.join(include);
            if !include.is_dir() {
                return wrong(&["proto", "include"], Mistake::NoFolder { path: include });
            }
        }
        if let Some(component) = &self.component {
            let component = folder.join(component);
            if !component.is_file() {
                return wrong(&["component"], Mistake::NoFile { path: component });
            }
        }
        Ok(())
    }
}

/// The place of a mistake in its file.
#[derive(Clone, Debug)]
pub struct SourcePlace {
    /// The file.
    pub source: NamedSource<String>,
    /// The range of bytes that is wrong.
    pub span: Range<usize>,
}

impl SourcePlace {
    fn new(path: &Path, source: &str, span: Range<usize>) -> Self {
        Self { source: NamedSource::new(path.display().to_string(), source.to_owned()), span }
    }

    /// Returns the place of a key's value, given the names of its tables and its own name. If the key is not written in the
    /// file, the place is the last of its tables that is.
    fn of_key(path: &Path, source: &str, key: &[&str]) -> Self {
        let mut span = 0..0;
        if let Ok(document) = DeTable::parse(source) {
            let mut table = document.get_ref();
            for name in key {
                let Some((written, value)) = table.get_key_value(*name) else { break };
                // The span of a table covers all its content, so the span of its key is used.
                span = if value.get_ref().is_table() { written.span() } else { value.span() };
                match value.get_ref().as_table() {
                    Some(inner) => table = inner,
                    None => break,
                }
            }
        }
        Self::new(path, source, span)
    }
}

#[cfg(test)]
mod tests;
