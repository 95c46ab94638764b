//! From `.proto` files to descriptors, by protox: imports and the well-known types included, comments kept. Descriptors that protoc
//! or buf made are read as they are.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use miette::{NamedSource, SourceSpan};
use prost_reflect::DescriptorPool;

use crate::declarations::{Declarations, first_token};
use crate::editions::{self, EDITIONS, EditionError, edition_of, lower_descriptors};
use crate::files::{ProtoFile, ProtoResolver, ResolverState, find_files, find_names, read_text};
use crate::type_pattern::{find_similar, is_match_within};

pub use crate::buf::module_roots;

/// What compiling gives.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The descriptors of all files and of what they import.
    pub pool: DescriptorPool,
    /// The same as an encoded `google.protobuf.FileDescriptorSet`, custom options kept.
    pub descriptors: Vec<u8>,
    /// The files that were left out because they do not compile and no service needs them.
    pub left_out: Vec<LeftOutFile>,
}

/// A file that does not compile and that no service needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutFile {
    /// Its name, as `import` has it.
    pub file: String,
    /// The mistake in it.
    pub reason: String,
}

/// Why `.proto` files do not compile.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CompileError {
    /// The files themselves are at fault; file and line are shown with it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Proto(Box<protox::Error>),
    /// A file is written in a protobuf edition other than 2023 and 2024.
    #[error("{file}:{line}: protobuf edition {edition} is not supported")]
    #[diagnostic(help("write `edition = \"2024\";` or `edition = \"2023\";`: these are supported"))]
    Edition {
        /// The file, below its root.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The edition, such as `2026`.
        edition: String,
        /// All of it.
        #[source_code]
        source_code: Arc<NamedSource<String>>,
        /// Where it says so.
        #[label("this edition is not known")]
        span: SourceSpan,
    },
    /// A file imports one that is in none of the folders.
    #[error("{file}:{line}: `{import}` is not in the folders of .proto files")]
    #[diagnostic(help(
        "add the folder in which `{import}` is to `include` of [proto] in okra.toml: names of imports are relative to one of \
         these folders; what `buf.yaml` depends on is written into a folder by `buf export MODULE -o FOLDER`"
    ))]
    Import {
        /// The importing file, below its root.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The file that is missing.
        import: String,
        /// All of the importing file.
        #[source_code]
        source_code: Arc<NamedSource<String>>,
        /// The import.
        #[label("this file is missing")]
        span: SourceSpan,
    },
    /// A service that no file defines.
    #[error("the .proto files define no service `{service}`")]
    #[diagnostic(help("correct its name, or add the folder of its .proto file to `include` of [proto] in okra.toml"))]
    UnknownService {
        /// The name that was asked for.
        service: String,
        /// The services that the files define, the most similar ones first, at most 20.
        known: Vec<String>,
    },
    /// A type, or a package of types, that no file declares.
    #[error("the .proto files declare no type `{pattern}`")]
    #[diagnostic(help(
        "name a message or enum with its package, such as `acme.v1.Event`, or all of a package, such as `google.rpc.*`"
    ))]
    UnknownType {
        /// The pattern that matches no type.
        pattern: String,
        /// The types that the files declare, the most similar ones first, at most 20.
        known: Vec<String>,
    },
    /// A file of descriptors that is not valid.
    #[error("{} is not a set of descriptors with all imports", path.display())]
    #[diagnostic(help(
        "make it by `buf build -o {}` or `protoc --include_imports --include_source_info -o {} FILES`",
        path.display(), path.display()
    ))]
    DescriptorSet {
        /// The file.
        path: PathBuf,
        /// Why.
        source: prost_reflect::DescriptorError,
    },
    /// Descriptors are of an edition that is not supported.
    #[error(transparent)]
    #[diagnostic(transparent)]
    EditionOfDescriptors(#[from] EditionError),
    /// What the files become is not valid.
    #[error("the compiled .proto files are not valid")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// There is nothing to compile.
    #[error("no .proto files in {}", roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", "))]
    #[diagnostic(help("put the .proto files there, or name their folder in okra.toml: `[proto] include = [\"...\"]`"))]
    NoFiles {
        /// Where they were looked for.
        roots: Vec<PathBuf>,
    },
    /// A folder or file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<protox::Error> for CompileError {
    fn from(error: protox::Error) -> Self {
        Self::Proto(Box::new(error))
    }
}

impl CompileError {
    /// Adds what the compiler does not know: it knows `edition` as little as any other word that it does not expect, and no
    /// okra.toml.
    fn explained(error: protox::Error, roots: &[PathBuf]) -> Self {
        let explained = match error.file() {
            Some(file) if error.is_parse() => Self::edition(file, roots),
            Some(file) => Self::import(&error.to_string(), file, roots),
            None => None,
        };
        explained.unwrap_or_else(|| error.into())
    }

    fn edition(file: &str, roots: &[PathBuf]) -> Option<Self> {
        let text = read_text(file, roots)?;
        let start = first_token(&text);
        let statement = text.get(start..)?.split_inclusive(';').next()?;
        let edition = edition_of(&text).filter(|edition| !EDITIONS.contains(edition))?;
        Some(Self::Edition {
            file: file.to_owned(),
            line: line(&text, start),
            edition: edition.to_owned(),
            span: (start, statement.len()).into(),
            source_code: Arc::new(NamedSource::new(file, text.clone())),
        })
    }

    /// `message` is the compiler's: `import 'a/b.proto' not found`.
    fn import(message: &str, file: &str, roots: &[PathBuf]) -> Option<Self> {
        let import = message.strip_prefix("import '")?.strip_suffix("' not found")?;
        let text = read_text(file, roots)?;
        let quoted = [format!("\"{import}\""), format!("'{import}'")];
        let start = quoted.iter().find_map(|quoted| text.find(quoted))?;
        Some(Self::Import {
            file: file.to_owned(),
            line: line(&text, start),
            import: import.to_owned(),
            span: (start, import.len() + 2).into(),
            source_code: Arc::new(NamedSource::new(file, text)),
        })
    }
}

/// Returns the number of the line in which a byte is, from 1.
fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// Compiles `.proto` files.
///
/// `roots` are the folders that imports are looked up in, in their order; the files that OKRA brings are there anyway, such as
/// `google/protobuf/*.proto` and `google/api/annotations.proto`. `files` lie in them. Without files, all `.proto` files under
/// the roots are compiled, in the order of their names.
///
/// # Errors
/// With file and line where the sources are at fault.
pub fn compile(roots: &[PathBuf], files: &[PathBuf]) -> Result<Compiled, CompileError> {
    if files.is_empty() {
        let roots = canonical(roots);
        return Compilation::new(&roots).all(&find_names(&roots)?);
    }
    Compilation::new(roots).all(files)
}

/// Returns the full names of the services that the `.proto` files below folders define, without compiling them, sorted.
///
/// # Errors
/// If there are no files, or a folder or file cannot be read.
pub fn find_services(roots: &[PathBuf]) -> Result<Vec<String>, CompileError> {
    let own_files = find_files(&canonical(roots))?.into_iter().filter(|file| !file.is_well_known);
    let services: BTreeSet<String> = own_files.flat_map(|file| file.declarations.services).collect();
    Ok(services.into_iter().collect())
}

/// Returns the full names of the services that the text of a `.proto` file declares, in their order, without compiling it.
pub fn declared_services(text: &str) -> Vec<String> {
    Declarations::find(text).services
}

/// Returns the package that the text of a `.proto` file declares, without compiling it. Empty for a file without one.
pub fn declared_package(text: &str) -> String {
    Declarations::find(text).package
}

/// Compiles the `.proto` files that define services and types, with all that they import. A type is asked for by its full name,
/// or with all others of its package: `google.rpc.*`.
///
/// Other files of the same packages are compiled, too, if they can be: messages for the details of errors are in such files. All
/// other files under the roots are looked at for the services that they define, and not compiled.
///
/// # Errors
/// If no file defines a service or a type; with file and line where the sources are at fault.
pub fn compile_services<S: AsRef<str>>(
    roots: &[PathBuf],
    services: &[S],
    types: &[S],
) -> Result<Compiled, CompileError> {
    let roots = &canonical(roots);
    let files = find_files(roots)?;
    let mut needed: Vec<&ProtoFile> = Vec::new();
    for service in services {
        let service = service.as_ref();
        let Some(file) = defining_file(&files, service) else { return Err(no_service(&files, service, roots)) };
        if !needed.iter().any(|other| other.name == file.name) {
            needed.push(file);
        }
    }
    let packages: Vec<&str> = needed.iter().map(|file| file.declarations.package.as_str()).collect();
    for pattern in types {
        let declaring = declaring_files(&files, pattern.as_ref());
        if declaring.is_empty() {
            let pattern = pattern.as_ref().to_owned();
            let known = find_similar(&pattern, files.iter().flat_map(|file| file.declarations.types.clone()));
            return Err(CompileError::UnknownType { pattern, known });
        }
        let declaring = declaring.into_iter().filter(|file| !needed.iter().any(|other| other.name == file.name));
        needed.extend(declaring.collect::<Vec<_>>());
    }
    needed.sort_by(|one, other| one.name.cmp(&other.name));
    let mut compilation = Compilation::new(roots);
    for file in &needed {
        compilation.add(&file.name)?;
    }
    for file in files.iter().filter(|file| packages.contains(&file.declarations.package.as_str())) {
        if let Err(error) = compilation.add(&file.name) {
            compilation.left_out.push(LeftOutFile { file: file.name.clone(), reason: error.to_string() });
        }
    }
    compilation.finish()
}

/// Reads descriptors that were compiled elsewhere: a `google.protobuf.FileDescriptorSet` with all imports, by protoc or buf.
///
/// # Errors
/// If the file cannot be read, or is not valid or not complete.
pub fn read_descriptors(path: &Path) -> Result<Compiled, CompileError> {
    let descriptors = fs::read(path).map_err(|source| CompileError::Io { path: path.to_owned(), source })?;
    let descriptors = lower_descriptors(descriptors)?;
    let pool = DescriptorPool::decode(descriptors.as_slice())
        .map_err(|source| CompileError::DescriptorSet { path: path.to_owned(), source })?;
    Ok(Compiled { pool, descriptors, left_out: Vec::new() })
}

/// Returns the file that defines a service. Of copies the one in the folder of its package counts (`shop/users/v1` for package
/// `shop.users.v1`), then the one that is least deep.
fn defining_file<'a>(files: &'a [ProtoFile], service: &str) -> Option<&'a ProtoFile> {
    let defining = files.iter().filter(|file| file.declarations.services.iter().any(|name| name == service));
    defining.min_by_key(|file| placement(file))
}

/// Returns a key by which that of several copies of a file sorts first that counts.
fn placement(file: &ProtoFile) -> (bool, usize) {
    let folder = file.name.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
    (folder != file.declarations.package.replace('.', "/"), folder.matches('/').count())
}

/// Returns the files that declare the types of a pattern, without copies of them.
fn declaring_files<'a>(files: &'a [ProtoFile], pattern: &str) -> Vec<&'a ProtoFile> {
    let mut declaring: Vec<&ProtoFile> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut files: Vec<&ProtoFile> = files.iter().collect();
    files.sort_by_key(|file| placement(file));
    for file in files {
        let Declarations { package, types, .. } = &file.declarations;
        let types: Vec<_> = types.iter().filter(|name| is_match_within(pattern, package, name)).collect();
        if !types.is_empty() && !types.iter().any(|name| seen.contains(name)) {
            declaring.push(file);
        }
        seen.extend(types);
    }
    declaring
}

/// Returns why no file defines a service: a mistake in a file of its package, or its name.
fn no_service(files: &[ProtoFile], service: &str, roots: &[PathBuf]) -> CompileError {
    let package = service.rsplit_once('.').map(|(package, _)| package).unwrap_or_default();
    let own_files = || files.iter().filter(|file| !file.is_well_known);
    let mut compilation = Compilation::new(roots);
    for file in own_files().filter(|file| file.declarations.package == package) {
        if let Err(error) = compilation.add(&file.name) {
            return error;
        }
    }
    let similarity = |name: &str| strsim::jaro_winkler(name, service);
    let mut known: Vec<String> = own_files().flat_map(|file| file.declarations.services.clone()).collect();
    known.sort_by(|one, other| similarity(other).total_cmp(&similarity(one)).then_with(|| one.cmp(other)));
    known.truncate(20);
    CompileError::UnknownService { service: service.to_owned(), known }
}

/// Roots without `..` and links, so that it is seen which lies in another; in place of a folder with a `buf.yaml` its modules.
fn canonical(roots: &[PathBuf]) -> Vec<PathBuf> {
    let canonical = roots.iter().map(|root| root.canonicalize().unwrap_or_else(|_| root.clone()));
    canonical.flat_map(|root| module_roots(&root)).collect()
}

/// A compiler, and what it was told.
struct Compilation<'a> {
    compiler: protox::Compiler,
    state: Rc<ResolverState>,
    roots: &'a [PathBuf],
    left_out: Vec<LeftOutFile>,
}

impl<'a> Compilation<'a> {
    fn new(roots: &'a [PathBuf]) -> Self {
        let state = Rc::default();
        let mut compiler = protox::Compiler::with_file_resolver(ProtoResolver::new(roots, Rc::clone(&state)));
        compiler.include_imports(true).include_source_info(true);
        Self { compiler, state, roots, left_out: Vec::new() }
    }

    fn all(mut self, files: &[impl AsRef<Path>]) -> Result<Compiled, CompileError> {
        for file in files {
            self.add(file)?;
        }
        self.finish()
    }

    /// Compiles a file and its imports. After an error the compiler goes on without it.
    fn add(&mut self, file: impl AsRef<Path>) -> Result<(), CompileError> {
        let file = file.as_ref();
        let Err(error) = self.compiler.open_file(file) else { return Ok(()) };
        if !error.is_parse() && !error.is_file_not_found() {
            self.state.is_qualifying.set(true);
            let again = self.compiler.open_file(file).is_ok();
            self.state.is_qualifying.set(false);
            if again {
                return Ok(());
            }
        }
        Err(CompileError::explained(error, self.roots))
    }

    fn finish(self) -> Result<Compiled, CompileError> {
        let descriptors = editions::lower(self.compiler.encode_file_descriptor_set(), &self.state.features.borrow())?;
        // The compiler's own pool is made before options are read, and so does not know `packed` of a field.
        let pool = DescriptorPool::decode(descriptors.as_slice())?;
        Ok(Compiled { pool, descriptors, left_out: self.left_out })
    }
}
