//! gRPC's wire, for those who answer calls and those who make them.

mod binary;
mod codec;
mod exchange;
mod status;
mod timeout;
mod transport;

pub(crate) use binary::BASE64;
pub(crate) use codec::BytesCodec;
pub(crate) use exchange::{Exchange, Failed, Fate, causes, root_cause};
pub(crate) use timeout::parse_timeout;
pub(crate) use transport::{Transport, transport};
