//! The data of a store: the host's side of it, its limits and its streams; and the calls that its guest makes.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::{StoreContextMut, bail};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::{
    CallFailure, CallHandler, Context, LocalMessage, Metadata, MethodLayouts, TypedMessage, TypedMethod,
};
use crate::host::{HostState, HostView};
use crate::instance::limits::ResourceBudget;
use crate::instance::streams::{StreamTable, StreamWriter};
use crate::link::{GuestResult, HostOperation, HostOutcome, ImportHost, ImportedMethod, MessageLimits};

/// The data of a store.
pub(crate) struct StoreData {
    pub(crate) host: HostState,
    pub(crate) budget: ResourceBudget,
    pub(crate) limits: MessageLimits,
    /// Answers the calls that the guest makes.
    pub(crate) handler: Arc<dyn CallHandler>,
    pub(crate) wasi: WasiCtx,
    pub(crate) streams: StreamTable,
}

impl HostView for StoreData {
    fn host(&mut self) -> &mut HostState {
        &mut self.host
    }
}

impl WasiView for StoreData {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.host.table }
    }
}

impl StoreData {
    /// Begins a call. Scopes and streams of an earlier one have no effect on it.
    pub(crate) fn begin_call(&mut self, context: Box<Context>) {
        self.budget.reset();
        self.streams.clear();
        self.host.begin_call(context);
    }

    /// Makes a unary call.
    async fn call_unary(&mut self, method: &ImportedMethod, request: Bytes) -> GuestResult<Bytes> {
        let context = self.host.outgoing_context(&method.service, &method.name).map_err(Box::new)?;
        let outcome = self.handler.clone().unary(context, request).await;
        self.end_unary(outcome.map(|response| (response.headers, response.message, response.trailers)))
    }

    /// Records what a unary call has brought back in the scope that it was made in, and returns its message.
    fn end_unary<M>(&mut self, outcome: Result<(Metadata, M, Metadata), CallFailure>) -> GuestResult<M> {
        let Some(scope) = self.host.current_scope() else {
            return outcome.map(|(_, message, _)| message).map_err(|failure| failure.status);
        };
        let (headers, trailers, result) = match outcome {
            Ok((headers, message, trailers)) => (headers, trailers, Ok(message)),
            Err(failure) => (failure.headers, failure.status.metadata.clone(), Err(failure.status)),
        };
        self.host.record_metadata(scope, headers, trailers);
        result
    }

    /// Records what a streaming call has brought back in the scope in which it began.
    fn record_stream_metadata(&mut self, number: u32) {
        let metadata = self.streams.call_mut(number).ok().and_then(|call| call.take_metadata());
        if let Some((scope, headers, trailers)) = metadata {
            self.host.record_metadata(scope, headers, trailers);
        }
    }
}

impl ImportHost for StoreData {
    fn max_lowered_bytes(&self) -> u64 {
        self.limits.lowered
    }

    fn max_params_bytes(&self, operation: &HostOperation) -> usize {
        match operation {
            HostOperation::Write(number) if self.streams.is_responses(*number) => self.limits.response,
            _ => self.limits.request,
        }
    }

    // A call with streams may live long: its CPU time is counted from message to message of its own streams. Other operations
    // change nothing, because a guest can have them without end.
    async fn run_operation(
        mut store: StoreContextMut<'_, Self>,
        operation: HostOperation,
        message: Bytes,
    ) -> wasmtime::Result<GuestResult<HostOutcome>> {
        let data = store.data_mut();
        let result = match operation {
            HostOperation::Call(method) => {
                return Ok(data.call_unary(&method, message).await.map(HostOutcome::Message));
            }
            HostOperation::Open { method, request } => {
                let context = match data.host.outgoing_context(&method.service, &method.name) {
                    // The guest may end the call before its own ends.
                    Ok(context) => {
                        let cancellation = context.cancellation.child_token();
                        context.with_cancellation(cancellation)
                    }
                    Err(status) => return Ok(Err(Box::new(status))),
                };
                let (handler, scope) = (data.handler.clone(), data.host.current_scope());
                let opened = data.streams.open_call(handler, context, request.then_some(message), scope)?;
                return Ok(opened.map(HostOutcome::Stream));
            }
            HostOperation::Read(number) => {
                let is_own = data.streams.is_requests(number);
                let read = data.streams.reader(number)?.read().await;
                data.record_stream_metadata(number);
                if is_own && let Ok(Some(_)) = read {
                    data.budget.reset();
                }
                read.map(|message| message.map_or(HostOutcome::Nothing, HostOutcome::Message))
            }
            HostOperation::Write(number) => {
                let writer = data.streams.writer(number)?;
                let headers = match (&writer, &mut data.host.call) {
                    (StreamWriter::Responses(_), Some(call)) => call.take_headers(),
                    _ => Metadata::default(),
                };
                let is_own = matches!(writer, StreamWriter::Responses(_));
                let written = writer.write(headers, message).await;
                if is_own && written.is_ok() {
                    data.budget.reset();
                }
                written.map(|()| HostOutcome::Nothing)
            }
            HostOperation::DoneWriting(number) => {
                data.streams.call_mut(number)?.done_writing();
                Ok(HostOutcome::Nothing)
            }
            HostOperation::Finish(number) => {
                let finished = data.streams.call_mut(number)?.finish().await;
                data.record_stream_metadata(number);
                finished.map(HostOutcome::Message)
            }
        };
        Ok(result)
    }

    fn typed_callee(&self, method: &ImportedMethod, layouts: &MethodLayouts) -> Option<TypedMethod> {
        self.handler.clone().typed_callee(&method.service, &method.name, layouts)
    }

    async fn call_typed(
        mut store: StoreContextMut<'_, Self>,
        operation: HostOperation,
        (callee, number): TypedMethod,
        request: TypedMessage,
    ) -> wasmtime::Result<GuestResult<LocalMessage>> {
        let HostOperation::Call(method) = operation else { bail!("only unary calls take typed values") };
        let data = store.data_mut();
        let context = match data.host.outgoing_context(&method.service, &method.name) {
            Ok(context) => context,
            Err(status) => return Ok(Err(Box::new(status))),
        };
        let outcome = callee.unary_typed(context, number, request).await;
        Ok(data.end_unary(outcome.map(|response| (response.headers, response.message, response.trailers))))
    }

    fn drop_stream(&mut self, number: u32) {
        self.streams.remove(number);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use wasmtime::{AsContextMut as _, Store};
    use wasmtime_wasi::WasiCtxBuilder;

    use super::*;
    use crate::call::{ByteBudget, CallFuture, RequestStream, ResponseSink, UnaryResponse, response_channel};
    use crate::host::{CallLabel, LogQuota};

    /// A service that never answers.
    struct Silent;

    impl CallHandler for Silent {
        fn unary(self: Arc<Self>, _: Context, _: Bytes) -> CallFuture<UnaryResponse> {
            Box::pin(std::future::pending())
        }

        fn streaming(
            self: Arc<Self>,
            _: Context,
            requests: RequestStream,
            responses: ResponseSink,
        ) -> CallFuture<Metadata> {
            Box::pin(async move {
                let _held = (requests, responses);
                std::future::pending().await
            })
        }
    }

    fn store(process: &Arc<ByteBudget>, held: u64) -> Store<StoreData> {
        let held = process.child("the instance", held);
        let (quota, label) = (Arc::new(LogQuota::default()), CallLabel::default());
        let mut data = StoreData {
            host: HostState::new("test".into(), 0, label, quota, held.clone()),
            budget: ResourceBudget::new(0, Duration::from_secs(5), process.charge(0).unwrap()),
            limits: MessageLimits { request: 1 << 20, response: 1 << 20, lowered: 1 << 20 },
            handler: Arc::new(Silent),
            wasi: WasiCtxBuilder::new().build(),
            streams: StreamTable::new(held),
        };
        data.begin_call(Box::new(Context::new("a.A", "Do")));
        Store::new(&wasmtime::Engine::default(), data)
    }

    async fn run(store: &mut Store<StoreData>, operation: HostOperation, message: &[u8]) -> GuestResult<HostOutcome> {
        let message = Bytes::copy_from_slice(message);
        StoreData::run_operation(store.as_context_mut(), operation, message).await.unwrap()
    }

    fn open(request: bool) -> HostOperation {
        HostOperation::Open { method: ImportedMethod { service: "b.B".into(), name: "Do".into() }, request }
    }

    #[tokio::test]
    async fn any_operation_of_streams_began_the_cpu_time_anew() {
        let mut store = store(&ByteBudget::of_process(u64::MAX), u64::MAX);
        let requests = store.data_mut().streams.requests(RequestStream::one(Bytes::from_static(b"one"))).unwrap();
        let (sink, mut read) = response_channel();
        let responses = store.data_mut().streams.responses(sink).unwrap();
        let spent = Duration::from_secs(3);
        for (operation, is_anew) in [
            (HostOperation::Read(requests), true),
            (HostOperation::Read(requests), false),
            (open(true), false),
            (HostOperation::Write(responses), true),
            (HostOperation::Write(2), false),
            (HostOperation::DoneWriting(2), false),
        ] {
            *store.data_mut().budget.used_cpu() = spent;
            let _ = run(&mut store, operation.clone(), b"two").await;
            let used = *store.data_mut().budget.used_cpu();
            assert_eq!(used, if is_anew { Duration::ZERO } else { spent }, "{operation:?}");
        }
        assert!(read.next().await.is_some());
    }

    #[tokio::test]
    async fn open_calls_and_the_messages_that_wait_in_them_were_held_without_bounds() {
        let process = ByteBudget::of_process(u64::MAX);
        let mut store = store(&process, 1 << 20);
        let request = vec![0; 300 << 10];
        for _ in 0..3 {
            run(&mut store, open(true), &request).await.unwrap();
        }
        let refused = run(&mut store, open(true), &request).await.unwrap_err();
        assert!(refused.message.contains("the instance would hold more than its limit of 1048576 bytes"), "{refused}");
        store.data_mut().streams.clear();
        // What the calls held goes with their tasks.
        while process.used() > 0 {
            tokio::task::yield_now().await;
        }
        let Ok(HostOutcome::Stream(call)) = run(&mut store, open(false), b"").await else { unreachable!("a call") };
        run(&mut store, HostOperation::Write(call), &request).await.unwrap();
        assert!(process.used() >= request.len() as u64);
    }

    #[tokio::test]
    async fn metadata_of_scopes_was_held_without_bounds_and_between_calls() {
        use crate::host::bindings::okra::service::outgoing::HostScope as _;
        use wasmtime::component::Resource;

        let process = ByteBudget::of_process(u64::MAX);
        let mut store = store(&process, 1 << 20);
        let host = &mut store.data_mut().host;
        let mut scopes = Vec::new();
        let mut fill = || {
            let scope = host.new()?;
            let handle = scope.rep();
            scopes.push(handle);
            host.add_metadata(scope, "x-name".to_owned(), vec![b'v'; 60 << 10]).map(drop)
        };
        let refused = std::iter::repeat_with(&mut fill).find_map(wasmtime::Result::err).unwrap();
        assert!(refused.to_string().contains("the instance would hold more"), "{refused}");
        assert_eq!((scopes.len(), process.used() > 900 << 10), (18, true));
        host.end_call();
        assert_eq!(process.used(), 0);
        // The guest has the handles still, and they are of no use.
        host.begin_call(Box::new(Context::new("a.A", "Do")));
        let old = Resource::new_own(scopes.first().copied().unwrap());
        let added = host.add_metadata(old, "x-name".to_owned(), b"v".to_vec()).unwrap();
        assert_eq!(added.unwrap_err(), "the scope belongs to a call that is over");
    }
}
