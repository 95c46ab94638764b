//! The errors of importing a project.

use std::path::PathBuf;

use crate::config::Language;
use crate::language::FileError;

/// The reason why a project cannot be imported.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ImportError {
    /// A file or folder cannot be read or written.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(#[from] FileError),
    /// No source file uses a framework that is known.
    #[error("{} has no file that imports {expected}", folder.display())]
    #[diagnostic(
        code(okra::import::no_framework),
        help(
            "looked at {files} files below it; name the folder with the sources of the service. `okra new NAME --lang rust` \
             makes a new project"
        )
    )]
    NoFramework {
        /// The folder.
        folder: PathBuf,
        /// The imports that were looked for.
        expected: String,
        /// The number of files that were looked at.
        files: usize,
    },
    /// Sources of several languages use gRPC.
    #[error("{} has services in Go and in Python", folder.display())]
    #[diagnostic(
        code(okra::import::several_languages),
        help("a project has one language: choose it with `--lang go` or `--lang python`, or name the folder of one")
    )]
    SeveralLanguages {
        /// The folder.
        folder: PathBuf,
    },
    /// The chosen language has no framework that is known.
    #[error("a project in {language:?} cannot be imported: only services of grpc-go and of grpcio can")]
    #[diagnostic(code(okra::import::language), help("write `--lang go` or `--lang python`"))]
    Language {
        /// The language.
        language: Language,
    },
    /// There are no `.proto` files.
    #[error("no .proto files below {}", folder.display())]
    #[diagnostic(
        code(okra::import::no_protos),
        help(
            "copy the .proto files of the services into {}, or write okra.toml by hand with descriptors that protoc or buf \
             made: `[proto] descriptors = \"FILE\"`. Not looked at: {skipped}",
            folder.join("proto").display()
        )
    )]
    NoProtos {
        /// The folder.
        folder: PathBuf,
        /// Names of the folders that are skipped.
        skipped: String,
    },
    /// No source serves a service.
    #[error("{} serves no service: no file has {expected}", folder.display())]
    #[diagnostic(
        code(okra::import::nothing_served),
        help(
            "a project of OKRA serves at least one service; clients stay as they are, and call `okra serve` like any server"
        )
    )]
    NothingServed {
        /// The folder.
        folder: PathBuf,
        /// The calls that were looked for.
        expected: &'static str,
    },
}
