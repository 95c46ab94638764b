//! Call cases: requests and their expected outcomes, each a JSON file. `okra test` runs them in its own process.
//!
//! ```json
//! {
//!   "call": "greeter.v1.Greeter/Hello",
//!   "request": { "name": "Ada" },
//!   "response": { "message": "Hello, Ada!" }
//! }
//! ```
//!
//! [`CallCase`] is the content of a file, [`CaseRunner`] runs it.

mod case;
mod run;
#[cfg(test)]
mod tests;

pub use case::{CallCase, CaseError, ExpectedError, ExpectedOutcome, find_cases};
pub use run::{CaseDifference, CaseRunner};
