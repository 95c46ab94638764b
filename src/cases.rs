//! Call cases: what a service must answer to what, each a JSON file; `okra test` runs them in its own process.
//!
//! ```json
//! {
//!   "call": "greeter.v1.Greeter/Hello",
//!   "request": { "name": "Ada" },
//!   "response": { "message": "Hello, Ada!" }
//! }
//! ```
//!
//! [`Case`] is the file, [`Cases`] has what is needed to run it.

mod case;
mod run;
#[cfg(test)]
mod tests;

pub use case::{Case, CaseError, Expected, ExpectedError, find};
pub use run::{Cases, Difference};
