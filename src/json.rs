//! Messages between JSON and encoded protobuf, by the canonical mapping. <https://protobuf.dev/programming-guides/json/>
//!
//! Pure: descriptors and bytes in, bytes out. A message is never held as a tree of values: [`read_message`] encodes while it
//! goes over the JSON, [`write_message`] writes while it goes over the wire. Both take time and memory that are linear in
//! their input, and count levels, so that neither the stack nor a nested `google.protobuf.Any` has to be trusted.

mod any_field;
mod error;
mod number;
mod reader;
mod reader_known;
mod tape;
mod time;
mod well_known;
mod wire;
mod writer;
mod writer_known;

#[cfg(test)]
mod tests;

pub use error::JsonError;
pub use reader::{UnknownNames, read_field, read_message};
pub use writer::{write_any, write_field, write_message};

pub(crate) use number::{is_f32, is_f64};
pub(crate) use well_known::WellKnown;
pub(crate) use writer_known::camel_case;

/// Most levels of objects and arrays in JSON that is read, and of messages below the outermost one in JSON that is written.
pub const MAX_LEVELS: usize = 100;
