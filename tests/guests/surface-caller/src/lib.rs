//! A guest that calls `Surface` of another component.

okra_guest::generate!();

use std::time::Duration;

use okra_guest::{Error, outgoing};
use surface::{CallDescription, DescribeRequest};
use surface_caller::SurfaceCaller;

struct Service;

impl SurfaceCaller for Service {
    fn describe(request: DescribeRequest) -> Result<CallDescription, Error> {
        let scope = outgoing::Scope::new().timeout(Duration::from_secs(5));
        let scope = scope.metadata("x-word", &request.word)?.metadata("x-word-bin", [0xff, 0x00])?;
        let description = surface::describe(&request)?;
        let value = |metadata: &okra_guest::Metadata, name| metadata.get_str(name).unwrap_or_default().to_owned();
        let brought_back = vec![value(&scope.headers(), "x-header"), value(&scope.trailers(), "x-trailer")];
        Ok(CallDescription { brought_back, ..description })
    }
}

okra_guest::export!(Service);
