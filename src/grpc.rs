//! gRPC's wire, for those who answer calls and those who make them.

mod binary;
mod codec;
mod status;
mod timeout;
mod transport;

pub(crate) use binary::BASE64;
pub(crate) use codec::BytesCodec;
pub(crate) use timeout::parse_timeout;
pub(crate) use transport::{Transport, transport};
