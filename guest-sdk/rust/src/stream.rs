//! The streams of a call: the handler reads and writes messages one by one.
//!
//! [`generate!`](crate::generate) makes a reader and a writer for each message that is streamed, named after it. A handler
//! borrows them, and waits where it reads or writes:
//!
//! ```ignore
//! fn chat(requests: &LineReader, responses: &LineWriter) -> Result<(), Error> {
//!     for line in requests {
//!         responses.write(&answer(line?))?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! - **`read`** waits for the next message, and returns none at the end of the stream. It fails with the error that ended
//!   the stream. A reader is also an iterator.
//! - **`write`** waits while the reader is slow. It fails if the reader is gone: the call was cancelled.
//! - A handler may write before it has read anything, and return before it has read everything.
//!
//! A call that a component makes returns a reader (of one request, many responses), or a call of its own type:
//! `write` sends a request, `finish` ends them and waits for the one response; of many responses, `done_writing` ends the
//! requests and `read` reads. Dropped, a call is cancelled.

use crate::Error;

/// What messages are read from: the readers that [`generate!`](crate::generate) makes, and calls with many responses.
pub trait Read {
    /// What is read.
    type Message;

    /// Waits for the next message; none at the end.
    ///
    /// # Errors
    /// What ended the stream.
    fn next_message(&self) -> Result<Option<Self::Message>, Error>;

    /// The messages that are still to come. After an error there is nothing more.
    fn messages(&self) -> Messages<'_, Self> {
        Messages { reader: self, ended: false }
    }
}

/// The messages of a stream, until it ends or fails.
#[derive(Debug)]
pub struct Messages<'a, R: ?Sized> {
    reader: &'a R,
    ended: bool,
}

impl<R: Read + ?Sized> Iterator for Messages<'_, R> {
    type Item = Result<R::Message, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.reader.next_message().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Lines(RefCell<Vec<Result<Option<u32>, Error>>>);

    impl Read for Lines {
        type Message = u32;

        fn next_message(&self) -> Result<Option<u32>, Error> {
            self.0.borrow_mut().remove(0)
        }
    }

    #[test]
    fn messages_end_with_the_stream() {
        let lines = Lines(RefCell::new(vec![Ok(Some(1)), Ok(Some(2)), Ok(None)]));
        assert_eq!(lines.messages().collect::<Result<Vec<_>, _>>().unwrap(), [1, 2]);
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let lines = Lines(RefCell::new(vec![Ok(Some(1)), Err(Error::cancelled("gone")), Ok(Some(2))]));
        let read: Vec<_> = lines.messages().map(|message| message.is_ok()).collect();
        assert_eq!(read, [true, false]);
    }
}
