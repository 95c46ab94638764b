//! Messages of a stream that are read or written together: lists of them in the guest's memory.

use bytes::Bytes;

use crate::call::MessageBatch;
use crate::link::canonical::MAX_FLAT_BYTES;
use crate::link::function::{
    CheckedMessage, ComponentFunction, FunctionParam, FunctionResult, MessagePayload, behind, payload_type, put,
};
use crate::link::lift::{LiftError, list_elements};
use crate::link::lower::{LowerError, MemoryWriter};
use crate::link::wire::WireError;

/// Messages of a stream that were checked.
#[derive(Debug)]
pub(crate) struct CheckedBatch {
    /// The first ones, or what is wrong with the first.
    pub(crate) checked: Result<CheckedMessage, WireError>,
    /// Those that were not checked, in their order.
    pub(crate) rest: Vec<Bytes>,
}

impl ComponentFunction {
    /// Checks the encoded messages of a stream, up to the first one that is not valid or has no room among those before it.
    /// Returns the others, too, for another call.
    ///
    /// # Errors
    /// What is wrong with the first one.
    pub(crate) fn check_batch(&self, messages: Vec<Bytes>, limit: u64) -> CheckedBatch {
        let FunctionResult::Batch(payload) = self.returns else {
            debug_assert!(false, "only a function that returns a batch reads one");
            return CheckedBatch { checked: Ok(CheckedMessage::Nothing), rest: Vec::new() };
        };
        let size = u64::from(payload_type(&self.plan, payload).size);
        let (mut batch, mut left) = (Vec::with_capacity(messages.len()), limit);
        let mut messages = messages.into_iter();
        while let Some(wire) = messages.next() {
            let room = if batch.is_empty() { left } else { left.saturating_sub(size) };
            match self.check_payload(Some(payload), wire.clone(), room) {
                Ok(message) => {
                    left = left.saturating_sub(size.saturating_add(message.lowered_bytes()));
                    batch.push(message);
                }
                Err(error) if batch.is_empty() => {
                    return CheckedBatch { checked: Err(error), rest: messages.collect() };
                }
                Err(_) => {
                    let rest = std::iter::once(wire).chain(messages).collect();
                    return CheckedBatch { checked: Ok(CheckedMessage::Batch(batch)), rest };
                }
            }
        }
        CheckedBatch { checked: Ok(CheckedMessage::Batch(batch)), rest: Vec::new() }
    }

    /// Lowers messages as a list, and returns the bytes of the pointer and length behind `before` others.
    pub(crate) fn lower_batch<M: MemoryWriter>(
        &self,
        payload: MessagePayload,
        messages: &[CheckedMessage],
        memory: &mut M,
        before: usize,
    ) -> Result<Vec<u8>, LowerError<M::Refused>> {
        let ty = payload_type(&self.plan, payload);
        let size = ty.size as usize;
        let mut image = vec![0; size * messages.len()];
        for (index, message) in messages.iter().enumerate() {
            put(&mut image, index * size, &self.lower(payload, message, memory, 0)?);
        }
        let at = match messages {
            [] => self.plan.quirks.empty_list(ty.align),
            _ => memory.put(&image, ty.align).map_err(LowerError::Memory)?,
        };
        Ok(behind(before, &[at.to_le_bytes(), (messages.len() as u32).to_le_bytes()].concat()))
    }

    /// Lifts the messages of the list that a guest passed to an import, as many as are sent at once, from number `first` on.
    /// Returns whether there are more behind them.
    ///
    /// # Errors
    /// What is wrong with the one behind those in `batch`.
    pub(crate) fn lift_batch(
        &self,
        slots: &[u64],
        memory: &[u8],
        first: usize,
        limit: usize,
        batch: &mut MessageBatch,
    ) -> Result<bool, LiftError> {
        let mut image = [0; MAX_FLAT_BYTES];
        let frame = self.params_frame(slots, memory, &mut image)?;
        for (param, at) in self.param_list.iter().zip(self.offsets()) {
            let FunctionParam::Batch(payload) = *param else { continue };
            let ty = payload_type(&self.plan, payload);
            let list = list_elements(frame.get(at..).unwrap_or_default(), memory, ty.size, ty.align)?;
            let mut elements = list.chunks_exact(ty.size.max(1) as usize).skip(first);
            while batch.has_room()
                && let Some(element) = elements.next()
            {
                if batch.add(self.lift(payload, element, memory, limit)?).is_err() {
                    return Ok(true);
                }
            }
            return Ok(elements.next().is_some());
        }
        Ok(false)
    }
}
