//! The traits of the interfaces in `wit/`, generated.
#![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "service",
    with: { "okra:service/outgoing.scope": crate::host::outgoing::OutgoingScope },
    imports: { default: trappable },
});
