//! What OKRA is measured against once more: tonic, with OKRA's allocator.

mod messages;
mod native_server;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> miette::Result<()> {
    native_server::serve()
}
