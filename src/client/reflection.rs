//! A client of `grpc.reflection`.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use okra_codegen::editions::lower_descriptors;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::call::{Code, Status};
use crate::client::{ClientError, DynamicClient};
use crate::grpc::BytesCodec;

/// The reflection of a server: version 1, or 1alpha if the server has no version 1.
#[derive(Debug)]
pub(super) struct ReflectionClient {
    client: DynamicClient,
    version: Option<&'static str>,
}

/// The versions of the service, newest first. They have the same messages on the wire.
const VERSIONS: [&str; 2] = ["v1", "v1alpha"];

/// Longest time until the server answers a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of a lookup; `None` if the server does not know the name.
type Lookup<T> = Result<Option<T>, ClientError>;

impl ReflectionClient {
    pub(super) fn new(client: DynamicClient) -> Self {
        Self { client, version: None }
    }

    /// Returns the full names of all services.
    pub(super) async fn services(&mut self) -> Result<Vec<String>, ClientError> {
        match self.ask(MessageRequest::ListServices(String::new())).await? {
            Some(MessageResponse::ListServicesResponse(list)) => {
                Ok(list.service.into_iter().map(|service| service.name).collect())
            }
            _ => Err(self.protocol_error("it does not list its services")),
        }
    }

    /// Adds the file that defines a symbol to `pool`, with all its imports. Returns false if the server does not know it.
    pub(super) async fn load(&mut self, pool: &mut DescriptorPool, symbol: &str) -> Result<bool, ClientError> {
        let question = MessageRequest::FileContainingSymbol(symbol.to_owned());
        let Some(found) = self.files(question).await? else { return Ok(false) };
        let mut seen: HashSet<String> = pool.files().map(|file| file.name().to_owned()).collect();
        let mut wanted: Vec<String> = Vec::new();
        let mut files = Vec::new();
        let mut take = |encoded: Vec<Bytes>, wanted: &mut Vec<String>, seen: &mut HashSet<String>| {
            for encoded in encoded {
                let file = FileDescriptorProto::decode(encoded.clone())?;
                wanted.extend(file.dependency.iter().cloned());
                if seen.insert(file.name().to_owned()) {
                    files.push(encoded);
                }
            }
            Ok::<_, prost::DecodeError>(())
        };
        let broken = |_| "a file descriptor cannot be decoded";
        take(found, &mut wanted, &mut seen).map_err(broken).map_err(|what| self.protocol_error(what))?;
        while let Some(name) = wanted.pop() {
            if seen.contains(&name) {
                continue;
            }
            let found = match self.files(MessageRequest::FileByFilename(name.clone())).await? {
                Some(found) => found,
                // Some servers leave out the files that every protobuf library has.
                None => match DescriptorPool::global().get_file_by_name(&name) {
                    Some(file) => vec![file.encode_to_vec().into()],
                    None => {
                        return Err(
                            self.protocol_error(&format!("it knows no file `{name}`, which its other files import"))
                        );
                    }
                },
            };
            take(found, &mut wanted, &mut seen).map_err(broken).map_err(|what| self.protocol_error(what))?;
            // Without this, a server that answers with a file of another name is asked without end.
            seen.insert(name);
        }
        let set = lower_descriptors(EncodedFileSet { file: files }.encode_to_vec())
            .map_err(|error| self.protocol_error(&error.to_string()))?;
        pool.decode_file_descriptor_set(set.as_slice()).map_err(|source| ClientError::Descriptors {
            address: self.client.address().to_owned(),
            symbol: symbol.to_owned(),
            source: Box::new(source),
        })?;
        Ok(true)
    }

    async fn files(&mut self, question: MessageRequest) -> Lookup<Vec<Bytes>> {
        match self.ask(question).await? {
            Some(MessageResponse::FileDescriptorResponse(files)) => {
                Ok(Some(files.file_descriptor_proto.into_iter().map(Bytes::from).collect()))
            }
            Some(_) => Err(self.protocol_error("it answers a request for files with another message")),
            None => Ok(None),
        }
    }

    /// Sends one request. Each is a stream of its own, because some servers end the stream when they find nothing.
    async fn ask(&mut self, question: MessageRequest) -> Lookup<MessageResponse> {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        let request = Bytes::from(request.encode_to_vec());
        for version in VERSIONS {
            if self.version.is_some_and(|known| known != version) {
                continue;
            }
            let late = || Err(Status::new(Code::DeadlineExceeded, "it did not answer within ten seconds"));
            let exchange = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(version, request.clone()));
            let status = match exchange.await.unwrap_or_else(|_| late()) {
                Ok(response) => {
                    self.version = Some(version);
                    return match response.message_response {
                        Some(MessageResponse::ErrorResponse(error)) => {
                            self.to_lookup(Status::new(Code::from_number(error.error_code), error.error_message))
                        }
                        Some(answer) => Ok(Some(answer)),
                        None => Err(self.protocol_error("an answer is empty")),
                    };
                }
                Err(status) => status,
            };
            if status.code != Code::Unimplemented {
                return self.to_lookup(status);
            }
        }
        Err(ClientError::NoReflection { address: self.client.address().to_owned() })
    }

    fn to_lookup(&self, status: Status) -> Lookup<MessageResponse> {
        if status.code == Code::NotFound {
            return Ok(None);
        }
        Err(ClientError::Reflection { address: self.client.address().to_owned(), status: Box::new(status) })
    }

    async fn exchange(&self, version: &str, request: Bytes) -> Result<ServerReflectionResponse, Status> {
        let internal = |error: &dyn std::error::Error| Status::new(Code::Internal, error.to_string());
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let path = PathAndQuery::try_from(path).map_err(|error| internal(&error))?;
        let mut grpc = self.client.grpc();
        grpc.ready().await.map_err(|error| Status::new(Code::Unavailable, error.to_string()))?;
        let request = tonic::Request::new(tokio_stream::once(request));
        let mut answers = grpc.streaming(request, path, BytesCodec).await?.into_inner();
        let answer = answers
            .message()
            .await?
            .ok_or_else(|| Status::new(Code::Internal, "the stream ended without an answer"))?;
        ServerReflectionResponse::decode(answer).map_err(|error| internal(&error))
    }

    fn protocol_error(&self, what: &str) -> ClientError {
        ClientError::Protocol { address: self.client.address().to_owned(), what: what.to_owned() }
    }
}

/// `google.protobuf.FileDescriptorSet` with its files as bytes: decoding them would lose custom options.
#[derive(prost::Message)]
struct EncodedFileSet {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}
