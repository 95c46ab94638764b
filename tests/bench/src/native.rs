//! What OKRA is measured against: tonic, with the allocator of the system.

mod messages;
mod native_server;

fn main() -> miette::Result<()> {
    native_server::serve()
}
