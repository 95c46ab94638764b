//! The `.proto` files below folders, by the names under which `import` finds them, and those that OKRA brings.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use include_dir::{Dir, include_dir};
use protox::file::{File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use crate::compile::CompileError;
use crate::declarations::Declarations;
use crate::editions::{self, SourceFeatures};
use crate::qualify::qualify;

/// The `.proto` files that are often imported and seldom at hand.
static WELL_KNOWN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/proto");

/// A `.proto` file of a project.
#[derive(Debug)]
pub(crate) struct ProtoFile {
    /// The name by which `import` finds it: its path below its root.
    pub(crate) name: String,
    pub(crate) declarations: Declarations,
    /// Whether OKRA brings it.
    pub(crate) is_well_known: bool,
}

/// Returns the resolver of imports: the roots in their order, as those of protoc's `-I`, then the files that OKRA brings. Those of
/// `google/protobuf` are the compiler's own, also where a root has copies of them: the compiler cannot read the newest ones.
pub(crate) struct ProtoResolver {
    roots: Vec<PathBuf>,
    state: Rc<ResolverState>,
}

/// What the compiler's resolver and its owner share.
#[derive(Default)]
pub(crate) struct ResolverState {
    /// Features of the files of editions that were opened, by name.
    pub(crate) features: RefCell<HashMap<String, SourceFeatures>>,
    /// Whether names of types are written in full in files that are opened.
    pub(crate) is_qualifying: Cell<bool>,
}

impl ProtoResolver {
    pub(crate) fn new(roots: &[PathBuf], state: Rc<ResolverState>) -> Self {
        Self { roots: roots.to_vec(), state }
    }
}

impl ProtoResolver {
    fn parse(&self, name: &str) -> Result<File, protox::Error> {
        match GoogleFileResolver::new().open_file(name) {
            Err(error) if error.is_file_not_found() => {}
            found => return found,
        }
        for root in &self.roots {
            match fs::read_to_string(root.join(name)) {
                Ok(text) => {
                    let (file, features) = editions::parse(name, &text)?;
                    let features = features.map(|features| (name.to_owned(), features));
                    self.state.features.borrow_mut().extend(features);
                    return Ok(file);
                }
                // The compiler tells what is wrong with the file.
                Err(error) if error.kind() != ErrorKind::NotFound => return File::open(name, &root.join(name)),
                Err(_) => {}
            }
        }
        let text = well_known_text(name).ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

impl FileResolver for ProtoResolver {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        // A name may begin with the path of a root, as `shop/cart.proto` below the root `shop`.
        if path.is_relative() && self.roots.iter().any(|root| root.join(path).is_file()) {
            return path.to_str().map(str::to_owned);
        }
        self.roots.iter().find_map(|root| IncludeFileResolver::new(root.clone()).resolve_path(path))
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let file = self.parse(name)?;
        if !self.state.is_qualifying.get() {
            return Ok(file);
        }
        let mut descriptor = file.file_descriptor_proto().clone();
        qualify(&mut descriptor, |import| Some(self.parse(import).ok()?.file_descriptor_proto().clone()));
        Ok(File::from_file_descriptor_proto(descriptor))
    }
}

/// Returns the names of all `.proto` files below the roots, sorted. Of files with one name that in the first root counts, as
/// with protoc. What is in a root within another root has the name of the inner one.
///
/// # Errors
/// If there are none, or a folder cannot be read.
pub(crate) fn find_names(roots: &[PathBuf]) -> Result<Vec<String>, CompileError> {
    Ok(find_paths(roots)?.into_keys().collect())
}

/// Returns the `.proto` files below the roots and those that OKRA brings, by name, with what they declare.
///
/// # Errors
/// If there are none below the roots, or a folder or file cannot be read.
pub(crate) fn find_files(roots: &[PathBuf]) -> Result<Vec<ProtoFile>, CompileError> {
    let mut files = BTreeMap::new();
    let mut add = |name: String, text: &str, is_well_known| {
        let declarations = Declarations::find(text);
        files.insert(name.clone(), ProtoFile { name, declarations, is_well_known });
    };
    let mut well_known = Vec::new();
    collect_well_known(&WELL_KNOWN, &mut well_known);
    for (name, text) in well_known {
        add(name.to_owned(), text, true);
    }
    for (name, path) in find_paths(roots)? {
        let text = fs::read(&path).map_err(|source| CompileError::Io { path, source })?;
        add(name, &String::from_utf8_lossy(&text), false);
    }
    Ok(files.into_values().collect())
}

/// Returns the text of a file by the name that imports have for it.
pub(crate) fn read_text(name: &str, roots: &[PathBuf]) -> Option<String> {
    let text = roots.iter().find_map(|root| fs::read_to_string(root.join(name)).ok());
    text.or_else(|| well_known_text(name).map(str::to_owned))
}

fn find_paths(roots: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>, CompileError> {
    let mut found = BTreeMap::new();
    for root in roots {
        let inner: Vec<&PathBuf> = roots.iter().filter(|other| *other != root && other.starts_with(root)).collect();
        let mut paths = Vec::new();
        collect_paths(root, &inner, &mut Vec::new(), &mut paths)?;
        for path in paths {
            let below = path.strip_prefix(root).unwrap_or(&path);
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            found.entry(parts.join("/")).or_insert(path);
        }
    }
    if found.is_empty() {
        return Err(CompileError::NoFiles { roots: roots.to_vec() });
    }
    Ok(found)
}

/// Collects the `.proto` files below a folder. `open` are the folders around it, without links in their paths: a link that leads
/// back to one of them is not followed.
fn collect_paths(
    folder: &Path,
    without: &[&PathBuf],
    open: &mut Vec<PathBuf>,
    files: &mut Vec<PathBuf>,
) -> Result<(), CompileError> {
    let failed = |source| CompileError::Io { path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(failed)?;
    if open.contains(&real) {
        return Ok(());
    }
    open.push(real);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            if !without.contains(&&path) {
                collect_paths(&path, without, open, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    open.pop();
    Ok(())
}

fn collect_well_known(folder: &'static Dir<'static>, files: &mut Vec<(&'static str, &'static str)>) {
    for file in folder.files() {
        let text = file.path().to_str().and_then(|name| Some((name, well_known_text(name)?)));
        files.extend(text);
    }
    for inner in folder.dirs() {
        collect_well_known(inner, files);
    }
}

fn well_known_text(name: &str) -> Option<&'static str> {
    let is_proto = Path::new(name).extension().is_some_and(|extension| extension == "proto");
    WELL_KNOWN.get_file(name).filter(|_| is_proto)?.contents_utf8()
}
