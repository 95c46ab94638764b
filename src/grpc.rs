//! gRPC's wire, for those who answer calls and those who make them.

mod codec;
mod status;
mod timeout;

pub(crate) use codec::BytesCodec;
pub(crate) use timeout::parse_timeout;
