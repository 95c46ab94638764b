//! From `.proto` files to descriptors, by protox: imports and the well-known types included, comments kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::{NamedSource, SourceSpan};
use prost_reflect::DescriptorPool;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

/// What compiling gives.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The descriptors of all files and of what they import.
    pub pool: DescriptorPool,
    /// The same as an encoded `google.protobuf.FileDescriptorSet`, custom options kept.
    pub descriptors: Vec<u8>,
}

/// Why `.proto` files do not compile.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum CompileError {
    /// The files themselves are at fault; file and line are shown with it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Proto(Box<protox::Error>),
    /// A file is written in a protobuf edition, which the compiler cannot read.
    #[error("{file}:{line}: protobuf editions are not supported")]
    #[diagnostic(help(
        "write it in proto3: `syntax = \"proto3\";` in this place, `optional` before fields whose absence matters, and no \
         `features`"
    ))]
    Edition {
        /// The file, below its root.
        file: String,
        /// The line, from 1.
        line: usize,
        /// All of it.
        #[source_code]
        source_code: NamedSource<String>,
        /// Where it says so.
        #[label("no edition can be read")]
        span: SourceSpan,
    },
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
    /// A folder cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The folder.
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
    /// The compiler knows `edition` as little as any other word that it does not expect.
    fn explained(error: protox::Error, roots: &[PathBuf]) -> Self {
        let file = error.file().filter(|_| error.is_parse());
        file.and_then(|file| Self::edition(file, roots)).unwrap_or_else(|| error.into())
    }

    fn edition(file: &str, roots: &[PathBuf]) -> Option<Self> {
        let text = roots.iter().find_map(|root| fs::read_to_string(root.join(file)).ok())?;
        let start = first_word(&text);
        let statement = text.get(start..)?.split_inclusive(';').next()?;
        let is_edition = statement.strip_prefix("edition")?.trim_start().starts_with('=');
        is_edition.then(|| Self::Edition {
            file: file.to_owned(),
            line: text.get(..start).unwrap_or_default().matches('\n').count() + 1,
            span: (start, statement.len()).into(),
            source_code: NamedSource::new(file, text.clone()),
        })
    }
}

/// Where a `.proto` file begins, after blanks and comments.
fn first_word(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
        let end = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find('\n'),
            [b'/', b'*', ..] => rest.find("*/").map(|at| at + 2),
            _ => return text.len() - rest.len(),
        };
        rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

/// Compiles `.proto` files.
///
/// `roots` are the folders that imports are looked up in, `google/protobuf` and `google/api/annotations.proto` are there
/// anyway; `files` lie in them. Without files, all `.proto` files under the
/// roots are compiled, in the order of their names.
///
/// # Errors
/// With file and line where the sources are at fault.
pub fn compile(roots: &[PathBuf], files: &[PathBuf]) -> Result<Compiled, CompileError> {
    let mut found = files.to_vec();
    if found.is_empty() {
        for root in roots {
            collect(root, &mut found)?;
        }
        found.sort();
    }
    if found.is_empty() {
        return Err(CompileError::NoFiles { roots: roots.to_vec() });
    }
    let mut resolver = ChainFileResolver::new();
    for root in roots {
        resolver.add(IncludeFileResolver::new(root.clone()));
    }
    resolver.add(GoogleFileResolver::new());
    resolver.add(Brought);
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(found).map_err(|error| CompileError::explained(error, roots))?;
    let descriptors = compiler.encode_file_descriptor_set();
    // The compiler's own pool is made before options are read, and so does not know `packed` of a field.
    let pool = DescriptorPool::decode(descriptors.as_slice())?;
    Ok(Compiled { pool, descriptors })
}

/// Files that are often imported and seldom at hand: the options by which methods are served as REST.
struct Brought;

impl FileResolver for Brought {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = match name {
            "google/api/annotations.proto" => include_str!("../proto/google/api/annotations.proto"),
            "google/api/http.proto" => include_str!("../proto/google/api/http.proto"),
            _ => return Err(protox::Error::file_not_found(name)),
        };
        File::from_source(name, text)
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), CompileError> {
    let failed = |source| CompileError::Io { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
