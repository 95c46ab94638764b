//! The host's log. The host adds the service, the instance, the method and the trace to each line.
//!
//! The macros take what `format!` takes; fields come before it, ended by a `;`:
//!
//! ```ignore
//! use okra_guest::log::{info, warn};
//!
//! info!("ready");
//! warn!(user = request.user_id, attempt = 3; "no such user in {region}");
//! ```
//!
//! A line below the host's level costs one call of the host: its text and its fields are not formatted.

use std::fmt::Display;

use crate::bindings::okra::service::log as host;

pub use host::Level;

/// Returns true if the host keeps lines of this level.
pub fn enabled(level: Level) -> bool {
    host::enabled(level)
}

/// Writes a line with fields.
pub fn write(level: Level, message: &str, fields: &[(&str, &dyn Display)]) {
    let fields: Vec<host::Field> =
        fields.iter().map(|(name, value)| host::Field { name: (*name).to_owned(), value: value.to_string() }).collect();
    host::write(level, message, &fields);
}

/// A line of a level given as first argument: `line!(Level::Info, user = id; "text")`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_line {
    ($level:expr, $($name:ident = $value:expr),+ ; $($text:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::log::write($level, &::std::format!($($text)+), &[$((::core::stringify!($name), &$value)),+]);
        }
    };
    ($level:expr, $($text:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::log::write($level, &::std::format!($($text)+), &[]);
        }
    };
}

macro_rules! levels {
    ($dollar:tt $($(#[doc = $doc:literal])+ $name:ident $export:ident $level:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[doc(hidden)]
            #[macro_export]
            macro_rules! $export {
                ($dollar($dollar line:tt)+) => { $crate::__log_line!($crate::log::Level::$level, $dollar($dollar line)+) };
            }
            $(#[doc = $doc])+
            #[doc(inline)]
            pub use $export as $name;
        )+
    };
}

levels! { $
    /// Writes a line of level `trace`.
    trace __log_trace Trace;
    /// Writes a line of level `debug`.
    debug __log_debug Debug;
    /// Writes a line of level `info`.
    info __log_info Info;
    /// Writes a line of level `warn`.
    warn __log_warn Warn;
    /// Writes a line of level `error`.
    error __log_error Error;
}
