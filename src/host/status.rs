//! `okra:service/status`: gRPC's status model between guests and the host.

use wasmtime::component::HasSelf;

use crate::call::{Metadata, Status};
use crate::host::bindings::okra::service::status;
use crate::host::{HostInterface, HostState, HostView};

pub(crate) fn interface<T: HostView>() -> HostInterface<T> {
    HostInterface {
        name: "status",
        add_to_linker: |linker| status::add_to_linker::<T, HasSelf<HostState>>(linker, T::host),
    }
}

impl status::Host for HostState {}

impl From<status::Error> for Status {
    fn from(error: status::Error) -> Self {
        Status::from_guest(
            error.code as i32 + 1,
            error.message,
            error.details.into_iter().map(|detail| (detail.type_url, detail.value)),
            error.metadata.into_iter().map(|entry| (entry.name, entry.value)),
        )
    }
}

/// Returns metadata as guests see it.
pub(crate) fn entries(metadata: &Metadata) -> Vec<status::Entry> {
    metadata.iter().map(|(name, value)| status::Entry { name: name.to_owned(), value: value.to_vec() }).collect()
}
