//! Services that are imported from servers outside: any gRPC server.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use prost_reflect::ServiceDescriptor;
use prost_types::method_options::IdempotencyLevel;
use tonic::transport::Identity;

use super::endpoint::{Connection, Endpoint};
use super::health::Health;
use super::revision::{Patience, one};
use crate::call::{Code, Context, Deadline, Failure, Metadata, Part, Reply, Requests, ResponseSink, Status, responses};
use crate::config::{Address, Import, Run, ServiceName};
use crate::grpc::{Exchange, Failed, Fate};

/// How often a call is tried at most.
const ATTEMPTS: u32 = 4;
/// Time between two attempts at a server that answers that it is not available; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a service cannot be imported.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot import `{service}` from {address}")]
#[diagnostic(
    code(okra::router::import),
    help("are the certificates PEM? `ca` in [imports] of okra.toml, and the certificate and key of `okra serve`")
)]
pub struct ImportError {
    service: String,
    address: String,
    source: tonic::transport::Error,
}

/// The servers outside that packages of this process use. Those with the same address and settings share a connection.
#[derive(Default)]
pub(crate) struct Outsides {
    identity: Option<Identity>,
    endpoints: Mutex<HashMap<(Address, Import), Arc<Endpoint>>>,
    /// The operator's word, which counts in place of what packages say.
    imports: HashMap<ServiceName, Import>,
}

impl Outsides {
    /// `identity` is the certificate of this process, for servers that ask for one.
    pub(crate) fn new(imports: HashMap<ServiceName, Import>, identity: Option<Identity>) -> Self {
        Self { identity, endpoints: Mutex::default(), imports }
    }

    /// The service as a package imports it; none when it does not come from outside.
    ///
    /// # Errors
    /// When certificates or keys are none.
    pub(crate) fn import(
        &self,
        service: &ServiceDescriptor,
        own: Option<&Import>,
        run: &Run,
    ) -> Result<Option<Outside>, ImportError> {
        let operators = self.imports.iter().find(|(name, _)| ***name == *service.full_name()).map(|(_, import)| import);
        let Some(import) = operators.or(own) else { return Ok(None) };
        let targets = import.addresses.iter().map(|address| {
            let endpoint = self.endpoint(address, import).map_err(|source| ImportError {
                service: service.full_name().to_owned(),
                address: address.to_string(),
                source,
            })?;
            Ok(Target { endpoint, health: Health::default() })
        });
        let methods = service.methods().map(|method| {
            let level = method.method_descriptor_proto().options.as_ref().map(|options| options.idempotency_level());
            let method_of = Method {
                requests: method.is_client_streaming(),
                responses: method.is_server_streaming(),
                repeatable: level.is_some_and(|level| level != IdempotencyLevel::IdempotencyUnknown),
            };
            (method.name().to_owned(), method_of)
        });
        Ok(Some(Outside {
            targets: targets.collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            methods: methods.collect(),
            deadline: run.deadline,
            max_response: usize::try_from(run.max_response.as_u64()).unwrap_or(usize::MAX),
        }))
    }

    fn endpoint(&self, address: &Address, import: &Import) -> Result<Arc<Endpoint>, tonic::transport::Error> {
        let settings = Import { addresses: Vec::new(), ..import.clone() };
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address.clone(), settings);
        if let Some(endpoint) = endpoints.get(&key) {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(Endpoint::new(address, import, self.identity.as_ref())?);
        endpoints.insert(key, endpoint.clone());
        Ok(endpoint)
    }
}

/// A service at servers outside, as one package imports it.
pub(crate) struct Outside {
    targets: Vec<Target>,
    /// Whose turn it is.
    next: AtomicUsize,
    methods: HashMap<String, Method>,
    deadline: Duration,
    max_response: usize,
}

/// One of its servers.
struct Target {
    endpoint: Arc<Endpoint>,
    health: Health,
}

#[derive(Clone, Copy)]
struct Method {
    requests: bool,
    responses: bool,
    /// Whether its .proto file says that to call it twice is as good as once: `idempotency_level`.
    repeatable: bool,
}

/// Where the requests of a call come from. A single one can be sent again.
enum Source {
    One(Bytes),
    Stream(Requests),
}

impl Outside {
    /// Answers a unary call, within the deadline that the caller's package sets for calls of its own.
    pub(super) async fn call(&self, mut context: Context, request: Bytes) -> Result<Reply, Failure> {
        context.deadline = Deadline::sooner(context.deadline, Deadline::after(self.deadline));
        let (mut sink, mut parts) = responses();
        let patience = Patience::of(&context);
        let calling = async move {
            let exchange = pin!(async { Ok(self.exchange(&context, Source::One(request), &mut sink).await?) });
            patience.within(exchange).await
        };
        let collecting = async {
            let mut reply = Reply::default();
            while let Some(part) = parts.next().await {
                match part {
                    Part::Headers(headers) => reply.headers = headers,
                    Part::Message(message) => reply.message = message,
                }
            }
            reply
        };
        let (outcome, mut reply) = tokio::join!(calling, collecting);
        match outcome {
            Ok(trailers) => {
                reply.trailers = trailers;
                Ok(reply)
            }
            Err(failure) => Err(Failure { headers: reply.headers, ..failure }),
        }
    }

    /// Answers a call with streams.
    pub(super) async fn streaming(
        &self,
        context: Context,
        mut requests: Requests,
        mut responses: ResponseSink,
    ) -> Result<Metadata, Failure> {
        let calling = pin!(async {
            let source = match self.method(&context).requests {
                true => Source::Stream(requests),
                false => Source::One(one(&context, &mut requests).await?),
            };
            Ok(self.exchange(&context, source, &mut responses).await?)
        });
        Patience::of(&context).within(calling).await
    }

    fn method(&self, context: &Context) -> Method {
        let unknown = Method { requests: true, responses: true, repeatable: false };
        self.methods.get(&*context.method).copied().unwrap_or(unknown)
    }

    /// Tries a call until it is answered. Another attempt is made only where it cannot do harm: when the request certainly
    /// reached no handler, or the method may be called twice, and nothing of the answer has been seen.
    async fn exchange(
        &self,
        context: &Context,
        mut source: Source,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, Status> {
        let (method, path) = (self.method(context), context.path());
        let exchange = Exchange {
            path: &path,
            metadata: &context.metadata,
            deadline: context.deadline,
            responses: method.responses,
            max_response: self.max_response,
        };
        let mut attempt = 1;
        loop {
            let (target, connection) = self.connection(context).await?;
            let requests = match &mut source {
                Source::One(request) => Requests::one(request.clone()),
                Source::Stream(requests) => std::mem::replace(requests, Requests::new(stream::empty())),
            };
            let transport = connection.transport.clone();
            let Failed { mut status, fate } = match exchange.run(transport, requests, responses).await {
                Ok(trailers) => return Ok(trailers),
                Err(failed) => failed,
            };
            if matches!(fate, Fate::NotExecuted | Fate::Unknown) {
                target.endpoint.broke(&connection).await;
            }
            if fate != Fate::Answered {
                let address = target.endpoint.address();
                status.message = format!("{} at {address}: {}", context.way(), status.message);
            }
            let harmless = fate == Fate::NotExecuted || (method.repeatable && status.code == Code::Unavailable);
            let possible = matches!(source, Source::One(_)) && !responses.has_begun() && attempt < ATTEMPTS;
            if !harmless || !possible {
                return Err(status);
            }
            tracing::debug!(service = %context.service, attempt, %status, "trying again");
            if fate == Fate::Answered {
                tokio::time::sleep(PAUSE.mul_f64(fastrand::f64() * f64::from(1 << attempt))).await;
            }
            attempt += 1;
        }
    }

    /// The next server in turn that can be reached and does not say that it is not serving.
    async fn connection(&self, context: &Context) -> Result<(&Target, Connection), Status> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.targets.len().max(1);
        let mut reasons = Vec::new();
        for target in self.targets.iter().cycle().skip(turn).take(self.targets.len()) {
            let address = target.endpoint.address();
            if !target.health.is_serving() {
                reasons.push(format!("{address} says that it is not serving"));
                continue;
            }
            match target.endpoint.connection().await {
                Ok(connection) => {
                    target.health.watch(&connection.transport, &context.service);
                    return Ok((target, connection));
                }
                Err(why) => reasons.push(format!("{address}: {why}")),
            }
        }
        let message = format!("no server of {} can be reached: {}", context.way(), reasons.join("; "));
        Err(Status::new(Code::Unavailable, message))
    }
}
