//! A guest that gets its messages encoded.

okra_guest::generate!();

use okra_guest::Error;
use raw::Raw;

struct Service;

impl Raw for Service {
    fn handle(method: String, request: Vec<u8>) -> Result<Vec<u8>, Error> {
        match method.as_str() {
            // A field with a string: tag and length stay, ASCII letters change.
            "/test.raw.v1.Echo/Upper" => Ok(request.to_ascii_uppercase()),
            "/test.raw.v1.Echo/Much" => Ok(vec![0; 2 << 10]),
            "/test.raw.v1.Echo/Panic" => panic!("on purpose"),
            _ => Err(Error::unimplemented(format!("{method} is not there"))),
        }
    }
}

okra_guest::export!(Service);
