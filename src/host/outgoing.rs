//! `okra:service/outgoing`: how the calls leave that a handler makes.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Result;
use wasmtime::component::{HasSelf, Resource};

use crate::call::{BudgetExceeded, Code, Context, Deadline, Metadata, Status};
use crate::host::bindings::okra::service::{outgoing, status};
use crate::host::status::entries;
use crate::host::{HostInterface, HostState, HostView};

pub(crate) fn interface<T: HostView>() -> HostInterface<T> {
    HostInterface {
        name: "outgoing",
        add_to_linker: |linker| outgoing::add_to_linker::<T, HasSelf<HostState>>(linker, T::host),
    }
}

/// The most scopes of a call that exist at the same time. They are nested, or forgotten.
const MAX_SCOPES: usize = 1000;

/// The most services that a call may pass through.
const MAX_CHAIN: usize = 32;

/// Metadata that a call hands on to those that it makes, unless the guest sets it: <https://www.w3.org/TR/trace-context/>
const TRACE_CONTEXT: [&str; 2] = ["traceparent", "tracestate"];

/// Settings of the calls that a guest makes while the scope exists, and the metadata that the last of them brought back.
#[derive(Default)]
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OutgoingScope {
    timeout: Option<Duration>,
    metadata: Metadata,
    headers: Metadata,
    trailers: Metadata,
}

impl HostState {
    /// Returns the handle of the scope that calls are made in, the newest one.
    pub(crate) fn current_scope(&self) -> Option<u32> {
        self.scopes.last().copied()
    }

    /// Records what a call has brought back in the scope that it was made in. Where the host holds too much for the instance
    /// already, the scope gets none of it.
    pub(crate) fn record_metadata(&mut self, scope: u32, headers: Metadata, trailers: Metadata) {
        let Some(recorded) = self.scope_mut(scope) else { return };
        let before = recorded.headers.size() + recorded.trailers.size();
        (recorded.headers, recorded.trailers) = (headers, trailers);
        let more = (recorded.headers.size() + recorded.trailers.size()).saturating_sub(before);
        if self.charge_scopes(more).is_err()
            && let Some(recorded) = self.scope_mut(scope)
        {
            (recorded.headers, recorded.trailers) = Default::default();
        }
    }

    /// Charges bytes of scopes until the call ends.
    fn charge_scopes(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        match &mut self.scope_charge {
            _ if bytes == 0 => Ok(()),
            Some(charge) => charge.grow(bytes as u64),
            charge => {
                *charge = Some(self.held.charge(bytes as u64)?);
                Ok(())
            }
        }
    }

    /// Empties a scope of a call that is over.
    pub(crate) fn clear_scope(&mut self, handle: u32) {
        if let Some(scope) = self.scope_mut(handle) {
            *scope = OutgoingScope::default();
        }
    }

    fn scope_mut(&mut self, handle: u32) -> Option<&mut OutgoingScope> {
        self.table.get_mut(&Resource::<OutgoingScope>::new_borrow(handle)).ok()
    }

    /// Makes the context of a call of a method from that of the call in progress. It is cancelled with that call.
    ///
    /// # Errors
    /// FAILED_PRECONDITION when no call is in progress, RESOURCE_EXHAUSTED when the call has passed through too many
    /// services.
    pub(crate) fn outgoing_context(&mut self, service: &Arc<str>, method: &Arc<str>) -> Result<Context, Status> {
        let scope = self.current_scope().and_then(|handle| self.scope_mut(handle));
        let (timeout, mut metadata) = scope.map(|scope| (scope.timeout, scope.metadata.clone())).unwrap_or_default();
        let Some(call) = &mut self.call else {
            return Err(Status::new(
                Code::FailedPrecondition,
                "a component may call services only while it serves a call",
            ));
        };
        let chain = call.outgoing_chain();
        let parent = &call.context;
        if chain.len() > MAX_CHAIN {
            let message =
                format!("the call has passed through {MAX_CHAIN} services: {} -> {service}", chain.join(" -> "));
            return Err(Status::new(Code::ResourceExhausted, message));
        }
        for name in TRACE_CONTEXT {
            if let (None, Some(value)) = (metadata.get(name), parent.metadata.get(name)) {
                // It was valid when it came in; only a full scope has no room for it.
                let _ = metadata.add(name, value);
            }
        }
        let mut context = parent.outgoing(service.clone(), method.clone(), chain);
        context.metadata = metadata;
        context.deadline = Deadline::sooner(timeout.and_then(Deadline::after), parent.deadline);
        Ok(context)
    }
}

impl outgoing::Host for HostState {}

impl outgoing::HostScope for HostState {
    fn new(&mut self) -> Result<Resource<OutgoingScope>> {
        if self.scopes.len() >= MAX_SCOPES {
            return Err(wasmtime::Error::msg(format!(
                "the component has {MAX_SCOPES} scopes, which is the most that it may"
            )));
        }
        let scope = self.table.push(OutgoingScope::default())?;
        self.scopes.push(scope.rep());
        Ok(scope)
    }

    fn set_timeout(&mut self, scope: Resource<OutgoingScope>, nanoseconds: u64) -> Result<()> {
        self.table.get_mut(&scope)?.timeout = Some(Duration::from_nanos(nanoseconds));
        Ok(())
    }

    fn add_metadata(
        &mut self,
        scope: Resource<OutgoingScope>,
        name: String,
        value: Vec<u8>,
    ) -> Result<Result<(), String>> {
        if !self.scopes.iter().rev().any(|handle| *handle == scope.rep()) {
            return Ok(Err("the scope belongs to a call that is over".to_owned()));
        }
        let metadata = &mut self.table.get_mut(&scope)?.metadata;
        let before = metadata.size();
        if let Err(error) = metadata.add(&name, &value) {
            return Ok(Err(error.to_string()));
        }
        let more = metadata.size() - before;
        // A guest with so many scopes loses track of them: this ends its call.
        self.charge_scopes(more)?;
        Ok(Ok(()))
    }

    fn headers(&mut self, scope: Resource<OutgoingScope>) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.table.get(&scope)?.headers))
    }

    fn trailers(&mut self, scope: Resource<OutgoingScope>) -> Result<Vec<status::Entry>> {
        Ok(entries(&self.table.get(&scope)?.trailers))
    }

    fn drop(&mut self, scope: Resource<OutgoingScope>) -> Result<()> {
        self.scopes.retain(|handle| *handle != scope.rep());
        let scope = self.table.delete(scope)?;
        if let Some(charge) = &mut self.scope_charge {
            charge.shrink((scope.metadata.size() + scope.headers.size() + scope.trailers.size()) as u64);
        }
        Ok(())
    }
}
