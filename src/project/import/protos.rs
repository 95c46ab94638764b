//! The `.proto` files of a project that is imported: what they declare, and the folders in which their imports are found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use okra_codegen::compile::{compile, declared_package, declared_services, module_roots};

use crate::project::import::source_files::SourceFiles;
use crate::project::import::source_text::{Syntax, split_lines};

/// A `.proto` file of the project.
#[derive(Debug)]
pub(super) struct ProtoSource {
    /// Its path below the project's folder.
    pub(super) path: String,
    /// Empty for a file without one.
    pub(super) package: String,
    /// Full names of the services that it declares.
    pub(super) services: Vec<String>,
    /// The import path in Go that its option `go_package` gives.
    pub(super) go_package: Option<String>,
    /// The names of the files that it imports.
    imports: Vec<String>,
}

impl ProtoSource {
    /// Returns the path of its folder, empty for the project's own.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Returns the `.proto` files among the project's files.
pub(super) fn find_protos(files: &SourceFiles) -> Vec<ProtoSource> {
    let protos = files.files.iter().filter(|file| file.has_extension("proto"));
    let protos = protos.map(|file| {
        let mut proto = ProtoSource {
            path: file.path.clone(),
            package: declared_package(&file.text),
            services: declared_services(&file.text),
            go_package: None,
            imports: Vec::new(),
        };
        // Comments and strings of protobuf are Go's.
        for line in split_lines(&file.text, Syntax::Go) {
            let text = line.text.trim();
            let mut words = text.split_whitespace();
            match words.next() {
                Some("import") => proto.imports.extend(quoted(text).map(str::to_owned)),
                Some("option") if words.next().is_some_and(|word| word.starts_with("go_package")) => {
                    let path = quoted(text).and_then(|package| package.split(';').next());
                    proto.go_package = path.map(str::to_owned);
                }
                _ => {}
            }
        }
        proto
    });
    protos.collect()
}

/// Returns the first string of a line, without its quotes.
pub(super) fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['"', '\'', '`'])?;
    let quote = text.get(start..)?.chars().next()?;
    let rest = text.get(start + 1..)?;
    rest.get(..rest.find(quote)?)
}

/// Returns the folders, below the project's, in which the imports of the files that define some services are found: the modules
/// of `buf.yaml`, the folders from which an import leads to a file, and else the folder of a file, without its package.
pub(super) fn find_roots(
    folder: &Path,
    files: &SourceFiles,
    protos: &[ProtoSource],
    services: &BTreeSet<String>,
) -> Vec<String> {
    let modules = buf_modules(folder, files);
    let mut roots: Vec<String> = Vec::new();
    let mut needed: Vec<&ProtoSource> =
        protos.iter().filter(|proto| proto.services.iter().any(|service| services.contains(service))).collect();
    let mut index = 0;
    let mut add = |root: String| {
        if !roots.contains(&root) {
            roots.push(root);
        }
    };
    // Each file is added once, so the loop ends.
    while let Some(proto) = needed.get(index).copied() {
        index += 1;
        let module = modules.iter().filter(|module| is_below(&proto.path, module)).max_by_key(|module| module.len());
        module.cloned().into_iter().for_each(&mut add);
        for import in &proto.imports {
            let Some((root, found)) = find_import(protos, proto, import, module) else { continue };
            if module.is_none() {
                add(root);
            }
            if !needed.iter().any(|other| other.path == found.path) {
                needed.push(found);
            }
        }
    }
    for proto in needed {
        if !roots.iter().any(|root| is_below(&proto.path, root)) {
            roots.push(root_by_package(proto));
        }
    }
    roots.sort();
    roots
}

/// Returns why the files that define services do not compile with the roots, if they do not.
pub(super) fn find_mistake(
    folder: &Path,
    roots: &[String],
    protos: &[ProtoSource],
    services: &BTreeSet<String>,
) -> Option<String> {
    let defining = protos.iter().filter(|proto| proto.services.iter().any(|service| services.contains(service)));
    let names = defining.filter_map(|proto| {
        let root = roots.iter().filter(|root| is_below(&proto.path, root)).max_by_key(|root| root.len())?;
        Some(PathBuf::from(proto.path.get(root.len()..)?.trim_start_matches('/')))
    });
    let names: Vec<PathBuf> = names.collect();
    let roots: Vec<PathBuf> = roots.iter().map(|root| folder.join(root)).collect();
    if names.is_empty() {
        return None;
    }
    compile(&roots, &names).err().map(|error| error.to_string())
}

/// Whether a file lies in a folder or below it; the empty folder is the project's own.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn buf_modules(folder: &Path, files: &SourceFiles) -> Vec<String> {
    let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let configured = files.files.iter().filter(|file| matches!(file.file_name(), "buf.yaml" | "buf.work.yaml"));
    let modules = configured.flat_map(|file| module_roots(&canonical.join(file.folder())));
    // A module outside of the folder is none of the files that were found.
    let below = modules.filter_map(|module| Some(module.strip_prefix(&canonical).ok()?.to_str()?.replace('\\', "/")));
    // With the path of the project's own folder `join` leaves a slash behind.
    below.map(|module| module.trim_end_matches('/').to_owned()).collect()
}

/// Returns the file that an import means, and the folder below which it has that name. Of several it is the one with the most
/// folders in common with the importing file.
fn find_import<'a>(
    protos: &'a [ProtoSource],
    importing: &ProtoSource,
    import: &str,
    module: Option<&String>,
) -> Option<(String, &'a ProtoSource)> {
    let found = protos.iter().filter_map(|proto| {
        let root = proto.path.strip_suffix(import)?;
        let root = if root.is_empty() { "" } else { root.strip_suffix('/')? };
        Some((root.to_owned(), proto))
    });
    found.max_by_key(|(root, _)| {
        let is_of_module = Some(root) == module;
        let shared = root.split('/').zip(importing.folder().split('/')).take_while(|(one, other)| one == other).count();
        (is_of_module, shared, std::cmp::Reverse(root.len()))
    })
}

fn root_by_package(proto: &ProtoSource) -> String {
    let folder = proto.folder();
    let path = proto.package.replace('.', "/");
    match folder.strip_suffix(&*path) {
        Some("") if !path.is_empty() => String::new(),
        Some(root) if !path.is_empty() && root.ends_with('/') => root.trim_end_matches('/').to_owned(),
        _ => folder.to_owned(),
    }
}
