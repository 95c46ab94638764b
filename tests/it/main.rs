//! Guests in the runtime, in this process: one file a topic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

/// Runs each test, an `async fn` that is given the folder of a guest, with the guest of each language.
macro_rules! guests {
    ($($language:ident: $guest:literal),+; $($test:ident)+) => { guests!(@ [$($language: $guest),+] [$($test)+]); };
    (@ [$($language:ident: $guest:literal),+] $tests:tt) => { $(guests!(@@ $language $guest $tests);)+ };
    (@@ $language:ident $guest:literal [$($test:ident)+]) => {
        mod $language {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($guest).await;
                }
            )+
        }
    };
}

mod abandoned;
mod ambient;
mod cases;
mod chain;
mod codec;
mod compiled;
mod composition;
mod contract;
mod crafted;
mod deploys;
mod faults;
mod go;
mod greedy;
mod host;
mod hostile;
mod mismatch;
mod modules;
mod outside;
mod packages;
mod ported;
mod ported_go;
mod raw;
mod run;
mod served;
mod shop;
mod silent;
mod singleton;
mod soak;
mod streams;
mod surface;
