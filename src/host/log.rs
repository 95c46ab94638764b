//! `okra:service/log`: lines of guests in the host's log.

use std::fmt::Write as _;

use wasmtime::Result;
use wasmtime::component::HasSelf;

use crate::call::printable;
use crate::host::bindings::okra::service::log;
use crate::host::{HostInterface, HostState, HostView};

pub(crate) fn interface<T: HostView>() -> HostInterface<T> {
    HostInterface { name: "log", add_to_linker: |linker| log::add_to_linker::<T, HasSelf<HostState>>(linker, T::host) }
}

/// The longest line, in bytes. The rest of a longer one is cut off, or is the next line.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// Returns the beginning of a text, at most `bytes` of it.
fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// Writes fields, as many as a line has room for.
fn join_fields(fields: &[log::Field]) -> String {
    let mut joined = String::new();
    for field in fields {
        let (name, value) = (cut(&field.name, MAX_LINE), cut(&field.value, MAX_LINE));
        let space = if joined.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(joined, "{space}{}={value:?}", printable(name));
        if joined.len() >= MAX_LINE {
            joined.truncate(joined.floor_char_boundary(MAX_LINE));
            break;
        }
    }
    joined
}

impl log::Host for HostState {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<log::Field>) -> Result<()> {
        let fields = join_fields(&fields);
        let message = cut(&message, MAX_LINE);
        let Some(dropped) = self.log_quota.admit(message.len() + fields.len()) else { return Ok(()) };
        dropped.report(&self.package);
        let message = printable(message);
        let (service, instance) = (&self.package, self.instance_number);
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
