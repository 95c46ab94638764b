//! Connections: the listener, TLS and HTTP on each connection, CORS, and the guard against floods.

mod connection;
mod cors;
mod flood;
mod listener;
mod pressure;
mod requests;
mod turns;

pub(crate) use listener::{listen, serve};
