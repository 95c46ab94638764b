use std::error::Error;

use crate::call::Status;
use crate::grpc::{error_chain, root_cause};

/// Why a call cannot be made, or a server not be asked what it serves.
///
/// A call that was made and failed is no error of the client: it has a [`Status`].
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ClientError {
    #[error("`{address}` is no address")]
    #[diagnostic(code(okra::client::address), help("expected HOST:PORT, such as 127.0.0.1:8080, or https://HOST"))]
    Address { address: String },

    #[error("cannot connect to `{address}`: {why}")]
    #[diagnostic(
        code(okra::client::connect),
        help("is the server running there? `okra serve` says on which address it listens")
    )]
    Connect { address: String, why: String },

    #[error("the certificate of `{address}` is not trusted: {why}")]
    #[diagnostic(
        code(okra::client::certificate),
        help(
            "expected a certificate for this name, signed by an authority that this machine trusts or that is in the file \
             named with --ca; the certificate of an authority itself does not do"
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

    #[error("`{name}` names no method")]
    #[diagnostic(code(okra::client::method_name), help("expected SERVICE/METHOD, such as greeter.v1.Greeter/Hello"))]
    MethodName { name: String },

    #[error("there is no service `{service}`")]
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

    #[error("there is no service, method, message or enum `{symbol}`")]
    #[diagnostic(code(okra::client::unknown_symbol))]
    UnknownSymbol {
        symbol: String,
        #[help]
        help: String,
    },

    #[error("the request is not JSON: {source}")]
    #[diagnostic(code(okra::client::json), help("expected an object such as {{\"name\": \"Ada\"}}"))]
    Json { source: serde_json::Error },

    #[error("the request is no `{message}`: {what}")]
    #[diagnostic(code(okra::client::request))]
    Request {
        message: String,
        what: String,
        #[help]
        help: Option<String>,
    },

    #[error("the response is no `{message}`")]
    #[diagnostic(
        code(okra::client::response),
        help("the server answered with another message than its method promises")
    )]
    Response { message: String, source: prost::DecodeError },
}

impl ClientError {
    /// Why no connection came about.
    pub(super) fn connect(address: &str, error: &tonic::transport::Error) -> Self {
        let (address, why) = (address.to_owned(), root_cause(error));
        match error_chain(error).any(is_certificate) {
            true => Self::Certificate { address, why },
            false => Self::Connect { address, why },
        }
    }
}

/// Whether the server's certificate is at fault. What an I/O error wraps is not among the causes, but in it.
fn is_certificate(cause: &(dyn Error + 'static)) -> bool {
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    let fault = match wrapped {
        Some(wrapped) => wrapped.downcast_ref(),
        None => cause.downcast_ref(),
    };
    matches!(fault, Some(rustls::Error::InvalidCertificate(_)))
}
