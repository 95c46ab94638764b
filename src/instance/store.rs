//! The data of a store: the host's side of it, its limits and its streams; and the calls that its guest makes.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::{CallHandler, Context, Metadata};
use crate::host::{HostState, HostView};
use crate::instance::limits::ResourceBudget;
use crate::instance::streams::{StreamTable, StreamWriter};
use crate::link::{GuestResult, HostOperation, HostOutcome, ImportHost, MessageLimits};

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
    pub(crate) fn begin_call(&mut self, context: Context) {
        self.budget.reset();
        self.streams.clear();
        self.host.begin_call(context);
    }

    /// Makes a unary call.
    async fn call_unary(&mut self, path: &str, request: Bytes) -> GuestResult<Bytes> {
        let context = self.host.outgoing_context(path).map_err(Box::new)?;
        let outcome = self.handler.clone().unary(context, request).await;
        let (headers, trailers, result) = match outcome {
            Ok(response) => (response.headers, response.trailers, Ok(response.message)),
            Err(failure) => (failure.headers, failure.status.metadata.clone(), Err(failure.status)),
        };
        if let Some(scope) = self.host.current_scope() {
            self.host.record_metadata(scope, headers, trailers);
        }
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
    ) -> Result<GuestResult<HostOutcome>> {
        let data = store.data_mut();
        let result = match operation {
            HostOperation::Call(path) => return Ok(data.call_unary(&path, message).await.map(HostOutcome::Message)),
            HostOperation::Open { path, request } => {
                let context = match data.host.outgoing_context(&path) {
                    Ok(context) => context,
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

    fn drop_stream(&mut self, number: u32) {
        self.streams.remove(number);
    }
}
