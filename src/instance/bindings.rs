//! The fixed world, `okra:service/service`: Rust's side of `wit/`.
#![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]

wasmtime::component::bindgen!({
    path: "wit",
    world: "service",
    with: { "okra:service/outgoing.scope": super::state::Scope },
    imports: { default: trappable },
});
