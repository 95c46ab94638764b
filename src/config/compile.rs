//! The `[compile]` table of a server's file: the limits of the process that compiles a package.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::config::unit;

/// The `[compile]` table: the limits of the process that compiles one package.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CompileLimits {
    /// Most address space. Default: `"2GiB"`.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub memory: ByteSize,
    /// Most CPU time, of all threads together, in whole seconds. Default: `"5m"`.
    #[serde(with = "unit::duration")]
    pub cpu: Duration,
    /// Longest time. Default: `"5m"`.
    #[serde(with = "unit::duration")]
    pub timeout: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory: ByteSize::gib(2), cpu: Duration::from_secs(300), timeout: Duration::from_secs(300) }
    }
}
