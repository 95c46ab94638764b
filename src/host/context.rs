//! `okra:service/context`: what a handler knows of the call that it serves, and the headers and trailers that it sets.

use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::HasSelf;

use crate::host::bindings::okra::service::{context, status};
use crate::host::status::entries;
use crate::host::{HostInterface, HostState, HostView};

pub(crate) fn interface<T: HostView>() -> HostInterface<T> {
    HostInterface {
        name: "context",
        add_to_linker: |linker| context::add_to_linker::<T, HasSelf<HostState>>(linker, T::host),
    }
}

impl context::Host for HostState {
    fn service(&mut self) -> Result<String> {
        Ok(self.current_call()?.context.service.to_string())
    }

    fn method(&mut self) -> Result<String> {
        Ok(self.current_call()?.context.method.to_string())
    }

    fn protocol(&mut self) -> Result<String> {
        Ok(self.current_call()?.context.protocol.name().to_owned())
    }

    fn codec(&mut self) -> Result<String> {
        Ok(self.current_call()?.context.codec.name().to_owned())
    }

    fn get_query(&mut self) -> Result<Option<String>> {
        Ok(self.current_call()?.context.get_query.clone())
    }

    fn metadata(&mut self) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.current_call()?.context.metadata))
    }

    fn timeout(&mut self) -> Result<Option<u64>> {
        Ok(self.current_call()?.context.deadline.and_then(|deadline| deadline.timeout).map(nanoseconds))
    }

    fn remaining(&mut self) -> Result<Option<u64>> {
        Ok(self.current_call()?.context.deadline.map(|deadline| nanoseconds(deadline.remaining())))
    }

    fn peer(&mut self) -> Result<Option<String>> {
        Ok(self.current_call()?.context.peer.map(|peer| peer.to_string()))
    }

    fn caller(&mut self) -> Result<Option<String>> {
        Ok(self.current_call()?.context.identity.as_ref().and_then(|identity| identity.name.clone()))
    }

    fn client_certificate(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(self.current_call()?.context.identity.as_ref().map(|identity| identity.certificate.clone()))
    }

    fn authority(&mut self) -> Result<Option<String>> {
        Ok(self.current_call()?.context.authority.clone())
    }

    fn chain(&mut self) -> Result<Vec<String>> {
        Ok(self.current_call()?.context.chain.iter().map(|service| service.to_string()).collect())
    }

    fn cancelled(&mut self) -> Result<bool> {
        Ok(self.current_call()?.context.cancellation.is_cancelled())
    }

    fn add_header(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), String>> {
        let call = self.current_call_mut()?;
        if call.headers_sent {
            return Ok(Err("the headers have left with the first message".to_owned()));
        }
        Ok(call.headers.add(&name, &value).map_err(|error| error.to_string()))
    }

    fn add_trailer(&mut self, name: String, value: Vec<u8>) -> Result<Result<(), String>> {
        Ok(self.current_call_mut()?.trailers.add(&name, &value).map_err(|error| error.to_string()))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    // 584 years do not fit; nothing that long has a deadline.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
