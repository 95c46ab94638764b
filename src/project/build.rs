//! The build of a project's package. The language compiles the sources; the component is packed and checked here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use okra_codegen::contract::RAW_INTERFACE;
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use crate::config::{ConfigError, Mistake, Project, ServiceName};
use crate::language::{BuiltComponent, ComponentStart, FileError, find_language};
use crate::package::{Manifest, Package};
use crate::project::build_record::BuildRecord;
use crate::project::generate::write_changes;
use crate::project::interface::ProjectInterface;
use crate::project::snapshot::take_snapshot;
use crate::project::{FileChange, ProjectError, is_stale};

/// The version of this `okra` with the fingerprint of the SDKs and generators in it, as manifests have it.
pub(super) const BUILDER: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("OKRA_SDK_FINGERPRINT"));

/// The package that [`build_project`] has written.
#[derive(Clone, Debug)]
pub struct BuiltPackage {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The generated files that were not up to date before the build.
    pub changes: Vec<FileChange>,
    /// The stages of the build, in their order. A single stage: nothing had changed.
    pub stages: Vec<BuildStage>,
    /// Why each instance runs the start of the component, which takes time. None if instances begin behind it, or the component
    /// has none.
    pub start_reason: Option<String>,
}

/// A stage of a build.
#[derive(Clone, Copy, Debug)]
pub struct BuildStage {
    /// The work, such as `compile`.
    pub name: &'static str,
    /// How long it took.
    pub elapsed: Duration,
}

/// A clock that takes the time of the stages.
struct StageClock {
    start: Instant,
    stages: Vec<BuildStage>,
}

impl StageClock {
    fn start() -> Self {
        Self { start: Instant::now(), stages: Vec::new() }
    }

    fn finish_stage(&mut self, name: &'static str) {
        let now = Instant::now();
        self.stages.push(BuildStage { name, elapsed: now - self.start });
        self.start = now;
    }
}

/// Returns the path of a project's package, if the build is not given another one.
pub(super) fn package_path(folder: &Path, project: &Project) -> PathBuf {
    folder.join("target/okra").join(format!("{}.wasm", project.name))
}

/// Builds the package of the project in `folder`: generates the files that are not up to date, compiles, and packs the
/// component with descriptors and manifest. If nothing has changed since the last build, nothing is done. The package is written to `output`, or to `target/okra/NAME.wasm` in the project.
/// The compiler's messages go to stderr.
///
/// # Errors
/// If the project is not valid, its toolchain is missing, it does not compile, or its component does not export the services
/// of `okra.toml`. An earlier package is left as it was.
pub fn build_project(folder: &Path, output: Option<&Path>) -> Result<BuiltPackage, ProjectError> {
    let mut clock = StageClock::start();
    let project = Project::load(folder)?;
    let path = output.map_or_else(|| package_path(folder, &project), Path::to_owned);
    let last = BuildRecord::load(folder, &project);
    if let Some(last) = &last
        && last.is_current(folder, &project, &path)?
    {
        let size_bytes = fs::metadata(&path).map_err(FileError::on("read", &path))?.len();
        clock.finish_stage("nothing has changed");
        return Ok(BuiltPackage { path, size_bytes, changes: Vec::new(), stages: clock.stages, start_reason: None });
    }
    BuildRecord::remove(folder, &project);

    let interface = ProjectInterface::compile(folder, &project)?;
    let changes = write_changes(folder, &project, &interface)?;
    clock.finish_stage("generate");
    let before = BuildRecord::take(folder, &project, &path, Vec::new(), last.as_ref())?;
    let mut component = match (&project.component, find_language(project.language)) {
        (Some(component_path), _) => {
            let path = folder.join(component_path);
            let bytes = fs::read(&path).map_err(FileError::on("read", &path))?;
            BuiltComponent { path, bytes, start: ComponentStart::OfInstance, outside: Some(Vec::new()) }
        }
        (None, Some(language)) => language.build_component(&interface.guest_project(folder))?,
        (None, None) => return Err(ConfigError::at(folder, &["language"], Mistake::ComponentMissing).into()),
    };
    clock.finish_stage("compile");
    let (has_snapshot, start_reason) = match take_snapshot(&mut component, &project.name) {
        Ok(has_snapshot) => (has_snapshot, None),
        Err(reason) => (true, Some(reason)),
    };
    if has_snapshot {
        clock.finish_stage("start");
    }
    let package = Package::write(&component.bytes, &interface.descriptors, &make_manifest(&project))
        .map_err(|error| ProjectError::Package { component: component.path.clone(), source: error })?;
    check_exports(&component, &project, &interface)?;

    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(FileError::on("make the folder", parent))?;
    // Renamed into place, so that no reader sees half of it.
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(FileError::on("write into", parent))?;
    std::io::Write::write_all(&mut file, &package).map_err(FileError::on("write", &path))?;
    file.persist(&path).map_err(|error| FileError::on("write", &path)(error.error))?;
    if let Some(outside) = component.outside {
        let after = BuildRecord::take(folder, &project, &path, outside, Some(&before))?;
        // A file that changed while the compiler ran may have been read before or after.
        if after.has_read(&before) {
            after.save(folder, &project)?;
        }
    }
    clock.finish_stage("pack");
    Ok(BuiltPackage { path, size_bytes: package.len() as u64, changes, stages: clock.stages, start_reason })
}

/// Returns the package of the project in `folder`, which is built first if it [is stale](is_stale).
///
/// # Errors
/// The same as of [`build_project`].
pub fn build_if_stale(folder: &Path) -> Result<PathBuf, ProjectError> {
    if is_stale(folder)? {
        return Ok(build_project(folder, None)?.path);
    }
    Ok(package_path(folder, &Project::load(folder)?))
}

/// Returns the manifest of a project's package.
pub(crate) fn make_manifest(project: &Project) -> Manifest {
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
        okra: BUILDER.to_owned(),
    }
}

/// Checks that the component exports the interface of each service that is served. The link compares the types.
fn check_exports(
    component: &BuiltComponent,
    project: &Project,
    interface: &ProjectInterface,
) -> Result<(), ProjectError> {
    let unreadable = |reason: String| ProjectError::Component { path: component.path.clone(), reason };
    let decoded = wit_component::decode(&component.bytes).map_err(|error| unreadable(format!("{error:#}")))?;
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
    let check_export = |service: &ServiceName, interface: String| {
        if exported.contains(&interface) {
            return Ok(());
        }
        Err(ProjectError::NotExported { interface, service: service.clone() })
    };
    for service in &project.proto.serves {
        if let Some(interface) = interface.wit_name(service) {
            check_export(service, interface)?;
        }
    }
    project.proto.raw.iter().try_for_each(|service| check_export(service, RAW_INTERFACE.to_owned()))
}
