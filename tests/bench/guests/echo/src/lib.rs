//! Service `bench.echo.v1.Echo`, which the native server has too.

okra_guest::generate!();

use echo::{Basket, Blob, BlobReader, BlobWriter, Echo, FeedRequest, Note};
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

    fn talk(requests: &BlobReader, responses: &BlobWriter) -> Result<(), Error> {
        for request in requests {
            responses.write(&request?)?;
        }
        Ok(())
    }

    fn feed(request: FeedRequest, responses: &BlobWriter) -> Result<(), Error> {
        let blob = Blob { data: vec![0; request.size as usize] };
        if request.at_once <= 1 {
            return (0..request.count).try_for_each(|_| responses.write(&blob));
        }
        let blobs = vec![blob; request.at_once as usize];
        let mut left = request.count as usize;
        while left > 0 {
            let now = left.min(blobs.len());
            responses.write_all(&blobs[..now])?;
            left -= now;
        }
        Ok(())
    }
}

okra_guest::export!(Service);
