//! The link without a component: wire bytes are lowered into a memory of our own and lifted from it again, and compared with
//! what prost-reflect makes of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used)]

mod batches;
mod corpus;
mod differential;
mod fixture;
mod hostile;
mod regressions;
mod targets;

use std::path::Path;
use std::sync::LazyLock;

use crate::link::tests::fixture::Fixture;

static FIXTURE: LazyLock<Fixture> =
    LazyLock::new(|| Fixture::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/link/tests")));
