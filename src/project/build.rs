use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use super::generate::write;
use super::interface::Interface;
use super::{Change, ProjectError, is_stale};
use crate::config::{Language, Project, ServiceName};
use crate::registry::{Manifest, Package};
use crate::toolchain::{Machine, RustToolchain};

/// What [`build`] made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The package.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What had to be generated first.
    pub changes: Vec<Change>,
}

/// Where the package of a project is unless another place is asked for.
pub(super) fn package_path(folder: &Path, project: &Project) -> PathBuf {
    folder.join("target/okra").join(format!("{}.wasm", project.name))
}

/// Builds the package of the project in `folder`: generates what is not up to date, compiles, and packs the component
/// with descriptors and manifest. It is written to `output`, or to `target/okra/NAME.wasm` in the project.
///
/// The compiler speaks to stderr itself.
///
/// # Errors
/// When the project is wrong, there is no compiler for it, it does not compile, or its component does not export what
/// `okra.toml` says. An earlier package is left as it was.
pub fn build(folder: &Path, output: Option<&Path>) -> Result<Built, ProjectError> {
    let project = Project::load(folder)?;
    let interface = Interface::compile(folder, &project)?;
    let changes = write(folder, &project, &interface)?;
    let (source, component) = match (&project.component, project.language) {
        (Some(component), _) => {
            let path = folder.join(component);
            let bytes = fs::read(&path).map_err(ProjectError::io("read", &path))?;
            (path, bytes)
        }
        (None, Language::Rust | Language::Component) => compile_rust(folder)?,
    };
    let package = Package::write(&component, &interface.descriptors, &manifest(&project))
        .map_err(|error| ProjectError::Package { component: source.clone(), source: error })?;
    check_exports(&source, &component, &project, &interface)?;

    let path = output.map_or_else(|| package_path(folder, &project), Path::to_owned);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(ProjectError::io("make the folder", parent))?;
    // Renamed into place, so that nobody ever reads half of it.
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(ProjectError::io("write into", parent))?;
    std::io::Write::write_all(&mut file, &package).map_err(ProjectError::io("write", &path))?;
    file.persist(&path).map_err(|error| ProjectError::io("write", &path)(error.error))?;
    Ok(Built { path, size: package.len() as u64, changes })
}

/// The package of the project in `folder`, built first when it [is stale](is_stale).
///
/// # Errors
/// As [`build`].
pub fn build_if_stale(folder: &Path) -> Result<PathBuf, ProjectError> {
    if is_stale(folder)? {
        return Ok(build(folder, None)?.path);
    }
    Ok(package_path(folder, &Project::load(folder)?))
}

/// What the package of a project says about itself.
pub(crate) fn manifest(project: &Project) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        name: project.name.clone(),
        version: project.version.clone(),
        serves: project.proto.serves.clone(),
        calls: project.proto.calls.clone(),
        raw: project.proto.raw.clone(),
        imports: project.imports.clone(),
        allowed_callers: project.allowed_callers.clone(),
        run: project.run.clone(),
        language: project.language,
        okra: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The component that cargo makes of the project, and where.
fn compile_rust(folder: &Path) -> Result<(PathBuf, Vec<u8>), ProjectError> {
    let folder = &folder.canonicalize().map_err(ProjectError::io("find", folder))?;
    let toolchain = RustToolchain::find_or_add(&Machine::here(folder))?;
    let target = target_folder(folder);
    fs::create_dir_all(&target).map_err(ProjectError::io("make the folder", &target))?;
    // Projects of one name write one file: nobody else may build until it has been read.
    let lock_path = target.join("okra.lock");
    let lock = File::create(&lock_path).map_err(ProjectError::io("write", &lock_path))?;
    lock.lock().map_err(ProjectError::io("lock", &lock_path))?;

    let mut cargo = toolchain.cargo_build();
    cargo.args(["--release", "--message-format", "json-render-diagnostics"]);
    cargo.env("CARGO_TARGET_DIR", &target).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let failed = |source| crate::toolchain::ToolchainError::Run { command: "cargo build".to_owned(), source };
    let mut child = cargo.spawn().map_err(failed)?;
    let mut messages = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut messages).map_err(failed)?;
    }
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(ProjectError::Cargo { folder: folder.clone(), status });
    }
    let path = artifact(&messages, &folder.join("Cargo.toml"))
        .ok_or_else(|| ProjectError::NoComponent { folder: folder.clone() })?;
    let component = fs::read(&path).map_err(ProjectError::io("read", &path))?;
    Ok((path, component))
}

/// Where cargo builds guests: `CARGO_TARGET_DIR` if set, else one folder for all projects, so that what they have in
/// common is compiled once.
fn target_folder(folder: &Path) -> PathBuf {
    let set = env::var_os("CARGO_TARGET_DIR").filter(|set| !set.is_empty());
    match (set, etcetera::choose_base_strategy()) {
        // Relative to where we were started, as cargo understands it.
        (Some(set), _) => env::current_dir().unwrap_or_default().join(set),
        (None, Ok(strategy)) => etcetera::BaseStrategy::cache_dir(&strategy).join("okra/guests"),
        (None, Err(_)) => folder.join("target"),
    }
}

/// The `.wasm` file among what cargo says it made of the package with this `Cargo.toml`.
fn artifact(messages: &[u8], manifest: &Path) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        reason: String,
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }

    let artifacts = messages.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let mut of_package = artifacts
        .filter(|artifact: &Artifact| artifact.reason == "compiler-artifact" && artifact.manifest_path == manifest);
    of_package.find_map(|artifact| {
        artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|it| it == "wasm"))
    })
}

/// That the component exports the interface of each service that is served; whether their types agree is found out when
/// it is linked.
fn check_exports(path: &Path, component: &[u8], project: &Project, interface: &Interface) -> Result<(), ProjectError> {
    let unreadable = |reason: String| ProjectError::Component { path: path.to_owned(), reason };
    let decoded = wit_component::decode(component).map_err(|error| unreadable(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(unreadable("it is a WIT package".to_owned()));
    };
    let exports = resolve.worlds.get(world).map(|world| &world.exports);
    let exported: Vec<String> = exports
        .into_iter()
        .flat_map(|exports| exports.values())
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => resolve.id_of(*id),
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        })
        .collect();
    let missing = |service: &ServiceName, interface: String| {
        if exported.contains(&interface) {
            return Ok(());
        }
        Err(ProjectError::NotExported { interface, service: service.clone() })
    };
    for service in &project.proto.serves {
        if let Some(interface) = interface.wit_name(service) {
            missing(service, interface)?;
        }
    }
    project.proto.raw.iter().try_for_each(|service| missing(service, "okra:service/raw@0.1.0".to_owned()))
}
