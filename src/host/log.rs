//! `okra:service/log`: lines of guests in the host's log.

use wasmtime::Result;
use wasmtime::component::HasSelf;

use crate::call::printable;
use crate::host::bindings::okra::service::log;
use crate::host::{HostInterface, HostState, HostView};

pub(crate) fn interface<T: HostView>() -> HostInterface<T> {
    HostInterface { name: "log", add_to_linker: |linker| log::add_to_linker::<T, HasSelf<HostState>>(linker, T::host) }
}

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> Result<()> {
        let message = printable(&message);
        let fields: Vec<_> =
            fields.iter().map(|field| format!("{}={:?}", printable(&field.name), field.value)).collect();
        let (service, instance, fields) = (&self.package, self.instance_number, fields.join(" "));
        let chain = self.call.as_ref().and_then(|call| call.context.trail());
        let (method, peer) = self.call_label.fields();
        let peer = peer.map(tracing::field::display);
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(target: "okra::guest", %service, instance, method, peer, chain, fields, "{message}")
            };
        }
        match level {
            log::Level::Trace => write!(trace),
            log::Level::Debug => write!(debug),
            log::Level::Info => write!(info),
            log::Level::Warn => write!(warn),
            log::Level::Error => write!(error),
        }
        Ok(())
    }

    fn enabled(&mut self, level: log::Level) -> Result<bool> {
        Ok(match level {
            log::Level::Trace => tracing::enabled!(target: "okra::guest", tracing::Level::TRACE),
            log::Level::Debug => tracing::enabled!(target: "okra::guest", tracing::Level::DEBUG),
            log::Level::Info => tracing::enabled!(target: "okra::guest", tracing::Level::INFO),
            log::Level::Warn => tracing::enabled!(target: "okra::guest", tracing::Level::WARN),
            log::Level::Error => tracing::enabled!(target: "okra::guest", tracing::Level::ERROR),
        })
    }
}
