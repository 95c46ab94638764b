//! Service `bench.relay.v1.Relay`: a component that calls another.

okra_guest::generate!();

use echo::Note;
use okra_guest::Error;
use relay::{Relay, RepeatRequest, RepeatResponse};

struct Service;

impl Relay for Service {
    fn repeat(request: RepeatRequest) -> Result<RepeatResponse, Error> {
        let note = Note { title: "a small message".into(), text: "with two texts and a number".into(), number: 42 };
        let mut answered = 0;
        for _ in 0..request.calls {
            answered += u32::from(echo::small(&note)? == note);
        }
        Ok(RepeatResponse { answered })
    }
}

okra_guest::export!(Service);
