//! Service `bench.echo.v1.Echo`, which the native server has too.

okra_guest::generate!();

use echo::{Basket, Blob, Echo, Note};
use okra_guest::Error;

struct Service;

impl Echo for Service {
    fn small(request: Note) -> Result<Note, Error> {
        Ok(request)
    }

    fn items(request: Basket) -> Result<Basket, Error> {
        Ok(request)
    }

    fn bytes(request: Blob) -> Result<Blob, Error> {
        Ok(request)
    }
}

okra_guest::export!(Service);
