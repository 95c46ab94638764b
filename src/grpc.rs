//! gRPC as a client has it: one exchange over a connection, and the parts of the protocol that the gateway reads as well.

mod codec;
mod exchange;
mod status;
mod timeout;
mod transport;

pub(crate) use codec::BytesCodec;
pub(crate) use exchange::{CallFate, ExchangeError, GrpcExchange, error_chain, root_cause};
pub(crate) use status::{cut_message, encoded_bytes};
pub(crate) use timeout::parse_timeout;
pub(crate) use transport::{Transport, make_transport};
