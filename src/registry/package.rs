//! The package: a component with its descriptors and its manifest inside.

use std::collections::BTreeMap;
use std::fmt;

use prost_reflect::{DescriptorError, DescriptorPool};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use wasm_encoder::ComponentSection as _;
use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::config::{AllowedCallers, Import, Language, Name, Run, ServiceName};

/// Custom section with the encoded `google.protobuf.FileDescriptorSet`.
const DESCRIPTORS: &str = "okra:descriptors";
/// Custom section with the [`Manifest`] as JSON.
const MANIFEST: &str = "okra:manifest";

/// What a package says about itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// Version of this record's own shape: [`Manifest::FORMAT`].
    pub format: u32,
    /// Name of the project.
    pub name: Name,
    /// Version of the project.
    pub version: String,
    /// Services that the component exports with typed messages.
    pub serves: Vec<ServiceName>,
    /// Services that it imports.
    pub calls: Vec<ServiceName>,
    /// Services that it serves with encoded messages.
    pub raw: Vec<ServiceName>,
    /// Servers outside to which the calls of services go unless its operator says otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<ServiceName, Import>,
    /// Who may call what it serves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allowed_callers: AllowedCallers,
    /// How it is run unless its operator says otherwise.
    pub run: Run,
    /// What it was written in.
    pub language: Language,
    /// Version of the `okra` that built it.
    pub okra: String,
}

impl Manifest {
    /// The format that this version reads and writes.
    pub const FORMAT: u32 = 1;
}

/// A package: a `.wasm` file that is a component, with descriptors and a manifest in custom sections.
///
/// Any tool that reads components reads it. Whether the component does what the manifest says is found out when it is
/// linked.
#[derive(Clone)]
pub struct Package {
    component: Vec<u8>,
    descriptors: Vec<u8>,
    pool: DescriptorPool,
    manifest: Manifest,
    digest: Digest,
}

/// Why bytes are not a package.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum PackageError {
    /// Something else altogether.
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
        /// Where the section begins that is not complete.
        section: u64,
        /// Length of the file.
        length: u64,
    },
    /// The bytes are no WebAssembly behind the first few.
    #[error("not a valid WebAssembly component")]
    #[diagnostic(code(okra::package::malformed))]
    Malformed(#[source] wasmparser::BinaryReaderError),
    /// A component that was not packaged.
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
    /// The manifest was made by another version.
    #[error("the manifest has format {found}, and this okra reads format {}", Manifest::FORMAT)]
    #[diagnostic(code(okra::package::format), help("build the package again, or use a newer okra"))]
    UnknownFormat {
        /// The format in the file.
        found: u32,
    },
    /// The manifest is not what its format says.
    #[error("the manifest cannot be read")]
    #[diagnostic(code(okra::package::manifest), help("build the package again with this okra"))]
    BrokenManifest(#[source] serde_json::Error),
    /// The descriptors are no complete set.
    #[error("the descriptors cannot be read")]
    #[diagnostic(code(okra::package::descriptors), help("build the package again"))]
    BrokenDescriptors(#[source] Box<DescriptorError>),
    /// The manifest names a service of which the descriptors know nothing.
    #[error("the manifest names service `{service}`, which its descriptors do not have")]
    #[diagnostic(code(okra::package::service), help("correct the name in okra.toml, or add the .proto file"))]
    UnknownService {
        /// Full name of the service.
        service: ServiceName,
    },
}

impl Package {
    /// Reads a package.
    ///
    /// The component itself is not validated here: that is the compiler's work.
    ///
    /// # Errors
    /// When the bytes are no component, have no or broken descriptors or manifest, or the two do not go together.
    pub fn read(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let (mut descriptors, mut manifest) = (None, None);
        for section in sections(&bytes)? {
            match section.custom {
                Some((DESCRIPTORS, data)) => descriptors = Some(data.to_vec()),
                Some((MANIFEST, data)) => manifest = Some(data),
                _ => {}
            }
        }
        let manifest = read_manifest(manifest.ok_or(PackageError::NotPackaged { section: MANIFEST })?)?;
        let descriptors = descriptors.ok_or(PackageError::NotPackaged { section: DESCRIPTORS })?;
        let pool = read_descriptors(&descriptors, &manifest)?;
        let digest = Digest(sha2::Sha256::digest(&bytes).into());
        Ok(Self { component: bytes, descriptors, pool, manifest, digest })
    }

    /// Puts descriptors, an encoded `google.protobuf.FileDescriptorSet`, and a manifest into a component; those that
    /// are in it already are replaced.
    ///
    /// # Errors
    /// As [`Package::read`], but for missing sections.
    pub fn write(component: &[u8], descriptors: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PackageError> {
        read_descriptors(descriptors, manifest)?;
        let json = serde_json::to_vec(manifest).map_err(PackageError::BrokenManifest)?;
        let mut package = Vec::with_capacity(component.len() + descriptors.len() + json.len() + 64);
        for section in sections(component)? {
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

    /// The file: a component, custom sections included.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// The descriptors, an encoded `google.protobuf.FileDescriptorSet`.
    pub fn descriptors(&self) -> &[u8] {
        &self.descriptors
    }

    /// The descriptors, resolved.
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    /// What the package says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What tells this package from any other: the SHA-256 of the file.
    pub fn digest(&self) -> Digest {
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

/// The SHA-256 of a package; written as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn read_manifest(json: &[u8]) -> Result<Manifest, PackageError> {
    /// All that is sure to be in the manifest of every format.
    #[derive(Deserialize)]
    struct AnyFormat {
        format: u32,
    }

    let AnyFormat { format } = serde_json::from_slice(json).map_err(PackageError::BrokenManifest)?;
    if format != Manifest::FORMAT {
        return Err(PackageError::UnknownFormat { found: format });
    }
    serde_json::from_slice(json).map_err(PackageError::BrokenManifest)
}

fn read_descriptors(bytes: &[u8], manifest: &Manifest) -> Result<DescriptorPool, PackageError> {
    let pool = DescriptorPool::decode(bytes).map_err(|error| PackageError::BrokenDescriptors(Box::new(error)))?;
    let named = manifest.serves.iter().chain(&manifest.calls).chain(&manifest.raw);
    match named.into_iter().find(|service| pool.get_service_by_name(service).is_none()) {
        Some(service) => Err(PackageError::UnknownService { service: service.clone() }),
        None => Ok(pool),
    }
}

/// A part of the file: the header or a section of the outermost component, whatever is nested in it.
struct Section<'a> {
    bytes: &'a [u8],
    /// Name and data of a custom section.
    custom: Option<(&'a str, &'a [u8])>,
}

fn sections(component: &[u8]) -> Result<Vec<Section<'_>>, PackageError> {
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
            // Not known to be the last section, so the parser always asks for another.
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
        found.push(Section { bytes, custom });
        rest = behind;
    }
}

#[cfg(test)]
mod tests;
