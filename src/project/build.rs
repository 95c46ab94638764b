//! From a project to its package. What compiles the sources of a language is a room of its own; each gives the component
//! and the file that it came from.

mod dependencies;
mod go;
mod python;
mod runtime;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use super::generate::write;
use super::interface::Interface;
use super::{Change, ProjectError, is_stale};
use crate::config::{Language, Project, ServiceName};
use crate::package::{Manifest, Package};

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
        (None, Language::Rust | Language::Component) => rust::compile(folder)?,
        (None, Language::Go) => go::compile(folder, &interface)?,
        (None, Language::Python) => python::compile(folder, &project, &interface)?,
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
