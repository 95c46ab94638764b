//! Services on encoded messages, for guests with a protobuf library of their own.
//!
//! `okra.toml` names them under `raw`. [`generate!`](crate::generate) then makes module `raw` with what is here:
//!
//! ```ignore
//! okra_guest::generate!();
//!
//! use okra_guest::Error;
//! use raw::{Raw, RequestReader, ResponseWriter};
//!
//! struct Echo;
//!
//! impl Raw for Echo {
//!     fn handle(method: String, request: Vec<u8>) -> Result<Vec<u8>, Error> {
//!         Ok(request)
//!     }
//!
//!     fn handle_stream(method: String, requests: &RequestReader, responses: &ResponseWriter) -> Result<(), Error> {
//!         requests.into_iter().try_for_each(|request| responses.write(&request?))
//!     }
//! }
//!
//! okra_guest::export!(Echo);
//! ```
//!
//! Messages are always encoded protobuf: of a client that speaks JSON the host converts them. [`context::protocol`] and
//! [`context::codec`] say what the client speaks.
//!
//! [`context::protocol`]: crate::context::protocol
//! [`context::codec`]: crate::context::codec

use crate::Error;
use crate::bindings::okra::service::raw_streams;
use crate::stream::{Messages, Read, ReadAhead, Resource};

/// The request messages of a call, encoded.
#[derive(Debug)]
pub struct RequestReader(Resource<raw_streams::RequestReader>, ReadAhead<Vec<u8>>);

impl RequestReader {
    #[doc(hidden)]
    pub fn lent(wit: &raw_streams::RequestReader) -> Self {
        // SAFETY: it lives no longer than the reference, and does not drop the resource.
        let wit = Resource::lent(unsafe { raw_streams::RequestReader::from_handle(wit.handle()) });
        Self(wit, ReadAhead::default())
    }

    /// Waits for the next message; none after the last one.
    ///
    /// # Errors
    /// If the client broke off or sent a message that is too large. Nothing follows.
    pub fn read(&self) -> Result<Option<Vec<u8>>, Error> {
        self.1.next(|| self.0.read_batch())
    }
}

/// The response messages of a call, encoded.
#[derive(Debug)]
#[repr(transparent)]
pub struct ResponseWriter(raw_streams::ResponseWriter);

impl ResponseWriter {
    #[doc(hidden)]
    pub fn from_ref(wit: &raw_streams::ResponseWriter) -> &Self {
        // SAFETY: it is a transparent type around the other.
        unsafe { &*std::ptr::from_ref(wit).cast() }
    }

    /// Sends a message. Waits while the client reads more slowly than the handler writes.
    ///
    /// # Errors
    /// If the client has left.
    pub fn write(&self, message: &[u8]) -> Result<(), Error> {
        if self.0.try_write(message)? { Ok(()) } else { self.0.write(message) }
    }

    /// Sends messages in their order, and waits as [`write`](Self::write) does. Many small messages cost a fraction of what
    /// they do one by one.
    ///
    /// # Errors
    /// If the client has left.
    pub fn write_all(&self, messages: &[Vec<u8>]) -> Result<(), Error> {
        self.0.write_all(messages)
    }
}

/// A service that gets and returns encoded messages.
pub trait Raw {
    /// Serves a unary call. `method` is the path on the wire, such as `/greeter.v1.Greeter/Hello`; the host neither decodes
    /// nor checks `request` and the response.
    ///
    /// # Errors
    /// The status of the call.
    fn handle(method: String, request: Vec<u8>) -> Result<Vec<u8>, Error>;

    /// Serves a call with a stream of requests, of responses, or of both.
    ///
    /// On a side without a stream there is exactly one message: `requests` has one, and the handler writes one response.
    /// Unless it is implemented, such calls fail with UNIMPLEMENTED.
    ///
    /// # Errors
    /// The status of the call.
    fn handle_stream(method: String, _requests: &RequestReader, _responses: &ResponseWriter) -> Result<(), Error> {
        Err(Error::unimplemented(format!("{method} is not implemented")))
    }
}

impl Read for RequestReader {
    type Message = Vec<u8>;

    fn next_message(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read()
    }
}

impl<'a> IntoIterator for &'a RequestReader {
    type Item = Result<Vec<u8>, Error>;
    type IntoIter = Messages<'a, RequestReader>;

    fn into_iter(self) -> Self::IntoIter {
        self.messages()
    }
}
