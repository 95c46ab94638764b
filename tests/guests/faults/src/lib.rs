//! A guest that does everything wrong that a handler can do wrong.

okra_guest::generate!();

use std::cell::Cell;
use std::hint::black_box;
use std::io::Write as _;

use faults::{Counted, Faults, Payload, Seen};
use okra_guest::{Error, context};

struct Service;

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

impl Faults for Service {
    fn echo(request: Payload) -> Result<Payload, Error> {
        Ok(request)
    }

    fn panic(request: Payload) -> Result<Payload, Error> {
        panic!("{}", request.text)
    }

    fn overflow_stack(_: Payload) -> Result<Payload, Error> {
        fn deeper(depth: u64) -> u64 {
            if black_box(depth) == u64::MAX { 0 } else { deeper(depth + 1) + black_box(depth) }
        }
        Ok(Payload { text: deeper(0).to_string(), parts: Vec::new() })
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

    fn answer_too_much(_: Payload) -> Result<Payload, Error> {
        Ok(Payload { text: "x".repeat(5 << 20), parts: Vec::new() })
    }

    fn fail(request: Payload) -> Result<Payload, Error> {
        let error = Error::failed_precondition(request.text);
        Err(error.with_detail("type.googleapis.com/test.Detail", vec![1, 2, 3]).with_metadata("x-why", "because"))
    }

    fn tell(_: Payload) -> Result<Seen, Error> {
        Ok(Seen {
            service: context::service(),
            method: context::method(),
            metadata: context::metadata().iter().map(|(name, _)| name.to_string()).collect(),
            has_deadline: context::remaining().is_some(),
        })
    }

    fn say(request: Payload) -> Result<Payload, Error> {
        context::add_header("x-header-bin", &request.text)?;
        context::add_trailer("x-trailer", "said")?;
        Ok(request)
    }

    fn exit(_: Payload) -> Result<Payload, Error> {
        std::process::exit(3)
    }

    fn print(request: Payload) -> Result<Payload, Error> {
        let printed = std::io::stdout().write_all(b"\xff\xfe\0 half of a line");
        printed.map_err(|error| Error::internal(error.to_string()))?;
        Ok(request)
    }

    fn start_threads(_: Payload) -> Result<Payload, Error> {
        let started = std::thread::Builder::new().spawn(|| loop {
            black_box(());
        });
        Ok(Payload { text: if started.is_ok() { "started" } else { "refused" }.to_owned(), parts: Vec::new() })
    }

    fn sleep(request: Payload) -> Result<Payload, Error> {
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(request)
    }

    fn count(_: Payload) -> Result<Counted, Error> {
        CALLS.set(CALLS.get() + 1);
        Ok(Counted { calls: CALLS.get() })
    }
}

okra_guest::export!(Service);
