//! Service `greeter.v1.Greeter`: the smallest there is.

okra_guest::generate!();

use greeter::{Greeter, HelloReply, HelloRequest};
use okra_guest::Error;

struct Hello;

impl Greeter for Hello {
    fn hello(request: HelloRequest) -> Result<HelloReply, Error> {
        if request.name.is_empty() {
            return Err(Error::invalid_argument("name must not be empty"));
        }
        Ok(HelloReply { message: format!("Hello, {}!", request.name) })
    }
}

okra_guest::export!(Hello);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_greeted_by_name() {
        let reply = Hello::hello(HelloRequest { name: "Ada".to_owned() }).unwrap();
        assert_eq!(reply.message, "Hello, Ada!");
    }

    #[test]
    fn nobody_is_not_greeted() {
        let error = Hello::hello(HelloRequest::default()).unwrap_err();
        assert_eq!(error.code, okra_guest::Code::InvalidArgument);
    }
}
