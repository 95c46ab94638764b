//! The call that is being served: what the caller sent beside the message, and the headers and trailers that leave beside
//! the response.
//!
//! The functions are about the call in progress, of which an instance has one at a time. They ask the host: outside of a
//! component, in a test on the developer's machine, they panic.

mod wire;

use std::time::Duration;

use crate::bindings::okra::service::context as host;
use crate::{InvalidMetadata, Metadata};

pub use wire::{Codec, Protocol};

/// Returns the full name of the service, such as `shop.billing.v1.Billing`.
pub fn service() -> String {
    host::service()
}

/// Returns the name of the method, such as `CreateInvoice`.
pub fn method() -> String {
    host::method()
}

/// Returns the protocol by which the call reached the host. Of an open set: see [`Protocol::Other`].
pub fn protocol() -> Protocol {
    host::protocol().into()
}

/// Returns the encoding of the messages between the client and the host. Of an open set: see [`Codec::Other`].
pub fn codec() -> Codec {
    host::codec().into()
}

/// Returns the raw query string of a call that came as HTTP GET (of protocol `connect` or `rest`), without the `?`; empty if
/// the URL has none. None of any other call.
pub fn get_query() -> Option<String> {
    host::get_query()
}

/// Returns the metadata of the request, without the headers of the protocol itself.
pub fn metadata() -> Metadata {
    host::metadata().into()
}

/// Returns the timeout that the caller sent; none if the caller sent none.
pub fn timeout() -> Option<Duration> {
    host::timeout().map(Duration::from_nanos)
}

/// Returns the time until the deadline: zero after it, none if the call has no deadline.
pub fn remaining() -> Option<Duration> {
    host::remaining().map(Duration::from_nanos)
}

/// Returns the network address of the client, such as `10.0.0.7:52100`; none of a local call.
pub fn peer() -> Option<String> {
    host::peer()
}

/// Returns the client's name in its certificate (mutual TLS), with its kind: the first URI of the subject's alternative
/// names, such as `uri:spiffe://example.com/billing`, else the first DNS name, such as `dns:billing.example.com`.
///
/// None if the certificate has neither, if the server asked for none, and of a local call.
pub fn caller() -> Option<String> {
    host::caller()
}

/// Returns the client's certificate (mutual TLS), in DER; none if the server asked for none, and of a local call.
pub fn client_certificate() -> Option<Vec<u8>> {
    host::client_certificate()
}

/// Returns the name by which the client addressed the server; none of a local call.
pub fn authority() -> Option<String> {
    host::authority()
}

/// Returns the full names of the services that the call passed through before this one, the first caller first; empty if
/// the caller is a client outside.
pub fn chain() -> Vec<String> {
    host::chain()
}

/// Returns true if no caller waits for the response any more: the call was cancelled or its deadline passed.
pub fn cancelled() -> bool {
    host::cancelled()
}

/// Adds a response header. Headers leave with the first message, or with the error if the call fails before it.
///
/// # Errors
/// If the headers have left already, the name or the value is not valid, or the name belongs to the protocol.
pub fn add_header(name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
    host::add_header(name, value.as_ref()).map_err(InvalidMetadata)
}

/// Adds a response trailer. Trailers leave at the end of the call, whether it succeeds or fails.
///
/// # Errors
/// If the name or the value is not valid, or the name belongs to the protocol.
pub fn add_trailer(name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidMetadata> {
    host::add_trailer(name, value.as_ref()).map_err(InvalidMetadata)
}
