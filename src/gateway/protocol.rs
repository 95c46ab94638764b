//! The protocols by which clients call, one module each. They share [`call`](crate::gateway::call) and do not know each
//! other.

pub(crate) mod connect;
pub(crate) mod grpc;
pub(crate) mod grpc_web;
pub(crate) mod rest;
