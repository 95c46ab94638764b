//! Services for OKRA in Rust.
//!
//! A project has its messages and services in `.proto` files; `okra generate` makes WIT of them in `wit/`, and
//! [`generate!`] makes Rust of that. A service is then a type that implements a trait:
//!
//! ```ignore
//! okra_guest::generate!();
//!
//! use greeter::{Greeter, HelloReply, HelloRequest};
//! use okra_guest::Error;
//!
//! struct MyService;
//!
//! impl Greeter for MyService {
//!     fn hello(request: HelloRequest) -> Result<HelloReply, Error> {
//!         if request.name.is_empty() {
//!             return Err(Error::invalid_argument("name must not be empty"));
//!         }
//!         Ok(HelloReply { message: format!("Hello, {}!", request.name) })
//!     }
//! }
//!
//! okra_guest::export!(MyService);
//! ```
//!
//! # What a handler can rely on
//! An instance serves one call at a time, so handlers take no `self` and need no locks; what is kept in a `static` or a
//! `thread_local!` is seen by later calls *of the same instance* only, and the host may start and end instances at any
//! time. Nothing that must last belongs there.
//!
//! A panic ends the call with `INTERNAL` and the instance with it. Its message goes to stderr, and so to the host's log,
//! never to the caller. Whatever a handler prints to stdout or stderr goes to the log as well; [`log`] adds levels and
//! fields.
//!
//! # Modules
//! - [`Error`], [`Code`], [`Detail`], [`Entry`]: the error of a call; [`details`]: the common details of errors.
//! - [`Message`]: messages as bytes and as JSON.
//! - [`context`]: the call that is being served: its protocol, metadata, deadline and caller, and its headers and trailers.
//! - [`outgoing`]: timeout and metadata of the calls that a handler makes.
//! - [`stream`]: the messages of calls that stream, in and out.
//! - [`raw`]: services on encoded messages.
//! - [`log`]: lines for the host's log.
//! - [`well_known`]: the protobuf types of `google.protobuf` that are records.

#![deny(missing_docs)]

pub mod context;
pub mod details;
mod error;
mod json;
pub mod log;
pub mod message;
mod metadata;
pub mod outgoing;
pub mod raw;
pub mod stream;
pub mod well_known;

pub use error::{Code, Detail, Entry, Error};
pub use json::JsonError;
pub use message::{DecodeError, EncodeError, Message};
pub use metadata::{InvalidMetadata, Metadata};

/// Makes Rust of the WIT in the project's `wit/` folder, and includes `messages.rs` beside it; `okra generate` writes both.
///
/// Belongs at the top of `src/lib.rs`, and takes nothing. What it makes stands beside it:
///
/// - **a module for each service**, served or called, named after it: `greeter` for `greeter.v1.Greeter`, `user_admin`
///   for `shop.users.v1.UserAdmin`. In it are
///   - all messages and enums of the service's package that the project's services reach;
///   - of a service that is served the trait to implement, with its own name: `greeter::Greeter`. Its methods are
///     functions without `self`: `fn hello(request: HelloRequest) -> Result<HelloReply, Error>`;
///   - of a service that is called a function for each method: `users::get_user(&request)?`;
///   - of methods with streams a reader and a writer for each message: `LineReader`, `LineWriter`; and of a service that is
///     called and takes a stream of requests the type of such a call: `ChatCall`;
/// - **module `proto` with a module for each protobuf package**, under the package's own name: `proto::shop::common::v1` for
///   `shop.common.v1`. Parts of the name are in snake case, and keywords have a `_` behind them: `proto::google::type_` for
///   `google.type`. Files without a package are in `proto::default`. In it are
///   - all messages and enums of the package that the project's services reach;
///   - the traits of its services that are served, and readers and writers of streams;
///   - for each service that is called a module with its functions: `proto::shop::users::v1::users::get_user`;
/// - with services that are served with encoded messages, module `raw` with the trait `Raw` and the rest of [`raw`].
///
/// Where two services would have a module of the same name, or one would be called `proto`, the module has the name of the
/// package before its own: `shop_users_v1_users`. The modules in `proto` do not depend on what other packages there are.
///
/// Messages are plain structs with public fields. They implement `Clone`, `Debug`, `Default` and `PartialEq`; their
/// default is protobuf's, so `Invoice { id, ..Default::default() }` goes on compiling when fields are added. A field that leads
/// back to its own message is in a `Box`, as is one with a very large message. They implement [`Message`], which encodes and
/// decodes them, and goes to and from protobuf's JSON.
///
/// Types that `types` of `[proto]` in okra.toml names are there, too, although no service reaches them: for
/// [`Any::pack`](well_known::Any::pack) and [`Any::unpack`](well_known::Any::unpack).
pub use okra_guest_macros::generate;

/// Exports a type as the project's services: it must implement the trait of each service that is served.
///
/// Comes once, after [`generate!`] and in the same module: `okra_guest::export!(MyService);`
#[macro_export]
macro_rules! export {
    ($service:ident) => {
        okra_export!($service);
    };
}

/// The host's interfaces as wit-bindgen makes them. Not for use: what is behind it changes with wit-bindgen.
#[doc(hidden)]
pub mod bindings {
    #![allow(missing_docs)]

    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package okra:guest;

            world bindings {
                include okra:service/service@0.2.0;
                import okra:service/raw-streams@0.2.0;
            }
        ",
        world: "okra:guest/bindings",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq, Hash],
        additional_derives_ignore: ["scope"],
        with: { "okra:service/status@0.2.0/error": crate::Error },
    });

    /// What stands for interface `status` in a project's own bindings.
    pub mod status {
        pub use super::okra::service::status::{Code, Detail, Entry};
        pub use crate::Error;
    }

    pub use wit_bindgen::rt;
}
