//! Calls on encoded messages, by the interface `raw` of `okra:service`.

use bytes::Bytes;
use okra_codegen::contract::RAW_INTERFACE;
use wasmtime::component::{ComponentNamedList, Lift, Lower, ResourceDynamic, TypedFunc};

use crate::call::{Code, RequestStream, ResponseSink, Status};
use crate::host::bindings::okra::service::status;
use crate::instance::call::Instance;
use crate::link::{GuestResult, RAW_REQUESTS, RAW_RESPONSES};

/// The function that serves unary calls: a path and a request, returning a response.
type HandleFunction = TypedFunc<(String, Vec<u8>), (Result<Vec<u8>, status::Error>,)>;

/// The function that serves calls with streams: a path, the reader of the requests, the writer of the responses.
type HandleStreamFunction = TypedFunc<(String, ResourceDynamic, ResourceDynamic), (Result<(), status::Error>,)>;

/// The functions of an instance, looked up when they are first called.
#[derive(Default)]
pub(crate) struct RawFunctions {
    handle: Option<HandleFunction>,
    handle_stream: Option<HandleStreamFunction>,
}

impl Instance {
    fn find_raw<P, R>(&mut self, name: &str) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let interface = self.instance.get_export_index(&mut self.store, None, RAW_INTERFACE);
        let index = self.instance.get_export_index(&mut self.store, interface.as_ref(), name);
        let index = index.ok_or_else(|| wasmtime::Error::msg(format!("`{name}` is not exported")))?;
        self.instance.get_typed_func(&mut self.store, index)
    }

    /// Serves a unary call.
    pub(crate) async fn call_raw(&mut self, path: String, request: Bytes) -> wasmtime::Result<GuestResult<Bytes>> {
        let limit = self.component.limits.response;
        let handle = match self.raw_functions.handle {
            Some(handle) => handle,
            None => {
                let found = self.find_raw("handle")?;
                *self.raw_functions.handle.insert(found)
            }
        };
        let (results,) = handle.call_async(&mut self.store, (path, request.to_vec())).await?;
        Ok(match results {
            Ok(message) if message.len() > limit => {
                let message = format!("the response is larger than {limit} bytes");
                Err(Box::new(Status::new(Code::ResourceExhausted, message)))
            }
            Ok(message) => Ok(message.into()),
            Err(error) => Err(Box::new(error.into())),
        })
    }

    /// Serves a call with streams. Returns the sink of the responses with the results.
    pub(crate) async fn call_raw_stream(
        &mut self,
        path: String,
        requests: RequestStream,
        responses: ResponseSink,
    ) -> wasmtime::Result<(GuestResult<Bytes>, Option<ResponseSink>)> {
        let handle = match self.raw_functions.handle_stream {
            Some(handle) => handle,
            None => {
                let found = self.find_raw("handle-stream")?;
                *self.raw_functions.handle_stream.insert(found)
            }
        };
        let streams = &mut self.store.data_mut().streams;
        let (reader, writer) = (streams.requests(requests)?, streams.responses(responses)?);
        let requests = ResourceDynamic::new_borrow(reader, RAW_REQUESTS);
        let responses = ResourceDynamic::new_borrow(writer, RAW_RESPONSES);
        let (results,) = handle.call_async(&mut self.store, (path, requests, responses)).await?;
        let streams = &mut self.store.data_mut().streams;
        let responses = streams.take_responses(writer);
        // Requests that the handler has not read are not wanted any more; calls that it left open end here.
        streams.clear();
        Ok((results.map(|()| Bytes::new()).map_err(|error| Box::new(error.into())), responses))
    }
}
