//! The call that is being served: what came with it, and what goes back beside the answer.
//!
//! The functions speak of the call in progress, of which an instance has one at a time. They ask the host; away from it,
//! in a test on the developer's machine, they panic.

use std::time::Duration;

use crate::bindings::okra::service::context as host;
use crate::{InvalidMetadata, Metadata};

pub use host::{WireCodec as Codec, WireProtocol as Protocol};

/// Full name of the service, such as `shop.billing.v1.Billing`.
pub fn service() -> String {
    host::service()
}

/// Name of the method, such as `CreateInvoice`.
pub fn method() -> String {
    host::method()
}

/// How the call came.
pub fn protocol() -> Protocol {
    host::protocol()
}

/// How messages are written on the wire.
pub fn codec() -> Codec {
    host::codec()
}

/// The raw query string of a call that came as HTTP GET (Connect); none of any other call.
pub fn get_query() -> Option<String> {
    host::get_query()
}

/// The metadata of the request, without what belongs to the protocol itself.
pub fn metadata() -> Metadata {
    host::metadata().into()
}

/// The timeout as the caller sent it.
pub fn timeout() -> Option<Duration> {
    host::timeout().map(Duration::from_nanos)
}

/// What is left until the deadline: zero when it has passed, none when there is no deadline.
pub fn remaining() -> Option<Duration> {
    host::remaining().map(Duration::from_nanos)
}

/// Network address of the client, such as `10.0.0.7:52100`; none of a local call.
pub fn peer() -> Option<String> {
    host::peer()
}

/// Who called over mutual TLS, as the client's certificate says: of its alternative names the first URI, else the first
/// DNS name, else its subject's common name. None when no certificate was asked for, and of a local call.
pub fn caller() -> Option<String> {
    host::caller()
}

/// The client's certificate, in DER.
pub fn client_certificate() -> Option<Vec<u8>> {
    host::client_certificate()
}

/// The name under which the client addressed the server.
pub fn authority() -> Option<String> {
    host::authority()
}

/// Full names of the services through which the call came, first caller first; empty for a call from outside.
pub fn chain() -> Vec<String> {
    host::chain()
}

/// Whether nobody waits for the answer any more.
pub fn cancelled() -> bool {
    host::cancelled()
}

/// Adds a response header. Headers leave with the first message, or with the error when the call fails before it.
///
/// # Errors
/// When the headers have left, the name or the value is not valid, or the name belongs to the protocol.
pub fn add_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
    host::add_header(name, value.as_ref()).map_err(InvalidMetadata)
}

/// Adds a trailer, of a call that succeeds as of one that fails.
///
/// # Errors
/// When the name or the value is not valid, or the name belongs to the protocol.
pub fn add_trailer(name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
    host::add_trailer(name, value.as_ref()).map_err(InvalidMetadata)
}
