//! The `[run]` table of `okra.toml`: limits and isolation of a service.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::config::unit;

/// The `[run]` table: limits and isolation of a service. Every key has a default.
///
/// Durations are strings such as `"30s"`, `"500ms"` or `"1h 30m"`, sizes strings such as `"64MiB"` or `"4kB"`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Whether an instance serves one call after another, or one call only. Default: `"instance"`.
    pub isolation: Isolation,
    /// Most instances, and so most calls that run at the same time. Default: 16.
    pub instances: NonZeroU32,
    /// Most calls that wait for an instance; more calls fail with `RESOURCE_EXHAUSTED`. Default: 128.
    pub queue: u32,
    /// Most linear memory of an instance, from 64KiB to 4GiB. A call that needs more fails with
    /// `RESOURCE_EXHAUSTED`. Default: `"64MiB"`.
    #[serde(with = "unit::memory")]
    pub memory: ByteSize,
    /// Most CPU time of a call, and of a call with streams from message to message. Waiting does not count. Default: `"5s"`.
    #[serde(with = "unit::duration")]
    pub cpu: Duration,
    /// Most time of a unary call, the queue included, unless its caller sets a sooner deadline. A call with streams may wait
    /// in the queue for this time, and takes as long as its caller allows. Default: `"30s"`.
    #[serde(with = "unit::duration")]
    pub deadline: Duration,
    /// Number of calls after which an instance is replaced. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<NonZeroU64>,
    /// Age at which an instance is replaced, between two calls. Default: no limit.
    #[serde(with = "unit::optional_duration", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Time without a call after which an instance is removed. Default: `"60s"`.
    #[serde(with = "unit::duration")]
    pub idle: Duration,
    /// Largest request message, after decompression. Default: `"4MiB"`.
    #[serde(with = "unit::size")]
    pub max_request: ByteSize,
    /// Largest response message, before compression. Default: `"4MiB"`.
    #[serde(with = "unit::size")]
    pub max_response: ByteSize,
}

/// Whether calls share an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// An instance serves one call after another and keeps its memory in between.
    #[default]
    Instance,
    /// Each call has a fresh instance.
    Request,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            instances: NonZeroU32::MIN.saturating_add(15),
            queue: 128,
            memory: ByteSize::mib(64),
            cpu: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
            max_calls: None,
            max_age: None,
            idle: Duration::from_secs(60),
            max_request: ByteSize::mib(4),
            max_response: ByteSize::mib(4),
        }
    }
}
