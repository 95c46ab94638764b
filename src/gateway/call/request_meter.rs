//! What the messages of a request cost: the bytes that are held for them, charged from the first of them on.

use std::sync::Arc;

use bytes::Bytes;

use crate::call::{ByteBudget, ByteCharge, Status};
use crate::gateway::call::in_flight::{PREPAID_BYTES, over_budget};
use crate::gateway::peer::Peer;

/// Charges the bytes of a request to its connection.
pub(crate) struct RequestMeter {
    peer: Arc<Peer>,
    /// The bytes that wait for the rest of their message; `None` as long as the call's own charge covers them.
    buffered: Option<ByteCharge>,
}

impl RequestMeter {
    pub(crate) fn new(peer: &Arc<Peer>) -> Self {
        Self { peer: peer.clone(), buffered: None }
    }

    /// Returns the budget of what the request becomes.
    pub(crate) fn budget(&self) -> &Arc<ByteBudget> {
        self.peer.budget()
    }

    /// Sets the bytes that wait for the rest of their message.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for them.
    pub(crate) fn set_buffered(&mut self, bytes: usize) -> Result<(), Status> {
        match &mut self.buffered {
            Some(charge) => charge.set(bytes as u64).map_err(over_budget),
            None if bytes <= PREPAID_BYTES => Ok(()),
            None => {
                self.buffered = Some(self.peer.requests().charge(bytes as u64).map_err(over_budget)?);
                Ok(())
            }
        }
    }

    /// Charges a message that is complete until it is dropped. `rest` bytes behind it stay buffered.
    pub(crate) fn take_message(&mut self, message: Bytes, rest: usize) -> Bytes {
        let Some(buffered) = &mut self.buffered else { return message };
        let mut charge = buffered.split(message.len() as u64);
        buffered.shrink(buffered.bytes().saturating_sub(rest as u64));
        if rest == 0 {
            self.buffered = None;
        }
        if message.len() <= PREPAID_BYTES {
            return message;
        }
        charge.rise_to(self.peer.budget());
        charge.attach(message)
    }

    /// Charges what a message of the request has become until it is dropped.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when a budget has no room for it.
    pub(crate) fn charge_message(&self, message: Bytes) -> Result<Bytes, Status> {
        if message.len() <= PREPAID_BYTES {
            return Ok(message);
        }
        Ok(self.budget().charge(message.len() as u64).map_err(over_budget)?.attach(message))
    }
}
