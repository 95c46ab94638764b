//! The operations that a component asks of its host by its imports.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::{Result, StoreContextMut, bail};

use crate::call::{LocalMessage, MethodLayouts, TypedMessage, TypedMethod};
use crate::link::function::GuestResult;

/// The method that an imported function calls.
#[derive(Clone, Debug)]
pub(crate) struct ImportedMethod {
    /// Full name of its service.
    pub(crate) service: Arc<str>,
    /// Its name within the service.
    pub(crate) name: Arc<str>,
}

/// An operation that a component asks of its host.
#[derive(Clone, Debug)]
pub(crate) enum HostOperation {
    /// A unary call of the method.
    Call(ImportedMethod),
    /// The beginning of a call with streams. `request`: its one request is with it, its requests are no stream.
    Open {
        /// The method.
        method: ImportedMethod,
        /// Whether the one request is with it.
        request: bool,
    },
    /// The next message of a stream that is read.
    Read(u32),
    /// A message for a stream that is written.
    Write(u32),
    /// No more requests follow.
    DoneWriting(u32),
    /// No more requests follow, and the one response is wanted.
    Finish(u32),
}

/// The outcome of an operation. `M` is a message: encoded as the host returns it, checked before it is lowered.
#[derive(Debug)]
pub(crate) enum HostOutcome<M = Bytes> {
    /// A message.
    Message(M),
    /// The operation is done; for [`HostOperation::Read`], the stream is at its end.
    Nothing,
    /// A stream was opened: its number.
    Stream(u32),
}

/// The data of a store, which runs the operations that its component asks for.
pub(crate) trait ImportHost: Sized + Send + 'static {
    /// Returns the most memory that a message takes that is returned to the component.
    fn max_lowered_bytes(&self) -> u64;

    /// Returns the largest encoded message that an operation may pass.
    fn max_params_bytes(&self, operation: &HostOperation) -> usize;

    /// Runs an operation. The guest is suspended until it ends. `message` is empty where the operation has none.
    ///
    /// # Errors
    /// When the component has no right to ask so, such as of a stream of an earlier call: its call ends there.
    fn run_operation(
        store: StoreContextMut<'_, Self>,
        operation: HostOperation,
        message: Bytes,
    ) -> impl Future<Output = Result<GuestResult<HostOutcome>>> + Send;

    /// Returns the callee of a method that takes typed values of these layouts, if there is one.
    fn typed_callee(&self, method: &ImportedMethod, layouts: &MethodLayouts) -> Option<TypedMethod>;

    /// Makes a unary call whose request is typed. The guest is suspended until it ends.
    ///
    /// # Errors
    /// When the operation is no such call.
    fn call_typed(
        store: StoreContextMut<'_, Self>,
        operation: HostOperation,
        callee: TypedMethod,
        request: TypedMessage,
    ) -> impl Future<Output = Result<GuestResult<LocalMessage>>> + Send;

    /// Ends the stream whose handle the component has dropped.
    fn drop_stream(&mut self, number: u32);
}

/// The target of an imported function.
#[derive(Clone, Debug)]
pub(crate) enum ImportTarget {
    /// The service, by a unary call of this method.
    Method(ImportedMethod),
    /// The service, by a call with streams; `request`: its one request is passed.
    Open { method: ImportedMethod, request: bool },
    /// One of the streams that are open.
    Stream(fn(u32) -> HostOperation),
}

impl ImportTarget {
    /// Returns the operation of the host, on the resource with this number.
    pub(crate) fn operation(&self, resource: Option<u32>) -> Result<HostOperation> {
        Ok(match (self, resource) {
            (ImportTarget::Method(method), _) => HostOperation::Call(method.clone()),
            (ImportTarget::Open { method, request }, _) => {
                HostOperation::Open { method: method.clone(), request: *request }
            }
            (ImportTarget::Stream(operation), Some(number)) => operation(number),
            (ImportTarget::Stream(_), None) => bail!("a method of a resource was called without one"),
        })
    }
}
