//! A guest that gets its messages encoded.

okra_guest::generate!();

use okra_guest::Error;
use raw::{Raw, RequestReader, ResponseWriter};

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

    fn handle_stream(method: String, requests: &RequestReader, responses: &ResponseWriter) -> Result<(), Error> {
        match method.as_str() {
            "/test.raw.v1.Echo/Each" => {
                requests.into_iter().try_for_each(|request| responses.write(&request?.to_ascii_uppercase()))
            }
            "/test.raw.v1.Echo/Repeat" => {
                let request = requests.read()?.unwrap_or_default();
                responses.write(&request)?;
                responses.write(&request)
            }
            "/test.raw.v1.Echo/Last" => {
                let last = requests.into_iter().last().transpose()?;
                last.map_or(Ok(()), |last| responses.write(&last))
            }
            "/test.raw.v1.Echo/TooMany" => requests.into_iter().try_for_each(|request| responses.write(&request?)),
            _ => Err(Error::unimplemented(format!("{method} is not there"))),
        }
    }
}

okra_guest::export!(Service);
