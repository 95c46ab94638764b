//! Upstreams: services that are imported from other servers, which may be any gRPC servers.

mod endpoint;
mod health;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use prost_reflect::ServiceDescriptor;
use prost_types::method_options::IdempotencyLevel;
use tokio_util::task::AbortOnDropHandle;

use crate::call::guest_thread::is_busy_thread;
use crate::call::{
    CallDeadline, CallFailure, CallFuture, CallHandler, Code, Context, Deadline, Metadata, RequestStream, ResponsePart,
    ResponseSink, Status, UnaryResponse, read_single_request, response_channel,
};
use crate::config::{Address, Import, Run};
use crate::grpc::{CallFate, ExchangeError, GrpcExchange};
use crate::router::import_rules::ImportRules;
use crate::router::upstream::endpoint::{UpstreamConnection, UpstreamEndpoint};
use crate::router::upstream::health::UpstreamHealth;

/// The most attempts of one call.
const MAX_ATTEMPTS: u32 = 4;
/// The longest pause before the second attempt at a server that answered UNAVAILABLE or refused the call. It doubles with
/// each attempt, and is jittered from zero.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// Why a service cannot be imported.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum ImportError {
    /// A certificate or key is not valid.
    #[error("cannot import `{service}` from {address}")]
    #[diagnostic(
        code(okra::router::import),
        help("are the certificates PEM? `ca` in [imports], and the certificate and key of `okra serve`")
    )]
    Certificate {
        /// Full name of the service.
        service: String,
        /// Address of the server.
        address: String,
        /// The reason.
        source: tonic::transport::Error,
    },
    /// The package names a server that the operator does not allow.
    #[error("package `{package}` imports `{service}` from {address}, which the operator does not allow")]
    #[diagnostic(
        code(okra::router::import_denied),
        help(
            "to allow it, add `\"{service}\" = \"{address}\"` to [imports] of the file of --config, or the address to its \
             `allowed-imports`, or start with `--import {service}={address}`, or with `--allow-imports` for all packages"
        )
    )]
    Denied {
        /// Name of the package.
        package: String,
        /// Full name of the service.
        service: String,
        /// Address of the server.
        address: String,
    },
}

/// The upstream servers of this process. Imports with the same address and settings share a connection.
#[derive(Default)]
pub(crate) struct UpstreamPool {
    rules: ImportRules,
    endpoints: Mutex<HashMap<EndpointKey, Arc<UpstreamEndpoint>>>,
}

/// The address and settings of a connection.
#[derive(PartialEq, Eq, Hash)]
struct EndpointKey {
    address: Address,
    settings: Import,
    /// Whether the operator configured the import. The server is shown the certificate of this process then.
    is_configured: bool,
}

impl UpstreamPool {
    pub(crate) fn new(rules: ImportRules) -> Self {
        Self { rules, endpoints: Mutex::default() }
    }

    /// Makes the upstream of a service that a package imports; `None` when the service is imported from this process. `own` is
    /// the import of the package itself, and `run` the limits that it gets.
    ///
    /// # Errors
    /// When the operator does not allow the package's own import, or a certificate or key is not valid.
    pub(crate) fn import(
        &self,
        package: &str,
        service: &ServiceDescriptor,
        own: Option<&Import>,
        run: &Run,
    ) -> Result<Option<Upstream>, ImportError> {
        let configured = self.rules.configured(service.full_name());
        let Some(import) = configured.or(own) else { return Ok(None) };
        let is_configured = configured.is_some();
        if let Some(address) = self.rules.denied(import).filter(|_| !is_configured) {
            return Err(ImportError::Denied {
                package: package.to_owned(),
                service: service.full_name().to_owned(),
                address: address.to_string(),
            });
        }
        let targets = import.addresses.iter().map(|address| {
            let endpoint =
                self.endpoint(address, import, is_configured).map_err(|source| ImportError::Certificate {
                    service: service.full_name().to_owned(),
                    address: address.to_string(),
                    source,
                })?;
            Ok(UpstreamTarget { endpoint, health: UpstreamHealth::default() })
        });
        let methods = service.methods().map(|method| {
            let level = method.method_descriptor_proto().options.as_ref().map(|options| options.idempotency_level());
            let method_of = MethodShape {
                is_client_streaming: method.is_client_streaming(),
                is_server_streaming: method.is_server_streaming(),
                is_idempotent: level.is_some_and(|level| level != IdempotencyLevel::IdempotencyUnknown),
            };
            (method.name().to_owned(), method_of)
        });
        Ok(Some(Upstream {
            targets: targets.collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            methods: methods.collect(),
            deadline: run.deadline,
            max_response_bytes: run.max_response_bytes(),
        }))
    }

    fn endpoint(
        &self,
        address: &Address,
        import: &Import,
        is_configured: bool,
    ) -> Result<Arc<UpstreamEndpoint>, tonic::transport::Error> {
        let settings = Import { addresses: Vec::new(), ..import.clone() };
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let key = EndpointKey { address: address.clone(), settings, is_configured };
        if let Some(endpoint) = endpoints.get(&key) {
            return Ok(endpoint.clone());
        }
        let identity = self.rules.identity.as_ref().filter(|_| is_configured);
        let endpoint = Arc::new(UpstreamEndpoint::new(address, import, identity)?);
        endpoints.insert(key, endpoint.clone());
        Ok(endpoint)
    }
}

/// One service at its servers, as one package imports it.
pub(crate) struct Upstream {
    targets: Vec<UpstreamTarget>,
    /// The index of the target whose turn is next, modulo their number.
    next: AtomicUsize,
    methods: HashMap<String, MethodShape>,
    deadline: Duration,
    max_response_bytes: usize,
}

/// One server of an upstream.
struct UpstreamTarget {
    endpoint: Arc<UpstreamEndpoint>,
    health: UpstreamHealth,
}

#[derive(Clone, Copy)]
struct MethodShape {
    is_client_streaming: bool,
    is_server_streaming: bool,
    /// Whether its `idempotency_level` allows calling it twice.
    is_idempotent: bool,
}

/// The requests of a call. A single one can be sent again.
enum RequestSource {
    One(Bytes),
    Stream(RequestStream),
}

impl CallHandler for Upstream {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        let call = async move { self.run_unary(context, request).await };
        if !is_busy_thread() {
            return call.boxed();
        }
        // Its connection takes locks, for which others would wait while a thread of a low priority has them and does not run.
        let task = AbortOnDropHandle::new(tokio::spawn(call));
        async { task.await.unwrap_or_else(|error| Err(Status::new(Code::Internal, error.to_string()).into())) }.boxed()
    }

    fn streaming(
        self: Arc<Self>,
        context: Context,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> CallFuture<Metadata> {
        async move { self.run_streaming(context, requests, responses).await }.boxed()
    }
}

impl Upstream {
    async fn run_unary(&self, mut context: Context, request: Bytes) -> Result<UnaryResponse, CallFailure> {
        context.deadline = Deadline::sooner(context.deadline, Deadline::after(self.deadline));
        let (mut sink, mut parts) = response_channel();
        let call_deadline = CallDeadline::new(&context);
        let calling = async move {
            let call = pin!(async { Ok(self.call_servers(&context, RequestSource::One(request), &mut sink).await?) });
            call_deadline.run(call).await
        };
        let collecting = async {
            let mut response = UnaryResponse::default();
            while let Some(part) = parts.next().await {
                match part {
                    ResponsePart::Headers(headers) => response.headers = headers,
                    ResponsePart::Message(message) => response.message = message,
                }
            }
            response
        };
        let (outcome, mut response) = tokio::join!(calling, collecting);
        match outcome {
            Ok(trailers) => {
                response.trailers = trailers;
                Ok(response)
            }
            Err(failure) => Err(CallFailure { headers: response.headers, ..failure }),
        }
    }

    async fn run_streaming(
        &self,
        context: Context,
        mut requests: RequestStream,
        mut responses: ResponseSink,
    ) -> Result<Metadata, CallFailure> {
        let calling = pin!(async {
            let source = match self.method_shape(&context).is_client_streaming {
                true => RequestSource::Stream(requests),
                false => RequestSource::One(read_single_request(&context, &mut requests).await?),
            };
            Ok(self.call_servers(&context, source, &mut responses).await?)
        });
        CallDeadline::new(&context).run(calling).await
    }

    fn method_shape(&self, context: &Context) -> MethodShape {
        let unknown = MethodShape { is_client_streaming: true, is_server_streaming: true, is_idempotent: false };
        self.methods.get(&*context.method).copied().unwrap_or(unknown)
    }

    /// Tries a call until a server answers. Another attempt is made only when the request certainly reached no handler, or
    /// the method may be called twice, and only while nothing of a response was sent on.
    async fn call_servers(
        &self,
        context: &Context,
        mut source: RequestSource,
        responses: &mut ResponseSink,
    ) -> Result<Metadata, Status> {
        let (method, path) = (self.method_shape(context), context.path());
        let exchange = GrpcExchange {
            path: &path,
            metadata: &context.metadata,
            deadline: context.deadline,
            is_server_streaming: method.is_server_streaming,
            max_response_bytes: self.max_response_bytes,
        };
        let mut attempt = 1;
        loop {
            let (target, connection) = self.connection(context).await?;
            let requests = match &mut source {
                RequestSource::One(request) => RequestStream::one(request.clone()),
                RequestSource::Stream(requests) => std::mem::replace(requests, RequestStream::new(stream::empty())),
            };
            let transport = connection.transport.clone();
            let ExchangeError { mut status, fate } = match exchange.run(transport, requests, responses).await {
                Ok(trailers) => return Ok(trailers),
                Err(failed) => failed,
            };
            if matches!(fate, CallFate::NotExecuted | CallFate::Unknown) {
                target.endpoint.drop_connection(&connection).await;
            }
            if fate != CallFate::Answered {
                let address = target.endpoint.address();
                status.message = format!("{} at {address}: {}", context.call_chain(), status.message);
            }
            let is_unseen = matches!(fate, CallFate::NotExecuted | CallFate::Refused);
            let harmless = is_unseen || (method.is_idempotent && status.code == Code::Unavailable);
            let possible = matches!(source, RequestSource::One(_)) && !responses.has_begun() && attempt < MAX_ATTEMPTS;
            if !harmless || !possible {
                return Err(status);
            }
            tracing::debug!(service = %context.service, attempt, %status, "the call is tried again");
            if matches!(fate, CallFate::Answered | CallFate::Refused) {
                tokio::time::sleep(RETRY_PAUSE.mul_f64(fastrand::f64() * f64::from(1 << attempt))).await;
            }
            attempt += 1;
        }
    }

    /// Returns the next server in turn that can be reached and is not NOT_SERVING.
    async fn connection(&self, context: &Context) -> Result<(&UpstreamTarget, UpstreamConnection), Status> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.targets.len().max(1);
        let mut reasons = Vec::new();
        for target in self.targets.iter().cycle().skip(turn).take(self.targets.len()) {
            let address = target.endpoint.address();
            if !target.health.is_serving() {
                reasons.push(format!("{address} is NOT_SERVING"));
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
        let message = format!("no server of {} can be reached: {}", context.call_chain(), reasons.join("; "));
        Err(Status::new(Code::Unavailable, message))
    }
}
