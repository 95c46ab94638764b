//! The functions of streams that take many messages in one call of the host, or need no wait.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::LinkerInstance;
use wasmtime::{AsContextMut as _, Result, StoreContextMut};

use crate::call::MessageBatch;
use crate::call::guest_thread::{move_for_large_message, pause_long_work};
use crate::link::abi::{ImportParams, ImportResult};
use crate::link::function::{CheckedMessage, ComponentFunction};
use crate::link::operation::{HostOutcome, ImportHost};

/// Adds `try-write`: it returns at once, so that it needs no future.
pub(crate) fn add_try_write<T: ImportHost, const N: usize>(
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
pub(crate) fn add_write_all<T: ImportHost>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<ComponentFunction>,
) -> Result<()> {
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
pub(crate) fn add_read_batch<T: ImportHost>(
    linker: &mut LinkerInstance<'_, T>,
    function: Arc<ComponentFunction>,
) -> Result<()> {
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
