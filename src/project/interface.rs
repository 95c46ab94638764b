//! The interface of a project: its services in descriptors and in WIT, compiled from its `.proto` files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use okra_codegen::compile::{CompileError, Compiled, compile_services, read_descriptors};
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::{Schema, Service};
use okra_codegen::type_pattern::is_match;
use okra_codegen::wit::{self, GeneratedFile, World};
use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::config::{ConfigError, Mistake, Project, Proto, ServiceName, TypePattern};
use crate::language::GuestProject;
use crate::project::ProjectError;
use crate::project::http_check::find_http_mistakes;
use crate::project::http_rules::add_http_rules;

/// The interface of a project.
pub(super) struct ProjectInterface {
    /// The encoded descriptors of the packages of the project's services, and of the files that these import.
    pub(super) descriptors: Vec<u8>,
    /// The project's services in WIT.
    pub(super) schema: Schema,
    /// The services that the project serves, and those that it calls.
    pub(super) world: World,
}

impl ProjectInterface {
    /// Compiles the `.proto` files of the project in `folder`.
    ///
    /// # Errors
    /// If they do not compile, do not define a service of `okra.toml`, or cannot be mapped to WIT.
    pub(super) fn compile(folder: &Path, project: &Project) -> Result<Self, ProjectError> {
        let proto = &project.proto;
        let all = compile_protos(folder, proto)?.pool;
        for (key, services) in [("serves", &proto.serves), ("calls", &proto.calls), ("raw", &proto.raw)] {
            if let Some(service) = services.iter().find(|service| all.get_service_by_name(service).is_none()) {
                let known = all.services().map(|service| service.full_name().to_owned()).collect();
                let mistake = Mistake::UnknownService { service: service.to_string(), known };
                return Err(ConfigError::at(folder, &["proto", key], mistake).into());
            }
        }
        for callable in project.allowed_callers.keys() {
            let methods = all
                .get_service_by_name(&callable.service)
                .into_iter()
                .flat_map(|service| service.methods().map(|method| method.name().to_owned()).collect::<Vec<_>>());
            let known: Vec<_> = methods.collect();
            if let Some(method) = callable.method.as_ref().filter(|method| !known.contains(method)) {
                let (service, method) = (callable.service.to_string(), method.clone());
                let mistake = Mistake::UnknownMethod { service, method, known };
                return Err(ConfigError::at(folder, &["allowed-callers", &callable.to_string()], mistake).into());
            }
        }
        let services = proto.serves.iter().chain(&proto.calls).chain(&proto.raw);
        let descriptors = select_descriptors(&all, services, &proto.types);
        let descriptors = add_http_rules(folder, project, descriptors)?;
        // Types are named among all types of a package, so the mapping must see the descriptors that are in the package.
        let pool = DescriptorPool::decode(descriptors.as_slice())
            .map_err(|error| ProjectError::Descriptors(Box::new(error)))?;
        for mistake in find_http_mistakes(&pool, proto.serves.iter().chain(&proto.raw)) {
            tracing::warn!("{mistake}");
        }
        let mut typed: Vec<&str> = Vec::new();
        for service in proto.serves.iter().chain(&proto.calls) {
            if !typed.contains(&&**service) {
                typed.push(service);
            }
        }
        let types: Vec<&str> = proto.types.iter().map(|pattern| &**pattern).collect();
        let names = |services: &[ServiceName]| services.iter().map(ToString::to_string).collect();
        Ok(Self {
            descriptors,
            schema: Schema::with_types(&pool, &typed, &types).map_err(|error| with_place(folder, error))?,
            world: World {
                name: project.name.to_string(),
                exports: names(&proto.serves),
                imports: names(&proto.calls),
                raw: !proto.raw.is_empty(),
            },
        })
    }

    /// Returns the project as its language sees it.
    pub(super) fn guest_project<'a>(&'a self, folder: &'a Path) -> GuestProject<'a> {
        GuestProject { folder, schema: &self.schema, world: &self.world }
    }

    /// Returns the files of the project's `wit` folder.
    pub(super) fn wit(&self) -> Vec<GeneratedFile> {
        wit::generate(&self.schema, &self.world)
    }

    /// Returns the full name of the WIT interface of a service with typed messages, such as `shop:billing/billing@1.0.0`.
    pub(super) fn wit_name(&self, service: &ServiceName) -> Option<String> {
        let found: &Service = self.schema.services.iter().find(|found| found.full_name == **service)?;
        let package = self.schema.packages.get(found.package)?;
        Some(format!("{}:{}/{}@{}", package.namespace, package.name, found.wit_name, package.version))
    }
}

/// Compiles the files that define the project's services, or reads the project's descriptors.
///
/// # Errors
/// If a file that is needed does not compile or a service is not defined.
fn compile_protos(folder: &Path, proto: &Proto) -> Result<Compiled, ProjectError> {
    if let Some(descriptors) = &proto.descriptors {
        return Ok(read_descriptors(&folder.join(descriptors))?);
    }
    let roots: Vec<PathBuf> = proto.include.iter().map(|root| folder.join(root)).collect();
    let lists = [("serves", &proto.serves), ("calls", &proto.calls), ("raw", &proto.raw)];
    let services: Vec<&str> =
        lists.iter().flat_map(|(_, services)| services.iter().map(|service| &**service)).collect();
    let types: Vec<&str> = proto.types.iter().map(|pattern| &**pattern).collect();
    match compile_services(&roots, &services, &types) {
        Err(CompileError::UnknownService { service, known }) => {
            let has_service = |services: &[ServiceName]| services.iter().any(|name| **name == service);
            let key = lists.iter().find(|(_, services)| has_service(services)).map_or("serves", |(key, _)| key);
            Err(ConfigError::at(folder, &["proto", key], Mistake::UnknownService { service, known }).into())
        }
        Err(CompileError::UnknownType { pattern, known }) => {
            Err(ConfigError::at(folder, &["proto", "types"], Mistake::UnknownType { pattern, known }).into())
        }
        Err(error) => Err(error.into()),
        Ok(compiled) => {
            for file in &compiled.left_out {
                tracing::warn!(
                    file = file.file,
                    reason = file.reason,
                    "a .proto file that no service needs is left out"
                );
            }
            Ok(compiled)
        }
    }
}

/// Adds the place in `okra.toml` to the error of a type that is not there: of a file that is, or of descriptors.
fn with_place(folder: &Path, error: SchemaError) -> ProjectError {
    match error {
        SchemaError::UnknownType { pattern, known } => {
            ConfigError::at(folder, &["proto", "types"], Mistake::UnknownType { pattern, known }).into()
        }
        error => error.into(),
    }
}

/// Returns the encoded descriptors of the packages that services are in, of the files with the types that `okra.toml` names, and
/// of all files that these import. Other files of the same folders are left out. Packages are complete, so that messages for
/// error details are included.
fn select_descriptors<'a>(
    pool: &DescriptorPool,
    services: impl Iterator<Item = &'a ServiceName>,
    types: &[TypePattern],
) -> Vec<u8> {
    let packages: BTreeSet<String> = services
        .filter_map(|service| pool.get_service_by_name(service))
        .map(|service| service.parent_file().package_name().to_owned())
        .collect();
    let mut chosen = BTreeSet::new();
    let is_wanted = |package: &str, full_name: &str| types.iter().any(|pattern| is_match(pattern, package, full_name));
    let messages = pool.all_messages().filter(|found| is_wanted(found.package_name(), found.full_name()));
    let enums = pool.all_enums().filter(|found| is_wanted(found.package_name(), found.full_name()));
    let of_services = pool.files().filter(|file| packages.contains(file.package_name()));
    let of_types = messages.map(|found| found.parent_file()).chain(enums.map(|found| found.parent_file()));
    let mut open: Vec<FileDescriptor> = of_services.chain(of_types).collect();
    while let Some(file) = open.pop() {
        if chosen.insert(file.name().to_owned()) {
            open.extend(file.dependencies());
        }
    }
    let mut set = Vec::new();
    for file in pool.files().filter(|file| chosen.contains(file.name())) {
        // Field 1 of google.protobuf.FileDescriptorSet; file by file, because custom options are lost otherwise.
        prost::encoding::bytes::encode(1, &file.encode_to_vec(), &mut set);
    }
    set
}
