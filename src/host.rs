//! The host's side of `wit/`: one file for each interface that guests import.
//!
//! An interface sees the state of its store's host side, [`HostState`], and nothing of how instances are made: this
//! module never imports [`instance`](crate::instance). [`INTERFACES`](interfaces) is the one list of what exists; what is
//! not in it is not linked.

pub(crate) mod bindings;
mod context;
mod current_call;
pub(crate) mod log;
mod log_quota;
mod outgoing;
mod status;

use std::sync::Arc;

use okra_codegen::contract::interface_name;
use wasmtime::component::{Linker, ResourceTable};

use crate::call::{ByteBudget, ByteCharge};

pub(crate) use current_call::{CallLabel, CurrentCall};
pub(crate) use log_quota::LogQuota;

/// The most resources (scopes, and those of WASI) that an instance may hold. More is a leak.
const MAX_RESOURCES: usize = 10_000;

/// One interface that guests may import.
pub(crate) struct HostInterface<T: 'static> {
    /// Its name within the package, such as `context`.
    pub(crate) name: &'static str,
    /// Adds it to a linker.
    pub(crate) add_to_linker: fn(&mut Linker<T>) -> wasmtime::Result<()>,
}

/// Returns all interfaces that this host has.
pub(crate) fn interfaces<T: HostView>() -> [HostInterface<T>; 4] {
    [status::interface(), context::interface(), outgoing::interface(), log::interface()]
}

/// Returns the names of all interfaces as components import them, such as `okra:service/context@0.2.0`.
pub(crate) fn interface_names<T: HostView>() -> impl Iterator<Item = String> {
    interfaces::<T>().into_iter().map(|interface| interface_name(interface.name))
}

/// The data of a store, as the interfaces see it.
pub(crate) trait HostView: Send + 'static {
    /// Returns the host's side of the store.
    fn host(&mut self) -> &mut HostState;
}

/// The host's side of one store: the call in progress, the resources of the guest, and the names for the log.
pub(crate) struct HostState {
    pub(crate) package: Arc<str>,
    pub(crate) instance_number: u64,
    pub(crate) call: Option<CurrentCall>,
    pub(crate) call_label: CallLabel,
    pub(crate) table: ResourceTable,
    pub(crate) log_quota: Arc<LogQuota>,
    /// Handles of the scopes of this call that exist, the newest last.
    scopes: Vec<u32>,
    /// The metadata of these scopes, charged to what the host holds for the instance.
    held: Arc<ByteBudget>,
    scope_charge: Option<ByteCharge>,
}

impl HostState {
    /// `log_quota` is that of the package, `held` the budget of what the host holds for the instance.
    pub(crate) fn new(
        package: Arc<str>,
        instance_number: u64,
        call_label: CallLabel,
        log_quota: Arc<LogQuota>,
        held: Arc<ByteBudget>,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let (scopes, scope_charge) = (Vec::new(), None);
        Self { package, instance_number, call: None, call_label, table, log_quota, scopes, held, scope_charge }
    }

    /// Begins a call. The scopes of an earlier one have no effect on it.
    pub(crate) fn begin_call(&mut self, context: Box<crate::call::Context>) {
        self.call_label.set(&context);
        self.call = Some(CurrentCall::new(context));
    }

    /// Ends the call: its scopes keep nothing, though the guest may have their handles still.
    pub(crate) fn end_call(&mut self) -> Option<CurrentCall> {
        for handle in std::mem::take(&mut self.scopes) {
            self.clear_scope(handle);
        }
        self.scope_charge = None;
        self.call.take()
    }

    fn current_call(&self) -> wasmtime::Result<&CurrentCall> {
        self.call.as_ref().ok_or_else(|| wasmtime::Error::msg("there is no call in progress"))
    }

    fn current_call_mut(&mut self) -> wasmtime::Result<&mut CurrentCall> {
        self.call.as_mut().ok_or_else(|| wasmtime::Error::msg("there is no call in progress"))
    }
}
