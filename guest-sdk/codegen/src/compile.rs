//! From .proto files to descriptors, and to the descriptors that a package carries.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, SourceCode};
use prost_reflect::{DescriptorPool, FileDescriptor};
use thiserror::Error;

use crate::schema::Schema;

/// Compiles .proto files with everything that they import, comments included.
///
/// `roots` are the folders in which imports are looked up, the first that has the file; `google/protobuf/*.proto` need
/// not be there. `files` are paths below a root, or names relative to one. Without any, all files below the roots whose
/// name ends in `.proto`, in the order of their paths; hidden folders are left out.
///
/// # Errors
/// The first file that cannot be read or is not valid, with the place in it. Editions (`edition = "2023"`) are not
/// supported.
pub fn compile(roots: &[PathBuf], files: &[PathBuf]) -> Result<DescriptorPool, CompileError> {
    let mut found = Vec::new();
    for root in roots {
        let read = if files.is_empty() { find(root, &mut found) } else { open(root).map(|_| ()) };
        read.map_err(|(path, source)| CompileError::Folder { path, source })?;
    }
    if files.is_empty() && found.is_empty() {
        return Err(CompileError::NoFiles { roots: roots.to_vec() });
    }
    let mut compiler = protox::Compiler::new(roots)?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(if files.is_empty() { &found } else { files })?;
    Ok(compiler.descriptor_pool())
}

fn open(folder: &Path) -> Result<fs::ReadDir, (PathBuf, io::Error)> {
    fs::read_dir(folder).map_err(|error| (folder.to_owned(), error))
}

/// Adds the .proto files below a folder, sorted. Folders that are symbolic links are not followed: they may lead back.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (folder.to_owned(), error);
    let mut entries = open(folder)?.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(failed)?.is_dir() {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                find(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

/// An encoded `google.protobuf.FileDescriptorSet` with what a [`Schema`] was made of, for a package to carry.
///
/// It has the files of all packages that the schema has, because their types have a say in each other's names, and
/// whatever these import, in the order of the pool. Comments and custom options are kept. [`Schema::new`] makes the
/// same schema of it.
pub fn descriptor_set(pool: &DescriptorPool, schema: &Schema) -> Vec<u8> {
    let packages: HashSet<&str> = schema.packages.iter().map(|package| package.proto.as_str()).collect();
    let mut wanted: HashSet<String> = HashSet::new();
    let mut waiting: Vec<FileDescriptor> = pool.files().filter(|file| packages.contains(file.package_name())).collect();
    while let Some(file) = waiting.pop() {
        if wanted.insert(file.name().to_owned()) {
            waiting.extend(file.dependencies());
        }
    }
    let mut set = Vec::new();
    for file in pool.files().filter(|file| wanted.contains(file.name())) {
        // Field 1 of FileDescriptorSet, from the file's own bytes: decoding them would lose custom options.
        prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut set);
    }
    set
}

/// Why .proto files do not compile. As a [`Diagnostic`] it points into the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// A folder cannot be read.
    #[error("cannot read the folder of .proto files `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },

    /// No file was named, and there is none.
    #[error("there are no .proto files below {}", list(roots))]
    NoFiles {
        /// Where they were looked for.
        roots: Vec<PathBuf>,
    },

    /// A file begins with `edition = "..."`.
    #[error("editions of protobuf are not supported")]
    Edition(protox::Error),

    /// A file is missing or not valid.
    #[error("{}{_0}", unplaced(_0))]
    Proto(protox::Error),
}

impl From<protox::Error> for CompileError {
    fn from(error: protox::Error) -> Self {
        if error.is_parse() && at_fault(&error).as_deref() == Some("edition") {
            Self::Edition(error)
        } else {
            Self::Proto(error)
        }
    }
}

impl CompileError {
    fn inner(&self) -> Option<&protox::Error> {
        match self {
            Self::Edition(error) | Self::Proto(error) => Some(error),
            Self::Folder { .. } | Self::NoFiles { .. } => None,
        }
    }
}

impl Diagnostic for CompileError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        match self {
            Self::Edition(_) => Some(Box::new("write `syntax = \"proto3\";` or `syntax = \"proto2\";` instead")),
            Self::Proto(error) => error.help(),
            Self::Folder { .. } | Self::NoFiles { .. } => None,
        }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.inner()?.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.inner()?.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        match self {
            // What follows a statement that is not understood says nothing new.
            Self::Edition(_) => None,
            _ => self.inner()?.related(),
        }
    }

    fn diagnostic_source(&self) -> Option<&dyn Diagnostic> {
        self.inner()?.diagnostic_source()
    }
}

/// The text that the first label of an error points at.
fn at_fault(error: &protox::Error) -> Option<String> {
    let label = error.labels()?.next()?;
    let found = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
    let start = label.offset().checked_sub(found.span().offset())?;
    let text = found.data().get(start..start.checked_add(label.len())?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// The name of the file, for an error that nothing else connects with it.
fn unplaced(error: &protox::Error) -> String {
    let placed = error.labels().is_some_and(|mut labels| labels.next().is_some());
    match error.file() {
        Some(file) if !placed && !error.to_string().contains(file) => format!("{file}: "),
        _ => String::new(),
    }
}

fn list(roots: &[PathBuf]) -> String {
    let roots: Vec<_> = roots.iter().map(|root| format!("`{}`", root.display())).collect();
    if roots.is_empty() { "no folder at all".to_owned() } else { roots.join(", ") }
}
