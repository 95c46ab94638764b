//! `grpc.reflection.v1`, made from the descriptors of the catalog.
//! <https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Request, Response};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, MessageDescriptor, Value};
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::gateway::catalog::Catalog;
use crate::gateway::describe::MAX_QUESTION_BYTES;

/// The services of the gateway itself, with their descriptors.
const OWN: [(&str, &[u8]); 3] = [
    ("grpc.health.v1.Health", tonic_health::pb::FILE_DESCRIPTOR_SET),
    ("grpc.reflection.v1.ServerReflection", tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET),
    ("grpc.reflection.v1alpha.ServerReflection", tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET),
];

type Server = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Serves `grpc.reflection.v1` from the current catalog.
#[derive(Debug, Default)]
pub(crate) struct ReflectionService {
    built: Mutex<Option<(Arc<Catalog>, Server)>>,
}

impl ReflectionService {
    pub(crate) async fn serve(&self, catalog: Arc<Catalog>, request: Request<Body>) -> Response<Body> {
        match self.server(catalog) {
            Ok(server) => server.oneshot(request).await.unwrap_or_else(|never| match never {}),
            Err(error) => {
                tracing::error!(%error, "reflection cannot describe the catalog");
                tonic::Status::internal(format!("the descriptors of the catalog are not valid: {error}")).into_http()
            }
        }
    }

    /// Returns the server for the catalog, built anew when that has changed.
    fn server(&self, catalog: Arc<Catalog>) -> Result<Server, ReflectionError> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, server)) = &*built
            && Arc::ptr_eq(of, &catalog)
        {
            return Ok(server.clone());
        }
        let server = build(&catalog)?;
        *built = Some((catalog, server.clone()));
        Ok(server)
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReflectionError {
    #[error(transparent)]
    Descriptor(#[from] prost_reflect::DescriptorError),
    #[error(transparent)]
    Decode(#[from] prost::DecodeError),
    #[error(transparent)]
    Server(#[from] tonic_reflection::server::Error),
}

fn build(catalog: &Catalog) -> Result<Server, ReflectionError> {
    let mut files = DescriptorFiles::default();
    for (_, descriptors) in OWN {
        for file in DescriptorPool::decode(descriptors)?.files() {
            files.add(&file, &mut HashMap::new())?;
        }
    }
    // When two files define one symbol, the later one counts: the file of a service must be the one of its own package, not
    // the one of a package that calls it.
    let mut of_services = HashSet::new();
    for service in catalog.services() {
        let name = files.add(&service.descriptor().parent_file(), &mut HashMap::new())?;
        of_services.insert(name);
    }
    files.in_order.sort_by_key(|name| of_services.contains(name));
    let set = files.encode();
    let mut builder = tonic_reflection::server::Builder::configure()
        .include_reflection_service(false)
        .register_encoded_file_descriptor_set(&set);
    for name in catalog.services().map(|service| &**service.name()).chain(OWN.map(|(name, _)| name)) {
        builder = builder.with_service_name(name);
    }
    Ok(BoxCloneSyncService::new(builder.build_v1()?.max_decoding_message_size(MAX_QUESTION_BYTES)))
}

/// Files of many pools under names that tell them apart: packages may bring different files of one name.
#[derive(Default)]
struct DescriptorFiles {
    encoded: HashMap<String, Vec<u8>>,
    in_order: Vec<String>,
}

/// `google.protobuf.FileDescriptorSet` with its files as bytes.
#[derive(prost::Message)]
struct EncodedFileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    file: Vec<Vec<u8>>,
}

impl DescriptorFiles {
    /// Adds a file and all that it imports; returns the name that it has here. `known` maps the names of one pool.
    ///
    /// Without recursion: a chain of imports may have any length.
    fn add(&mut self, file: &FileDescriptor, known: &mut HashMap<String, String>) -> Result<String, ReflectionError> {
        // Files whose imports are being added, each behind the file that imports it.
        let mut open = vec![(file.clone(), file.dependencies().collect::<Vec<_>>())];
        let mut name = file.name().to_owned();
        while let Some((file, imports)) = open.last_mut() {
            if let Some(import) = imports.pop() {
                if !known.contains_key(import.name()) {
                    let imports = import.dependencies().collect();
                    open.push((import, imports));
                }
                continue;
            }
            name = match known.get(file.name()) {
                Some(name) => name.clone(),
                None => self.add_one(file, known)?,
            };
            open.pop();
        }
        Ok(name)
    }

    /// Adds a file whose imports are known.
    fn add_one(
        &mut self,
        file: &FileDescriptor,
        known: &mut HashMap<String, String>,
    ) -> Result<String, ReflectionError> {
        let name_of = |import: FileDescriptor| known.get(import.name()).cloned().unwrap_or(import.name().to_owned());
        let imports: Vec<_> = file.dependencies().map(name_of).collect();
        let candidates =
            std::iter::once(file.name().to_owned()).chain((2..).map(|n: u32| format!("{n}/{}", file.name())));
        for name in candidates {
            let encoded = renamed(file, &name, &imports)?;
            match self.encoded.get(&name) {
                Some(other) if *other != encoded => continue,
                Some(_) => {}
                None => {
                    self.encoded.insert(name.clone(), encoded);
                    self.in_order.push(name.clone());
                }
            }
            known.insert(file.name().to_owned(), name.clone());
            return Ok(name);
        }
        Ok(file.name().to_owned())
    }

    fn encode(mut self) -> Vec<u8> {
        let file = self.in_order.iter().filter_map(|name| self.encoded.remove(name)).collect();
        EncodedFileSet { file }.encode_to_vec()
    }
}

/// The file, encoded, with another name and other names of its imports. Custom options stay.
fn renamed(file: &FileDescriptor, name: &str, imports: &[String]) -> Result<Vec<u8>, ReflectionError> {
    let encoded = file.encode_to_vec();
    if name == file.name() && file.dependencies().map(|import| import.name().to_owned()).eq(imports.iter().cloned()) {
        return Ok(encoded);
    }
    let Some(descriptor) = file_descriptor_proto() else { return Ok(encoded) };
    let mut message = DynamicMessage::decode(descriptor, encoded.as_slice())?;
    message.set_field_by_name("name", Value::String(name.to_owned()));
    let imports = imports.iter().cloned().map(Value::String).collect();
    message.set_field_by_name("dependency", Value::List(imports));
    Ok(message.encode_to_vec())
}

fn file_descriptor_proto() -> Option<MessageDescriptor> {
    DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorProto")
}
