//! The steps that chosen services go through: their guests are built, and random messages go through a guest and come back.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use okra_codegen::compile::Compiled;
use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::{FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto};

use crate::corpus::checks::CorpusTools;
use crate::corpus::command::run_limited;
use crate::corpus::handlers::{HandlerKind, write_handler};
use crate::corpus::language::{CorpusProject, GuestLanguage};
use crate::corpus::services::CorpusService;
use crate::corpus::sources::ProtoInput;
use crate::okra::root;

const ECHO_PACKAGE: &str = "okra.corpus.echo.v1";
const ECHO_SERVICE: &str = "okra.corpus.echo.v1.Echo";

/// Most types of messages of an echo guest.
const MAX_ECHO_TYPES: usize = 60;

/// Time that the client may take, in seconds.
const CLIENT_LIMIT: u32 = 600;

/// Builds a guest that serves a service and answers UNIMPLEMENTED. Returns what is wrong if that fails.
pub(crate) fn build_guest(
    tools: &CorpusTools<'_>,
    language: GuestLanguage,
    service: &CorpusService,
) -> miette::Result<Result<(), String>> {
    let compiled = match service.compile() {
        Ok(compiled) => compiled,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let folder = guest_folder(tools, language, "build", service);
    let project = CorpusProject::create(folder, language, &service.input, &[&service.name])?;
    let guest = (&project, &compiled.pool, service.name.as_str());
    let built = build(tools, guest, HandlerKind::Unimplemented);
    fs::remove_dir_all(&project.folder).ok();
    built
}

/// Sends random messages of the types of a service's requests and responses through a guest that echoes them. Returns what is wrong
/// if one does not come back as it went.
pub(crate) fn echo_messages(
    tools: &CorpusTools<'_>,
    language: GuestLanguage,
    service: &CorpusService,
    seed: u64,
) -> miette::Result<Result<(), String>> {
    let echo = service.compile().and_then(|compiled| EchoDescriptors::new(&compiled, &service.name));
    let echo = match echo {
        Ok(echo) => echo,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let folder = guest_folder(tools, language, "echo", service);
    let descriptors = folder.join("echo.binpb");
    let input = ProtoInput::Descriptors(PathBuf::from("echo.binpb"));
    let project = CorpusProject::create(folder, language, &input, &[ECHO_SERVICE])?;
    fs::write(&descriptors, &echo.descriptors).map_err(|error| miette::miette!("cannot write descriptors: {error}"))?;
    if let Err(failure) = build(tools, (&project, &echo.pool, ECHO_SERVICE), HandlerKind::Echo)? {
        return Ok(Err(failure));
    }
    let package = project.package().display().to_string();
    let server = match tools.okra.serve(&[&package], |_| ()) {
        Ok(server) => server,
        Err(error) => return Ok(Err(error.to_string())),
    };
    run_limited(tools.python.program("python"), CLIENT_LIMIT, |client| {
        client.arg(root().join("tests/clients/echo_corpus.py")).arg(&server.address).arg(&descriptors);
        client.args([ECHO_SERVICE, &seed.to_string()]);
    })
}

fn guest_folder(tools: &CorpusTools<'_>, language: GuestLanguage, purpose: &str, service: &CorpusService) -> PathBuf {
    tools.folder.join(format!("{purpose}-{}-{}", language.name(), service.name))
}

/// Generates, writes the handler of and builds a guest: its project, the descriptors and the name of its service.
fn build(
    tools: &CorpusTools<'_>,
    (project, pool, service): (&CorpusProject, &DescriptorPool, &str),
    kind: HandlerKind,
) -> miette::Result<Result<(), String>> {
    if let Err(failure) = tools.run_okra("generate", project)? {
        return Ok(Err(failure));
    }
    if let Err(error) = write_handler(project, pool, service, kind) {
        return Ok(Err(error.to_string()));
    }
    tools.run_okra("build", project)
}

/// The descriptors of a service with a method for each type of message, which takes and returns it.
struct EchoDescriptors {
    descriptors: Vec<u8>,
    pool: DescriptorPool,
}

impl EchoDescriptors {
    fn new(compiled: &Compiled, service: &str) -> miette::Result<Self> {
        let service = compiled.pool.get_service_by_name(service);
        let service = service.ok_or_else(|| miette::miette!("the descriptors have no such service"))?;
        let mut types = BTreeMap::<String, MessageDescriptor>::new();
        for method in service.methods() {
            for message in [method.input(), method.output()] {
                // What becomes a scalar, text or nothing is tested by the corpus of the mapping.
                if message.package_name() != "google.protobuf" {
                    types.insert(message.full_name().to_owned(), message);
                }
            }
        }
        let types: Vec<_> = types.into_values().take(MAX_ECHO_TYPES).collect();
        let methods = types.iter().enumerate().map(|(index, message)| {
            let name = format!(".{}", message.full_name());
            MethodDescriptorProto {
                name: Some(format!("E{index}")),
                input_type: Some(name.clone()),
                output_type: Some(name),
                ..MethodDescriptorProto::default()
            }
        });
        let mut dependency: Vec<_> = types.iter().map(|message| message.parent_file().name().to_owned()).collect();
        dependency.sort();
        dependency.dedup();
        let file = FileDescriptorProto {
            name: Some("okra/corpus/echo/v1/echo.proto".to_owned()),
            package: Some(ECHO_PACKAGE.to_owned()),
            dependency,
            service: vec![ServiceDescriptorProto {
                name: Some("Echo".to_owned()),
                method: methods.collect(),
                ..ServiceDescriptorProto::default()
            }],
            syntax: Some("proto3".to_owned()),
            ..FileDescriptorProto::default()
        };
        // Encodings of one message that stand behind each other are merged: the file is added to the others.
        let mut descriptors = compiled.descriptors.clone();
        descriptors.extend(FileDescriptorSet { file: vec![file] }.encode_to_vec());
        let pool = DescriptorPool::decode(descriptors.as_slice()).map_err(|error| miette::miette!("{error}"))?;
        Ok(Self { descriptors, pool })
    }
}
