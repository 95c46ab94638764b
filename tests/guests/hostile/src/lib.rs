//! A guest that takes as much as it can get of everything.

okra_guest::generate!();

use std::hint::black_box;
use std::io::Write as _;

use hostile::{Hostile, Payload, PayloadReader, PayloadWriter};
use okra_guest::log::{self, Level};
use okra_guest::outgoing::Scope;
use okra_guest::{Error, context};

struct Service;

fn internal(error: impl ToString) -> Error {
    Error::internal(error.to_string())
}

impl Hostile for Service {
    fn echo(request: Payload) -> Result<Payload, Error> {
        Ok(request)
    }

    fn spin(_: Payload) -> Result<Payload, Error> {
        loop {
            black_box(());
        }
    }

    fn allocate(_: Payload) -> Result<Payload, Error> {
        let mut all = Vec::new();
        loop {
            all.push(black_box(vec![1_u8; 1 << 20]));
        }
    }

    fn recurse(_: Payload) -> Result<Payload, Error> {
        fn deeper(depth: u32) -> u32 {
            if black_box(depth) == u32::MAX { 0 } else { deeper(depth + 1) + black_box(1) }
        }
        Ok(Payload { size: deeper(0), ..Payload::default() })
    }

    fn print_lines(_: Payload) -> Result<Payload, Error> {
        let lines = vec![b'\n'; 4 << 20];
        loop {
            std::io::stdout().write_all(&lines).map_err(internal)?;
        }
    }

    fn log(_: Payload) -> Result<Payload, Error> {
        let text = "x".repeat(64 << 10);
        loop {
            log::write(Level::Error, &text, &[]);
        }
    }

    fn random(_: Payload) -> Result<Payload, Error> {
        let mut bytes = vec![0; 16 << 20];
        loop {
            getrandom::fill(&mut bytes).map_err(internal)?;
            black_box(&bytes);
        }
    }

    fn make_scopes(_: Payload) -> Result<Payload, Error> {
        let mut scopes = Vec::new();
        loop {
            let mut scope = Scope::new();
            for number in 0..60 {
                scope = scope.metadata(&format!("x-{number}"), "v".repeat(1000)).map_err(internal)?;
            }
            scopes.push(scope);
        }
    }

    fn set_headers(request: Payload) -> Result<Payload, Error> {
        for number in 0..30_000 {
            context::add_header(&format!("x-{number}"), "v")?;
        }
        Ok(request)
    }

    fn fill(request: Payload) -> Result<Payload, Error> {
        Ok(Payload { data: vec![1; request.size as usize], ..Payload::default() })
    }

    fn feed(request: Payload, responses: &PayloadWriter) -> Result<(), Error> {
        loop {
            responses.write(&Payload { data: vec![1; request.size as usize], ..Payload::default() })?;
        }
    }

    fn collect(requests: &PayloadReader) -> Result<Payload, Error> {
        let mut size = 0;
        for request in requests {
            size += request?.data.len() as u32;
        }
        Ok(Payload { size, ..Payload::default() })
    }
}

okra_guest::export!(Service);
