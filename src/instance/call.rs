//! One instance, and the call that it serves.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wasmtime::{Store, Trap};

use crate::call::guest_thread::LARGE_MESSAGE;
use crate::call::{CallFailure, Code, Context, LocalMessage, LocalResponse, RequestStream, ResponseSink, Status};
use crate::config::Isolation;
use crate::instance::component::CompiledComponent;
use crate::instance::limits::LimitExceeded;
use crate::instance::raw::RawFunctions;
use crate::instance::slots::SlotPermit;
use crate::instance::store::StoreData;
use crate::link::{BoundExport, CheckedMessage, GuestResult, LinkError};

/// The parameters of a handler's function. `method` is the number of the method.
pub(crate) enum CallParams {
    /// A message that was checked. Where `is_typed`, the response may come as typed values.
    Typed { method: usize, params: CheckedMessage, is_typed: bool },
    /// An encoded message.
    Raw { method: usize, request: Bytes },
    /// Encoded messages, in streams both ways.
    RawStream { method: usize },
}

impl CallParams {
    /// Returns the number of the method.
    pub(crate) fn method(&self) -> usize {
        match self {
            Self::Typed { method, .. } | Self::Raw { method, .. } | Self::RawStream { method } => *method,
        }
    }

    /// Whether it takes long to hand them to the guest.
    pub(crate) fn is_large(&self) -> bool {
        match self {
            Self::Typed { params, .. } => params.wire_bytes() > LARGE_MESSAGE,
            Self::Raw { request, .. } => request.len() > LARGE_MESSAGE,
            Self::RawStream { .. } => false,
        }
    }
}

/// The streams of a call. On a side without one, the method has one message.
pub(crate) struct CallStreams {
    pub(crate) requests: Option<RequestStream>,
    pub(crate) responses: Option<ResponseSink>,
}

/// The end of a call on an instance.
pub(crate) struct CallResult {
    /// The outcome, with the headers that were not sent yet.
    pub(crate) outcome: Result<LocalResponse, CallFailure>,
    /// The sink of the responses, when they are a stream that was not broken.
    pub(crate) responses: Option<ResponseSink>,
    /// Whether the instance may serve again. It may not after a trap, an exceeded limit, or a result that is not valid.
    pub(crate) is_reusable: bool,
}

/// One instance of a component.
pub(crate) struct Instance {
    pub(crate) component: Arc<CompiledComponent>,
    pub(crate) store: Store<StoreData>,
    pub(crate) instance: wasmtime::component::Instance,
    /// Exported functions that were looked up in this instance, by the number of the method.
    pub(crate) exports: Vec<Option<BoundExport<StoreData>>>,
    pub(crate) raw_functions: RawFunctions,
    /// Calls that it has served or begun to serve.
    pub(crate) calls: u64,
    pub(crate) created: Instant,
    /// Its slots in the engine: dropped after the store, which takes them.
    pub(crate) _permit: SlotPermit,
}

impl Instance {
    /// Whether the instance has reached its number of calls or its age. It is replaced between two calls.
    pub(crate) fn is_spent(&self) -> bool {
        let run = self.component.run();
        (run.isolation == Isolation::Request && self.calls > 0)
            || run.max_calls.is_some_and(|most| self.calls >= most.get())
            || run.max_age.is_some_and(|most| self.created.elapsed() >= most)
    }

    /// Serves a call.
    ///
    /// # Cancellation
    /// When the future is dropped before its end, the instance must be dropped too.
    pub(crate) fn call(
        &mut self,
        context: Box<Context>,
        params: CallParams,
        streams: Option<Box<CallStreams>>,
    ) -> impl Future<Output = CallResult> + Send {
        self.calls += 1;
        let path = if let CallParams::Typed { .. } = &params { String::new() } else { context.path() };
        self.store.data_mut().begin_call(context);
        // Of the ticks that have passed since the last call, none interrupts this one.
        self.store.set_epoch_deadline(1);
        async move {
            let results = match params {
                CallParams::Typed { method, params, is_typed } => {
                    self.call_typed(method, params, is_typed, streams).await
                }
                CallParams::Raw { request, .. } => {
                    let results = self.call_raw(path, request).await;
                    results.map(|results| (results.map(LocalMessage::Encoded), None))
                }
                CallParams::RawStream { .. } => match streams.map(|streams| (streams.requests, streams.responses)) {
                    Some((Some(requests), Some(responses))) => {
                        let results = self.call_raw_stream(path, requests, responses).await;
                        results.map(|(results, responses)| (results.map(LocalMessage::Encoded), responses))
                    }
                    _ => Err(wasmtime::Error::msg("a call with raw streams has both of them")),
                },
            };
            self.end_call(results)
        }
    }

    /// Makes the end of a call from what its function returned.
    fn end_call(&mut self, results: wasmtime::Result<(GuestResult<LocalMessage>, Option<ResponseSink>)>) -> CallResult {
        let host = &mut self.store.data_mut().host;
        let call = host.end_call();
        debug_assert!(call.is_some(), "a call that ends has begun");
        let (context, headers, trailers) = match call {
            Some(call) => (Some(call.context), call.headers, call.trailers),
            None => Default::default(),
        };
        match results {
            Ok((results, responses)) => {
                let outcome = match results {
                    Ok(message) => Ok(LocalResponse { headers, message, trailers }),
                    Err(mut status) => {
                        let of_error = std::mem::replace(&mut status.metadata, trailers);
                        status.metadata.extend(of_error);
                        Err(CallFailure { headers, status })
                    }
                };
                CallResult { outcome, responses, is_reusable: true }
            }
            Err(error) => {
                let (service, instance) = (&host.package, host.instance_number);
                let chain = context.and_then(|context| context.trail());
                tracing::warn!(%service, instance, chain, error = format!("{error:#}"), "a call ended its instance");
                let outcome = Err(CallFailure { headers, status: Box::new(broken_status(&error)) });
                CallResult { outcome, responses: None, is_reusable: false }
            }
        }
    }

    async fn call_typed(
        &mut self,
        number: usize,
        params: CheckedMessage,
        is_typed: bool,
        streams: Option<Box<CallStreams>>,
    ) -> wasmtime::Result<(GuestResult<LocalMessage>, Option<ResponseSink>)> {
        let component = self.component.clone();
        let limit = component.limits.response;
        let bound =
            self.exports.get_mut(number).ok_or_else(|| wasmtime::Error::msg("the instance has no such export"))?;
        let method = component.link.export(number).ok_or_else(|| wasmtime::Error::msg("the method is not exported"))?;
        let export = match bound {
            Some(export) => export.clone(),
            None => bound.insert(method.bind(&mut self.store, &self.instance)?).clone(),
        };
        let Some(streams) = streams else {
            let results = export.call(&mut self.store, params, &[], limit, is_typed).await?;
            self.store.data_mut().streams.clear();
            return Ok((results, None));
        };
        let CallStreams { requests, responses } = *streams;
        let streams = &mut self.store.data_mut().streams;
        let mut lent = Vec::new();
        if let (Some(resource), Some(requests)) = (method.requests(), requests) {
            lent.push((resource, streams.requests(requests)?));
        }
        let mut writer = None;
        if let (Some(resource), Some(responses)) = (method.responses(), responses) {
            let number = streams.responses(responses)?;
            lent.push((resource, number));
            writer = Some(number);
        }
        let results = export.call(&mut self.store, params, &lent, limit, is_typed).await?;
        let streams = &mut self.store.data_mut().streams;
        let responses = writer.and_then(|number| streams.take_responses(number));
        // Requests that the handler has not read are not wanted any more; calls that it left open end here.
        streams.clear();
        Ok((results, responses))
    }
}

/// Returns the status of a call that broke its instance. The client learns what happened; where it happened is in the log.
fn broken_status(error: &wasmtime::Error) -> Status {
    if let Some(exceeded) = error.downcast_ref::<LimitExceeded>() {
        return Status::new(Code::ResourceExhausted, exceeded.to_string());
    }
    if let Some(LinkError::Lift(lift)) = error.downcast_ref::<LinkError>() {
        return lift.into();
    }
    let message = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "the component overflowed its stack".to_owned(),
        Some(trap) => format!("the component trapped: {trap}"),
        None => format!("the component broke off: {}", error.root_cause()),
    };
    Status::new(Code::Internal, message)
}
