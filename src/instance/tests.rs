//! Random messages of random schemas through real components, which hand what they are called with on to a service that they
//! call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod relay;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::Schema;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};

use crate::call::CallHandler;
use crate::call::{
    CallFailure, CallFuture, Code, Context, LocalResponse, Metadata, MethodLayouts, RequestStream, ResponseSink,
    Status, StatusDetail, TypedCallee, TypedMessage, TypedMethod, UnaryResponse,
};
use crate::instance::call::CallResult;
use crate::instance::{CompileCache, CompiledComponent, Compiler, ComponentEngine, EngineSettings, Instance};
use crate::testing::schema::{RELAY, UPSTREAM, random};
use crate::testing::{Reel, Tape, Wire, reading};

static ENGINE: LazyLock<(ComponentEngine, tempfile::TempDir)> = LazyLock::new(|| {
    (
        ComponentEngine::new(EngineSettings { instances: 16, ..Default::default() }).unwrap(),
        tempfile::tempdir().unwrap(),
    )
});

/// The service that relays call: it answers as it was told, and keeps what it was called with.
#[derive(Default)]
struct Upstream {
    answer: Mutex<Option<Result<Bytes, Status>>>,
    called: Mutex<Option<(String, Bytes)>>,
}

impl CallHandler for Upstream {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        *self.called.lock().unwrap() = Some((context.path(), request));
        let answer = self.answer.lock().unwrap().take().expect("one call at a time");
        let reply = |message| UnaryResponse { message, ..UnaryResponse::default() };
        Box::pin(std::future::ready(answer.map(reply).map_err(CallFailure::from)))
    }

    fn streaming(self: Arc<Self>, context: Context, _: RequestStream, _: ResponseSink) -> CallFuture<Metadata> {
        unreachable!("`{}` is unary", context.path())
    }
}

/// A relay that other relays call: with typed values, or with encoded messages.
struct Callee {
    relay: tokio::sync::Mutex<Relay>,
    is_typed: bool,
    typed_calls: AtomicUsize,
}

/// A request of a relay.
enum CalleeRequest {
    Encoded(Bytes),
    /// With the number of the method.
    Typed(usize, TypedMessage),
}

impl Callee {
    async fn call(self: Arc<Self>, context: Context, request: CalleeRequest) -> Result<LocalResponse, CallFailure> {
        let mut relay = self.relay.lock().await;
        // Its own service has the same methods.
        let context = Context { service: RELAY.into(), ..context };
        let params = match request {
            CalleeRequest::Encoded(request) => relay.component.check_params(&context, request)?,
            CalleeRequest::Typed(method, request) => {
                self.typed_calls.fetch_add(1, Ordering::Relaxed);
                relay.component.check_typed_params(method, request)?
            }
        };
        relay.instance.call(Box::new(context), params, None).await.outcome
    }
}

impl CallHandler for Callee {
    fn unary(self: Arc<Self>, context: Context, request: Bytes) -> CallFuture<UnaryResponse> {
        Box::pin(async move { self.call(context, CalleeRequest::Encoded(request)).await?.into_unary() })
    }

    fn streaming(self: Arc<Self>, context: Context, _: RequestStream, _: ResponseSink) -> CallFuture<Metadata> {
        unreachable!("`{}` is unary", context.path())
    }

    fn typed_callee(self: Arc<Self>, _: &str, method: &str, layouts: &MethodLayouts) -> Option<TypedMethod> {
        let component = self.relay.try_lock().expect("one call at a time").component.clone();
        let number = component.typed_method(RELAY, method, layouts).filter(|_| self.is_typed)?;
        Some((self, number))
    }
}

impl TypedCallee for Callee {
    fn unary_typed(
        self: Arc<Self>,
        context: Context,
        method: usize,
        request: TypedMessage,
    ) -> CallFuture<LocalResponse> {
        Box::pin(self.call(context, CalleeRequest::Typed(method, request)))
    }
}

/// A relay for a schema, in an instance.
struct Relay {
    methods: Vec<MethodDescriptor>,
    upstream: Arc<Upstream>,
    component: Arc<CompiledComponent>,
    instance: Instance,
}

impl Relay {
    /// `None` when the schema has messages that are too large for any component.
    async fn start(pool: &DescriptorPool) -> Option<Self> {
        let upstream = Arc::new(Upstream::default());
        Self::start_before(pool, upstream.clone(), upstream).await
    }

    /// A relay that calls another, which calls the upstream.
    async fn start_chain(pool: &DescriptorPool, is_typed: bool) -> Option<(Self, Arc<Callee>)> {
        let relay = Self::start(pool).await?;
        let upstream = relay.upstream.clone();
        let callee = Callee { relay: relay.into(), is_typed, typed_calls: AtomicUsize::new(0) };
        let callee = Arc::new(callee);
        Some((Self::start_before(pool, callee.clone(), upstream).await?, callee))
    }

    /// A relay that calls this handler, behind which the upstream is.
    async fn start_before(
        pool: &DescriptorPool,
        handler: Arc<dyn CallHandler>,
        upstream: Arc<Upstream>,
    ) -> Option<Self> {
        let schema = match Schema::new(pool, &[RELAY, UPSTREAM]) {
            Err(SchemaError::TooLarge { .. }) => return None,
            schema => schema.unwrap(),
        };
        let package = relay::package(pool, &schema);
        let (engine, cache) = &*ENGINE;
        let cache = CompileCache::open(Some(cache.path()), Compiler::InProcess);
        let component = CompiledComponent::new(
            engine,
            &cache,
            &package,
            Arc::new(package.manifest().run.clone()),
            &schema,
            handler,
        )
        .await;
        let component = Arc::new(component.unwrap_or_else(|error| panic!("{error:?}")));
        let instance = component.instantiate().await.unwrap();
        let methods = pool.get_service_by_name(RELAY).unwrap().methods().collect();
        Some(Self { methods, upstream, component, instance })
    }

    /// Calls a method with a random message; what comes from upstream is random, too.
    async fn call(&mut self, tape: &mut Tape<'_>) -> Result<(), TestCaseError> {
        let method = tape.pick(&self.methods).clone();
        let request = random_wire(tape, &method.input());
        let response = match tape.once_in(8) {
            true => Err(random_status(tape)),
            false => Ok(random_wire(tape, &method.output())),
        };
        let answer = response.clone().map(|response| response.sent.into());
        *self.upstream.answer.lock().unwrap() = Some(answer);

        let context = context(&method);
        let prepared = self.component.check_params(&context, request.sent.clone().into());
        let prepared = prepared.map_err(|status| TestCaseError::fail(format!("{}: {status}", context.path())))?;
        let CallResult { outcome, is_reusable, .. } = self.instance.call(Box::new(context), prepared, None).await;
        prop_assert!(is_reusable, "{:?}", outcome);

        let (path, called) = self.upstream.called.lock().unwrap().take().expect("upstream was called");
        prop_assert_eq!(path, format!("/{UPSTREAM}/{}", method.name()));
        same(&method.input(), &called, &request)?;
        match (outcome.and_then(LocalResponse::into_unary), response) {
            (Ok(reply), Ok(response)) => same(&method.output(), &reply.message, &response)?,
            (Err(failure), Err(status)) => prop_assert_eq!(*failure.status, status),
            (answer, response) => prop_assert!(false, "{:?} became {:?}", response, answer),
        }
        Ok(())
    }
}

/// Checks that the message that came out is the one that prost-reflect reads in the one that went in, without unknown
/// fields.
fn same(descriptor: &MessageDescriptor, found: &Bytes, wire: &Wire) -> Result<(), TestCaseError> {
    prop_assert_eq!(reading(descriptor, found), reading(descriptor, &wire.read));
    let found = DynamicMessage::decode(descriptor.clone(), found.clone()).unwrap();
    prop_assert_eq!(found.unknown_fields().count(), 0);
    Ok(())
}

fn random_wire(tape: &mut Tape<'_>, descriptor: &MessageDescriptor) -> Wire {
    let wire = tape.message(descriptor, 3).encode_to_vec();
    tape.disturb(descriptor, &wire)
}

fn random_status(tape: &mut Tape<'_>) -> Status {
    let mut metadata = Metadata::default();
    for index in 0..tape.below(3) {
        metadata.add(&format!("x-{index}-bin"), &[tape.byte(), 0, 255]).unwrap();
    }
    let details =
        (0..tape.below(3)).map(|_| StatusDetail { type_url: tape.text(), value: vec![tape.byte()] }).collect();
    Status { code: *tape.pick(&Code::ALL), message: tape.text(), details, metadata }
}

fn context(method: &MethodDescriptor) -> Context {
    Context::new(method.parent_service().full_name(), method.name())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, max_shrink_iters: 3000, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_of_random_schemas_pass_through_a_component_both_ways(
        schema in Reel::any(0..1000),
        messages in vec(Reel::any(0..600), 30),
    ) {
        let pool = random(&mut schema.tape());
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async {
            let Some(mut relay) = Relay::start(&pool).await else { return Err(TestCaseError::reject("too large")) };
            for message in &messages {
                relay.call(&mut message.tape()).await?;
            }
            Ok(())
        })?;
    }

    #[test]
    fn random_messages_pass_from_component_to_component_typed_as_they_do_encoded(
        schema in Reel::any(0..1000),
        messages in vec(Reel::any(0..600), 20),
    ) {
        let pool = random(&mut schema.tape());
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async {
            let Some((mut typed, callee)) = Relay::start_chain(&pool, true).await else {
                return Err(TestCaseError::reject("too large"));
            };
            let (mut encoded, other) = Relay::start_chain(&pool, false).await.expect("it has started before");
            for message in &messages {
                typed.call(&mut message.tape()).await?;
                encoded.call(&mut message.tape()).await?;
            }
            prop_assert_eq!(other.typed_calls.load(Ordering::Relaxed), 0);
            let component = callee.relay.lock().await.component.clone();
            if typed.methods.iter().all(|method| component.has_typed_values(RELAY, method.name())) {
                prop_assert!(callee.typed_calls.load(Ordering::Relaxed) > 0);
            }
            Ok(())
        })?;
    }
}
