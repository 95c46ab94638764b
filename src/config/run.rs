use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::unit;

/// The `[run]` table: how a service is run. Every key has a default.
///
/// Durations are strings such as `"30s"`, `"500ms"` or `"1h 30m"`, sizes strings such as `"64MiB"` or `"4kB"`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Whether an instance serves one call after another or one call only. Default: `"instance"`.
    pub isolation: Isolation,
    /// Instances at most, and so calls at work at the same time. Default: 16.
    pub instances: NonZeroU32,
    /// Calls that may wait for an instance; those beyond are refused with `RESOURCE_EXHAUSTED`. Default: 128.
    pub queue: u32,
    /// Linear memory of an instance at most, from 64KiB to 4GiB. A call that needs more fails with
    /// `RESOURCE_EXHAUSTED`. Default: `"64MiB"`.
    #[serde(with = "unit::memory")]
    pub memory: ByteSize,
    /// CPU time that a call may use, and one with streams from message to message. Waiting does not count. Default: `"5s"`.
    #[serde(with = "unit::duration")]
    pub cpu: Duration,
    /// Wall-clock time that a unary call may take, waiting in the queue included, unless its caller sets a sooner deadline;
    /// a call with streams may wait for so long in the queue, and takes as long as its caller lets it. Default: `"30s"`.
    #[serde(with = "unit::duration")]
    pub deadline: Duration,
    /// Calls after which an instance is replaced by a fresh one. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<NonZeroU64>,
    /// Age at which an instance is replaced by a fresh one, between two calls. Default: no limit.
    #[serde(with = "unit::optional_duration", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// An instance that had no call for so long is let go. Default: `"60s"`.
    #[serde(with = "unit::duration")]
    pub idle: Duration,
    /// Size of a request message at most, after decompression. Default: `"4MiB"`.
    #[serde(with = "unit::size")]
    pub max_request: ByteSize,
    /// Size of a response message at most, before compression. Default: `"4MiB"`.
    #[serde(with = "unit::size")]
    pub max_response: ByteSize,
}

/// What calls share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// An instance serves one call after another and keeps its memory in between.
    #[default]
    Instance,
    /// Each call has a fresh instance of its own.
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
