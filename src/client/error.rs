//! Errors of the client: of addresses, connections, reflection, names and messages.

use std::error::Error;

use crate::call::Status;
use crate::grpc::{error_chain, root_cause};

/// Why a call cannot be made, or why a server cannot be asked for its types.
///
/// A call that was made and failed is not an error of the client: it has a [`Status`].
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ClientError {
    #[error("`{address}` is not an address")]
    #[diagnostic(code(okra::client::address), help("expected HOST:PORT, such as 127.0.0.1:8080, or https://HOST"))]
    Address { address: String },

    #[error("cannot connect to `{address}`: {why}")]
    #[diagnostic(
        code(okra::client::connect),
        help("is the server running there? `okra serve` logs the address on which it listens")
    )]
    Connect { address: String, why: String },

    #[error("the certificate of `{address}` is not trusted: {why}")]
    #[diagnostic(
        code(okra::client::certificate),
        help(
            "expected a certificate for this name, signed by an authority that this machine trusts or that is in the file \
             named with --ca; the certificate of an authority itself is not accepted"
        )
    )]
    Certificate { address: String, why: String },

    #[error("`{address}` has no server reflection, so the types of its services are not known")]
    #[diagnostic(
        code(okra::client::no_reflection),
        help(
            "name the .proto file that defines the service with --proto FILE, and the folder of its imports with \
              --proto-path DIR"
        )
    )]
    NoReflection { address: String },

    #[error("the reflection of `{address}` failed: {status}")]
    #[diagnostic(code(okra::client::reflection), help("does `{address}` speak gRPC over HTTP/2 without TLS?"))]
    Reflection { address: String, status: Box<Status> },

    #[error("the reflection of `{address}` does not follow the protocol: {what}")]
    #[diagnostic(code(okra::client::reflection_protocol))]
    Protocol { address: String, what: String },

    #[error("the descriptors of `{symbol}` that `{address}` reflects are not valid")]
    #[diagnostic(code(okra::client::descriptors))]
    Descriptors { address: String, symbol: String, source: Box<prost_reflect::DescriptorError> },

    #[error("`{name}` is not the name of a method")]
    #[diagnostic(code(okra::client::method_name), help("expected SERVICE/METHOD, such as greeter.v1.Greeter/Hello"))]
    MethodName { name: String },

    #[error("service `{service}` does not exist")]
    #[diagnostic(code(okra::client::unknown_service))]
    UnknownService {
        service: String,
        #[help]
        help: String,
    },

    #[error("service `{service}` has no method `{method}`")]
    #[diagnostic(code(okra::client::unknown_method))]
    UnknownMethod {
        service: String,
        method: String,
        #[help]
        help: String,
    },

    #[error("`{symbol}` is not a service, method, message or enum")]
    #[diagnostic(code(okra::client::unknown_symbol))]
    UnknownSymbol {
        symbol: String,
        #[help]
        help: String,
    },

    #[error("the request is not JSON: {source}")]
    #[diagnostic(code(okra::client::json), help("expected an object such as {{\"name\": \"Ada\"}}"))]
    Json { source: serde_json::Error },

    #[error("the request is not a `{message}`: {what}")]
    #[diagnostic(code(okra::client::request))]
    Request {
        message: String,
        what: String,
        #[help]
        help: Option<String>,
    },

    #[error("the response is not a `{message}`")]
    #[diagnostic(code(okra::client::response), help("the server sent another message than its method declares"))]
    Response { message: String, source: prost::DecodeError },
}

impl ClientError {
    /// Converts the error of an attempt to connect.
    pub(super) fn connect(address: &str, error: &tonic::transport::Error) -> Self {
        let (address, why) = (address.to_owned(), root_cause(error));
        match error_chain(error).any(is_certificate) {
            true => Self::Certificate { address, why },
            false => Self::Connect { address, why },
        }
    }
}

/// Returns whether the server's certificate is the cause. The error inside of an I/O error is not among the causes, so it is
/// looked up in it.
fn is_certificate(cause: &(dyn Error + 'static)) -> bool {
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    let fault = match wrapped {
        Some(wrapped) => wrapped.downcast_ref(),
        None => cause.downcast_ref(),
    };
    matches!(fault, Some(rustls::Error::InvalidCertificate(_)))
}
