//! The functions and resources of the host that a component may import, as wasmtime's linker takes them. Most are operations;
//! those of streams that take many messages in one call, or need no wait, are functions of their own.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::{LinkerInstance, ResourceType};
use wasmtime::{AsContextMut as _, Result, StoreContextMut, bail};

use crate::call::guest_thread::{move_for_large_message, pause_long_work};
use crate::call::{LocalMessage, MessageBatch};
use crate::link::abi::{ImportParams, ImportResult};
use crate::link::function::{CheckedMessage, ComponentFunction, ResourceId};
use crate::link::operation::{HostOperation, HostOutcome, ImportHost, ImportTarget};

fn add_with<T: ImportHost, const N: usize>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<ComponentFunction>,
    destination: ImportTarget,
) -> Result<()> {
    let name = function.name.clone();
    linker.func_wrap_async(&name, move |mut store: StoreContextMut<'_, T>, params: ImportParams<N>| {
        let function = function.clone();
        let operation = destination.operation(params.resource);
        let max_lowered_bytes = store.data().max_lowered_bytes();
        let max_params_bytes = operation.as_ref().map_or(0, |operation| store.data().max_params_bytes(operation));
        let callee = match (&operation, function.layouts()) {
            (Ok(HostOperation::Call(method)), Some(layouts)) => store.data().typed_callee(method, layouts),
            _ => None,
        };
        let params = params.lift(&mut store, &function, max_params_bytes, callee.is_some());
        Box::new(async move {
            let outcome = match (params?, callee) {
                (LocalMessage::Typed(message), Some(callee)) => {
                    match T::call_typed(store, operation?, callee, message).await? {
                        Ok(LocalMessage::Typed(message)) => {
                            let checked = function.check_typed_results(message, max_lowered_bytes);
                            let result = checked.map(HostOutcome::Message).map_err(|error| Box::new(error.into()));
                            return Ok(ImportResult { function, result });
                        }
                        Ok(LocalMessage::Encoded(wire)) => Ok(HostOutcome::Message(wire)),
                        Err(status) => Err(status),
                    }
                }
                (LocalMessage::Encoded(wire), _) => T::run_operation(store, operation?, wire).await?,
                (LocalMessage::Typed(_), None) => bail!("typed values without a callee that takes them"),
            };
            let result = match outcome {
                Ok(HostOutcome::Message(wire)) => {
                    move_for_large_message(wire.len()).await;
                    match function.check_results(wire, max_lowered_bytes) {
                        Ok(message) => Ok(HostOutcome::Message(message)),
                        Err(error) => Err(Box::new(error.into())),
                    }
                }
                Ok(HostOutcome::Nothing) => Ok(HostOutcome::Nothing),
                Ok(HostOutcome::Stream(number)) => Ok(HostOutcome::Stream(number)),
                Err(status) => Err(status),
            };
            Ok(ImportResult { function, result })
        })
    })
}

/// Adds a resource type to what a component may import.
///
/// # Errors
/// When there is one of that name.
pub(crate) fn add_resource<T: ImportHost>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    resource: ResourceId,
) -> Result<()> {
    linker.resource(name, ResourceType::host_dynamic(resource), |mut store, number| {
        store.data_mut().drop_stream(number);
        Ok(())
    })
}

/// Adds a function to what a component may import.
///
/// # Errors
/// When there is one of that name.
pub(crate) fn add<T: ImportHost>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<ComponentFunction>,
    destination: ImportTarget,
) -> Result<()> {
    macro_rules! add {
        ($($n:literal)*) => {
            match (destination, function.flats()) {
                (ImportTarget::ReadBatch, 1) => add_read_batch(linker, function),
                (ImportTarget::WriteAll, 3) => add_write_all(linker, function),
                $((ImportTarget::TryWrite, $n) => add_try_write::<T, $n>(linker, function),)*
                $((destination, $n) => add_with::<T, $n>(linker, function, destination),)*
                (_, more) => bail!("{more} flat parameters"),
            }
        };
    }
    add!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
}

/// Adds `try-write`: it returns at once, so that it needs no future.
fn add_try_write<T: ImportHost, const N: usize>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<ComponentFunction>,
) -> Result<()> {
    let name = function.name.clone();
    linker.func_wrap(&name, move |mut store: StoreContextMut<'_, T>, params: ImportParams<N>| {
        let number = params.stream_number()?;
        let mut result = Ok(false);
        if store.data_mut().may_have_room(number)? {
            let limit = store.data().max_written_bytes(number);
            let message = params.encode(&mut store, &function, limit)?;
            result = store.data_mut().try_write(number, message)?;
        }
        let result = result.map(|is_sent| HostOutcome::Message(CheckedMessage::IsSent(is_sent)));
        Ok(ImportResult { function: function.clone(), result })
    })
}

/// The batches of a list that are encoded in a part of a millisecond.
const BATCHES_AT_ONCE: u32 = 16;

/// Adds `write-all`: the messages are encoded as far as there is room for them.
fn add_write_all<T: ImportHost>(linker: &mut LinkerInstance<'_, T>, function: Arc<ComponentFunction>) -> Result<()> {
    let name = function.name.clone();
    linker.func_wrap_async(&name, move |mut store: StoreContextMut<'_, T>, params: ImportParams<3>| {
        let function = function.clone();
        Box::new(async move {
            let (number, mut first) = (params.stream_number()?, 0);
            for turn in 1_u32.. {
                let (mut batch, limit) = (MessageBatch::default(), store.data().max_written_bytes(number));
                let has_more = params.encode_batch(&mut store, &function, first, limit, &mut batch);
                let messages = batch.into_messages();
                first += messages.len();
                let written = T::write_all(store.as_context_mut(), number, messages).await?;
                if let Err(status) = written {
                    return Ok(ImportResult { function, result: Err(status) });
                }
                if !has_more? {
                    break;
                }
                if turn.is_multiple_of(BATCHES_AT_ONCE) {
                    pause_long_work().await;
                }
            }
            Ok(ImportResult { function, result: Ok(HostOutcome::Nothing) })
        })
    })
}

/// Adds `read-batch`.
fn add_read_batch<T: ImportHost>(linker: &mut LinkerInstance<'_, T>, function: Arc<ComponentFunction>) -> Result<()> {
    let name = function.name.clone();
    linker.func_wrap_async(&name, move |mut store: StoreContextMut<'_, T>, params: ImportParams<1>| {
        let function = function.clone();
        Box::new(async move {
            let number = params.stream_number()?;
            let max_lowered_bytes = store.data().max_lowered_bytes();
            let messages = match T::read_batch(store.as_context_mut(), number).await? {
                Ok(messages) => messages,
                Err(status) => return Ok(ImportResult { function, result: Err(status) }),
            };
            move_for_large_message(messages.iter().map(Bytes::len).sum()).await;
            let batch = function.check_batch(messages, max_lowered_bytes);
            if !batch.rest.is_empty() {
                store.data_mut().put_back(number, batch.rest)?;
            }
            let result = batch.checked.map(HostOutcome::Message).map_err(|error| Box::new(error.into()));
            Ok(ImportResult { function, result })
        })
    })
}
