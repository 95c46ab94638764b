//! The format of packages: a component with its descriptors and its manifest in custom sections.
//!
//! A package is read and written here as bytes. Files are read by the caller, and the component is validated when it is
//! compiled.

mod well_known;

use std::collections::BTreeMap;
use std::fmt;
use std::panic;

use prost::Message as _;
use prost_reflect::{DescriptorError, DescriptorPool};
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use wasm_encoder::ComponentSection as _;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::config::{AllowedCallers, Import, Language, Name, Run, ServiceName, unit};
use crate::package::well_known::ForeignFile;

/// Custom section with the encoded `google.protobuf.FileDescriptorSet`.
const DESCRIPTORS: &str = "okra:descriptors";
/// Custom section with the [`Manifest`] as JSON.
const MANIFEST: &str = "okra:manifest";

/// The manifest of a package: its project, its services and how it is run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest's own shape: [`Manifest::FORMAT`].
    pub format: u32,
    /// Name of the project.
    pub name: Name,
    /// Version of the project, by <https://semver.org>.
    #[serde(deserialize_with = "unit::version")]
    pub version: String,
    /// Services that the component exports with typed messages.
    pub serves: Vec<ServiceName>,
    /// Services that it imports.
    pub calls: Vec<ServiceName>,
    /// Services that it serves with encoded messages.
    pub raw: Vec<ServiceName>,
    /// Servers outside of OKRA that serve the services of `calls`, unless the operator sets others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<ServiceName, Import>,
    /// Callers of its services and methods. A service without an entry can be called by every caller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed_callers: AllowedCallers,
    /// Limits and isolation of its instances, unless the operator sets others.
    pub run: Run,
    /// Language of its sources.
    pub language: Language,
    /// Version of the `okra` that built it, with the fingerprint of its SDKs as build metadata.
    pub okra: String,
}

impl Manifest {
    /// The only format that this version of OKRA reads and writes.
    pub const FORMAT: u32 = 1;
}

/// A package: a `.wasm` file that is a component, with descriptors and a manifest in custom sections.
///
/// Every tool that reads components reads it. The link checks whether the component exports and imports what the manifest
/// names.
#[derive(Clone)]
pub struct Package {
    component: Vec<u8>,
    descriptors: Vec<u8>,
    pool: DescriptorPool,
    manifest: Manifest,
    digest: PackageDigest,
}

/// The reason why bytes are not a package.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PackageError {
    /// The bytes do not begin with the magic number of WebAssembly.
    #[error("not a WebAssembly file: it does not begin with `\\0asm`")]
    #[diagnostic(code(okra::package::not_wasm))]
    NotWasm,
    /// A core module, as `wasm32-unknown-unknown` and `wasm32-wasip1` give.
    #[error("a core WebAssembly module, not a component")]
    #[diagnostic(
        code(okra::package::core_module),
        help("build a component: `okra build` does, and so does `cargo build --target wasm32-wasip2`")
    )]
    CoreModule,
    /// The file ends too early.
    #[error(
        "the file is cut off: a section that begins at byte {section} needs more than the {length} bytes there are"
    )]
    #[diagnostic(code(okra::package::truncated), help("copy or build it again"))]
    Truncated {
        /// Offset of the section that is not complete.
        section: u64,
        /// Length of the file in bytes.
        length: u64,
    },
    /// The bytes after the magic number are not valid WebAssembly.
    #[error("not a valid WebAssembly component")]
    #[diagnostic(code(okra::package::malformed))]
    Malformed(#[source] wasmparser::BinaryReaderError),
    /// The component has no section of a package.
    #[error("a component without `{section}` section: it is not packaged")]
    #[diagnostic(
        code(okra::package::not_packaged),
        help(
            "`okra build` packages a project; with `language = \"component\"` in its okra.toml it packages a component \
             that was built elsewhere"
        )
    )]
    NotPackaged {
        /// Name of the missing section.
        section: &'static str,
    },
    /// The manifest has a format of another version of OKRA.
    #[error("the manifest has format {format}, and this okra reads format {}", Manifest::FORMAT)]
    #[diagnostic(code(okra::package::format), help("build the package again, or use a newer okra"))]
    UnknownFormat {
        /// The format in the file.
        format: u32,
    },
    /// The manifest is not JSON of its format.
    #[error("the manifest cannot be read")]
    #[diagnostic(code(okra::package::manifest), help("build the package again with this okra"))]
    BrokenManifest(#[source] serde_json::Error),
    /// The descriptors are not a complete `FileDescriptorSet`.
    #[error("the descriptors cannot be read")]
    #[diagnostic(code(okra::package::descriptors), help("build the package again"))]
    BrokenDescriptors(#[source] Box<DescriptorError>),
    /// A file of the descriptors has a syntax that protobuf does not have.
    #[error("in the descriptors, file `{file}` has the syntax {syntax:?}, and not proto2 or proto3")]
    #[diagnostic(code(okra::package::syntax), help("build the package again"))]
    UnknownSyntax {
        /// Name of the file.
        file: String,
        /// Its syntax.
        syntax: String,
    },
    /// The descriptors contradict themselves in a way that no compiler makes.
    #[error("the descriptors are none that a compiler makes")]
    #[diagnostic(code(okra::package::impossible), help("build the package again"))]
    ImpossibleDescriptors,
    /// A file of `google.protobuf` is not the one of protobuf.
    #[error("the descriptors have a file `{file}` that differs from protobuf's own, where {difference}")]
    #[diagnostic(
        code(okra::package::well_known),
        help(
            "messages of google.protobuf are protobuf's: build the package with its files, or move yours to another package"
        )
    )]
    ForeignWellKnown {
        /// Name of the file.
        file: String,
        /// The difference.
        difference: String,
    },
    /// The manifest names a service that the descriptors do not define.
    #[error("the manifest names service `{service}`, which its descriptors do not define")]
    #[diagnostic(code(okra::package::service), help("correct the name in okra.toml, or add the .proto file"))]
    UnknownService {
        /// Full name of the service.
        service: ServiceName,
    },
}

impl Package {
    /// Reads a package. The component is not validated: wasmtime does that when it compiles it.
    ///
    /// # Errors
    /// If the bytes are not a component, if the descriptors or the manifest are missing or cannot be read, or if the manifest
    /// names a service that the descriptors do not define.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let (mut descriptors, mut manifest) = (None, None);
        for section in split_sections(&bytes)? {
            match section.custom {
                Some((DESCRIPTORS, data)) => descriptors = Some(data.to_vec()),
                Some((MANIFEST, data)) => manifest = Some(data),
                _ => {}
            }
        }
        let manifest = read_manifest(manifest.ok_or(PackageError::NotPackaged { section: MANIFEST })?)?;
        let descriptors = descriptors.ok_or(PackageError::NotPackaged { section: DESCRIPTORS })?;
        let pool = read_descriptors(&descriptors, &manifest)?;
        let digest = PackageDigest(sha2::Sha256::digest(&bytes).into());
        Ok(Self { component: bytes, descriptors, pool, manifest, digest })
    }

    /// Returns `component` with these descriptors, an encoded `google.protobuf.FileDescriptorSet`, and this manifest. They
    /// replace the ones that are in the component already.
    ///
    /// # Errors
    /// The same as of [`Package::read`], except for missing sections.
    pub fn write(component: &[u8], descriptors: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
        read_descriptors(descriptors, manifest)?;
        let json = serde_json::to_vec(manifest).map_err(PackageError::BrokenManifest)?;
        let mut package = Vec::with_capacity(component.len() + descriptors.len() + json.len() + 64);
        for section in split_sections(component)? {
            if !matches!(section.custom, Some((DESCRIPTORS | MANIFEST, _))) {
                package.extend_from_slice(section.bytes);
            }
        }
        for (name, data) in [(DESCRIPTORS, descriptors), (MANIFEST, &json)] {
            let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
            section.append_to_component(&mut package);
        }
        Ok(package)
    }

    /// Returns the bytes of the file: a component with its custom sections.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// Returns the descriptors, an encoded `google.protobuf.FileDescriptorSet`.
    pub fn descriptors(&self) -> &[u8] {
        &self.descriptors
    }

    /// Returns the pool of the descriptors.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the SHA-256 of the file, which identifies the package.
    pub fn digest(&self) -> PackageDigest {
        self.digest
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package")
            .field("manifest", &self.manifest)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a package, displayed as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageDigest([u8; 32]);

impl PackageDigest {
    /// Returns the 32 bytes of the hash.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for PackageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PackageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn read_manifest(json: &[u8]) -> Result<Manifest, PackageError> {
    /// The part that manifests of all formats have.
    #[derive(Deserialize)]
    struct AnyFormat {
        format: u32,
    }

    let AnyFormat { format } = serde_json::from_slice(json).map_err(PackageError::BrokenManifest)?;
    if format != Manifest::FORMAT {
        return Err(PackageError::UnknownFormat { format });
    }
    serde_json::from_slice(json).map_err(PackageError::BrokenManifest)
}

/// Checks that each file has a syntax of protobuf.
///
/// # Errors
/// The first file that has another one.
fn check_syntax(descriptors: &[u8]) -> Result<(), PackageError> {
    // Bytes that are no descriptors at all are refused when all of them are read.
    let Ok(set) = FileDescriptorSet::decode(descriptors) else { return Ok(()) };
    let is_unknown = |file: &FileDescriptorProto| !matches!(file.syntax.as_deref(), None | Some("proto2" | "proto3"));
    let unknown = set.file.into_iter().find(is_unknown);
    match unknown {
        Some(file) => {
            Err(PackageError::UnknownSyntax { file: file.name().to_owned(), syntax: file.syntax().to_owned() })
        }
        None => Ok(()),
    }
}

fn read_descriptors(bytes: &[u8], manifest: &Manifest) -> Result<DescriptorPool, PackageError> {
    check_syntax(bytes)?;
    // The library takes descriptors of compilers, and panics at some that no compiler would make.
    let pool =
        panic::catch_unwind(|| DescriptorPool::decode(bytes)).map_err(|_| PackageError::ImpossibleDescriptors)?;
    let pool = pool.map_err(|error| PackageError::BrokenDescriptors(Box::new(error)))?;
    well_known::check_well_known_files(&pool)
        .map_err(|ForeignFile { file, difference }| PackageError::ForeignWellKnown { file, difference })?;
    let named = manifest.serves.iter().chain(&manifest.calls).chain(&manifest.raw);
    match named.into_iter().find(|service| pool.get_service_by_name(service).is_none()) {
        Some(service) => Err(PackageError::UnknownService { service: service.clone() }),
        None => Ok(pool),
    }
}

/// A part of the file: the header, or a section of the outermost component with everything that is nested in it.
struct FileSection<'a> {
    bytes: &'a [u8],
    /// Name and data of a custom section.
    custom: Option<(&'a str, &'a [u8])>,
}

fn split_sections(component: &[u8]) -> Result<Vec<FileSection<'_>>, PackageError> {
    let magic = component.get(..4).unwrap_or(component);
    if magic.is_empty() || !b"\0asm".starts_with(magic) {
        return Err(PackageError::NotWasm);
    }
    let mut parser = Parser::new(0);
    let mut rest = component;
    let mut found = Vec::new();
    loop {
        let section = component.len().saturating_sub(rest.len()) as u64;
        let truncated = PackageError::Truncated { section, length: component.len() as u64 };
        let (consumed, payload) = match parser.parse(rest, false).map_err(PackageError::Malformed)? {
            // The parser does not know that a section is the last one, so it asks for more bytes at the end of the file.
            Chunk::NeedMoreData(_) if rest.is_empty() && section > 0 => return Ok(found),
            Chunk::NeedMoreData(_) => return Err(truncated),
            Chunk::Parsed { consumed, payload } => (consumed, payload),
        };
        let (nested, custom) = match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(PackageError::CoreModule),
            Payload::ModuleSection { unchecked_range: nested, .. }
            | Payload::ComponentSection { unchecked_range: nested, .. } => {
                (nested.end.saturating_sub(nested.start), None)
            }
            Payload::CustomSection(custom) => (0, Some((custom.name(), custom.data()))),
            _ => (0, None),
        };
        let length = usize::try_from(nested).ok().and_then(|nested| consumed.checked_add(nested));
        let Some((bytes, behind)) = length.and_then(|length| rest.split_at_checked(length)) else {
            return Err(truncated);
        };
        found.push(FileSection { bytes, custom });
        rest = behind;
    }
}

#[cfg(test)]
mod tests;
