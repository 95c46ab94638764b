//! The part of a call that all protocols share: admission, request messages, the handler, the response, and the record of
//! calls in flight. The protocols themselves are in [`protocol`](crate::gateway::protocol).

pub(crate) mod body;
pub(crate) mod compression;
pub(crate) mod encoder;
pub(crate) mod envelope;
pub(crate) mod framing;
pub(crate) mod host_work;
pub(crate) mod http_body;
pub(crate) mod http_error;
pub(crate) mod http_timeout;
pub(crate) mod http_unary;
pub(crate) mod in_flight;
pub(crate) mod incoming;
pub(crate) mod json;
pub(crate) mod message_output;
pub(crate) mod page_origin;
pub(crate) mod request_body;
pub(crate) mod request_meter;
pub(crate) mod request_reader;
pub(crate) mod response;
pub(crate) mod response_watch;
pub(crate) mod rpc_status;
pub(crate) mod server;
pub(crate) mod streaming;
pub(crate) mod trailers;
pub(crate) mod unary;
