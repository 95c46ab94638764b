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
//!   Messages that have come already are taken from the host together.
//! - **`write`** sends a message at once, and waits while the reader is slow. It fails if the reader is gone: the call was
//!   cancelled. **`write_all`** sends many messages, at a fraction of the cost where they are small.
//! - A handler may write before it has read anything, and return before it has read everything.
//!
//! A call that a component makes returns a reader (of one request, many responses), or a call of its own type:
//! `write` sends a request, `finish` ends them and waits for the one response; of many responses, `done_writing` ends the
//! requests and `read` reads. Dropped, a call is cancelled.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::vec;

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

/// Messages that have come and were not read yet.
#[doc(hidden)]
#[derive(Debug)]
pub struct ReadAhead<M>(RefCell<vec::IntoIter<M>>);

impl<M> Default for ReadAhead<M> {
    fn default() -> Self {
        Self(RefCell::new(Vec::new().into_iter()))
    }
}

impl<M> ReadAhead<M> {
    /// Returns the next message: of the last batch, or of the next one, which is empty at the end.
    ///
    /// # Errors
    /// What ended the stream.
    pub fn next(&self, read_batch: impl FnOnce() -> Result<Vec<M>, Error>) -> Result<Option<M>, Error> {
        if let Some(message) = self.0.borrow_mut().next() {
            return Ok(Some(message));
        }
        let mut batch = read_batch()?.into_iter();
        let first = batch.next();
        *self.0.borrow_mut() = batch;
        Ok(first)
    }
}

/// A resource of wit-bindgen, which is dropped if it is owned.
#[doc(hidden)]
#[derive(Debug)]
pub struct Resource<R> {
    resource: ManuallyDrop<R>,
    is_owned: bool,
}

impl<R> Resource<R> {
    /// Takes a resource that is dropped with this.
    pub fn owned(resource: R) -> Self {
        Self { resource: ManuallyDrop::new(resource), is_owned: true }
    }

    /// Takes a resource that belongs to another.
    pub fn lent(resource: R) -> Self {
        Self { resource: ManuallyDrop::new(resource), is_owned: false }
    }
}

impl<R> Deref for Resource<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.resource
    }
}

impl<R> Drop for Resource<R> {
    fn drop(&mut self) {
        if self.is_owned {
            // SAFETY: it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.resource) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn batches_are_read_to_their_end_before_the_next_and_an_error_comes_behind_them() {
        let ahead = ReadAhead::default();
        let batches = RefCell::new(vec![Ok(vec![1, 2]), Ok(vec![3]), Err(Error::cancelled("gone")), Ok(Vec::new())]);
        let read = || ahead.next(|| batches.borrow_mut().remove(0)).map_err(|error| error.message);
        let read: Vec<_> = std::iter::repeat_with(read).take(5).collect();
        assert_eq!(read, [Ok(Some(1)), Ok(Some(2)), Ok(Some(3)), Err("gone".to_owned()), Ok(None)]);
    }

    #[test]
    fn a_resource_that_is_lent_is_not_dropped() {
        let counted = Rc::new(());
        drop(Resource::owned(counted.clone()));
        assert_eq!(Rc::strong_count(&counted), 1);
        drop(Resource::lent(counted.clone()));
        assert_eq!(Rc::strong_count(&counted), 2);
    }

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
