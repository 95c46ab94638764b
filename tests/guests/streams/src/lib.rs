//! A guest that streams in every shape, and calls itself so.

okra_guest::generate!();

use std::cell::Cell;

use okra_guest::stream::Read as _;
use okra_guest::{Error, context, outgoing};
use keeper::Keeper;
use onward::Onward;
use streams::{Number, NumberReader, NumberWriter, Streams, Told};

struct Service;

fn number(value: u64) -> Number {
    Number { value }
}

impl Streams for Service {
    fn count(request: Number, responses: &NumberWriter) -> Result<(), Error> {
        (1..=request.value).try_for_each(|value| responses.write(number(value)))
    }

    fn sum(requests: &NumberReader) -> Result<Number, Error> {
        let mut sum = 0;
        for request in requests {
            sum += request?.value;
        }
        Ok(number(sum))
    }

    fn double(requests: &NumberReader, responses: &NumberWriter) -> Result<(), Error> {
        for request in requests {
            responses.write(number(request?.value * 2))?;
        }
        Ok(())
    }

    fn shout(_: &NumberReader, responses: &NumberWriter) -> Result<(), Error> {
        responses.write_all(&[number(1), number(2), number(3)])
    }

    fn break_(request: Number, responses: &NumberWriter) -> Result<(), Error> {
        context::add_header("x-early", "header")?;
        responses.write(number(request.value))?;
        if context::add_header("x-late", "header").is_ok() {
            return Err(Error::internal("headers can be set after the first message"));
        }
        responses.write(number(request.value + 1))?;
        context::add_trailer("x-end", "trailer")?;
        Err(Error::aborted("on purpose"))
    }

    fn nothing(_: Number, _: &NumberWriter) -> Result<(), Error> {
        context::add_header("x-early", "header")?;
        context::add_trailer("x-end", "trailer")?;
        Ok(())
    }

    fn panic(_: &NumberReader, responses: &NumberWriter) -> Result<(), Error> {
        responses.write(number(1))?;
        panic!("on purpose")
    }

    fn spin(_: Number, responses: &NumberWriter) -> Result<(), Error> {
        while responses.write(number(0)).is_ok() {}
        loop {
            std::hint::black_box(());
        }
    }

    fn until(requests: &NumberReader) -> Result<Number, Error> {
        for request in requests {
            let request = request?;
            if request.value > 10 {
                return Ok(request);
            }
        }
        Err(Error::out_of_range("none was over 10"))
    }
}

impl Onward for Service {
    fn count(request: Number, responses: &NumberWriter) -> Result<(), Error> {
        streams::count(request)?.messages().try_for_each(|message| responses.write(message?))
    }

    fn sum(requests: &NumberReader) -> Result<Number, Error> {
        let call = streams::sum()?;
        call.write_all(&requests.into_iter().collect::<Result<Vec<_>, _>>()?)?;
        call.finish()
    }

    fn double(requests: &NumberReader, responses: &NumberWriter) -> Result<(), Error> {
        let call = streams::double()?;
        for request in requests {
            call.write(request?)?;
            if let Some(response) = call.read()? {
                responses.write(response)?;
            }
        }
        call.done_writing()?;
        match call.read()? {
            None => Ok(()),
            Some(_) => Err(Error::internal("more responses than requests")),
        }
    }

    fn leave(request: Number) -> Result<Number, Error> {
        let numbers = streams::count(number(u64::MAX))?;
        let read = numbers.messages().take(request.value as usize).collect::<Result<Vec<_>, _>>()?;
        Ok(number(read.len() as u64))
    }

    fn tell(request: Number) -> Result<Told, Error> {
        let scope = outgoing::Scope::new();
        let numbers = streams::break_(request)?;
        let mut text = String::new();
        for message in &numbers {
            match message {
                Ok(number) => text += &format!("{} ", number.value),
                Err(error) => text += &error.to_string(),
            }
        }
        let header = scope.headers().get_str("x-early").unwrap_or_default().to_owned();
        let trailer = scope.trailers().get_str("x-end").unwrap_or_default().to_owned();
        Ok(Told { text: format!("{text}, {header}, {trailer}") })
    }
}

impl Keeper for Service {
    fn keep(request: Number) -> Result<Number, Error> {
        match KEPT.take() {
            Some(kept) => Ok(kept.read()?.unwrap_or_default()),
            None => {
                KEPT.set(Some(streams::count(number(u64::MAX))?));
                Ok(request)
            }
        }
    }
}

thread_local! {
    /// A stream that outlives its call, as none may.
    static KEPT: Cell<Option<NumberReader>> = const { Cell::new(None) };
}

okra_guest::export!(Service);
