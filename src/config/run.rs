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
    /// Whether calls share instances, have one each, or all go to a single one. Default: `"instance"`.
    pub isolation: Isolation,
    /// Most instances, and so most calls that run at the same time. Without effect on a singleton. Default: 16.
    pub instances: NonZeroU32,
    /// Instances that are made when the package is deployed, and stay when they are idle. At most `instances`. Default: 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub warm: u32,
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
    /// Time without a message in either direction after which a call with streams ends with `DEADLINE_EXCEEDED`. Default: no
    /// limit.
    #[serde(with = "unit::optional_duration", skip_serializing_if = "Option::is_none")]
    pub stream_idle: Option<Duration>,
    /// Number of calls after which an instance is replaced. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<NonZeroU64>,
    /// Age at which an instance is replaced, between two calls. Default: no limit.
    #[serde(with = "unit::optional_duration", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Time without a call after which an instance is removed. Without effect on a singleton. Default: `"60s"`.
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
    /// All calls go to one instance, one after another, and none makes a second one.
    Singleton,
}

impl Run {
    /// Returns the most instances that there may be at the same time, without those in reserve for nested calls.
    pub(crate) fn max_instances(&self) -> u32 {
        match self.isolation {
            Isolation::Singleton => 1,
            Isolation::Instance | Isolation::Request => self.instances.get(),
        }
    }

    /// Returns the instances that are made when the package is deployed.
    pub(crate) fn warm_instances(&self) -> u32 {
        self.warm.min(self.max_instances())
    }

    /// Returns the most instances in reserve for the calls of each depth, for when the others are taken.
    ///
    /// A service that calls another holds its instance meanwhile. Services that call each other would wait for ever once
    /// such calls held all instances; but a call waits only for deeper ones, and the deepest always find a slot. A
    /// singleton has no reserve: its revision refuses calls that come back to it.
    pub(crate) fn reserve_per_depth(&self) -> u32 {
        match self.isolation {
            Isolation::Singleton => 0,
            Isolation::Instance | Isolation::Request => self.instances.get().div_ceil(4),
        }
    }

    /// Returns the largest request message in bytes.
    pub(crate) fn max_request_bytes(&self) -> usize {
        usize::try_from(self.max_request.as_u64()).unwrap_or(usize::MAX)
    }

    /// Returns the largest response message in bytes.
    pub(crate) fn max_response_bytes(&self) -> usize {
        usize::try_from(self.max_response.as_u64()).unwrap_or(usize::MAX)
    }

    /// Returns the time without a call after which an instance is removed; `None` for a singleton, which stays.
    pub(crate) fn idle_time(&self) -> Option<Duration> {
        (self.isolation != Isolation::Singleton).then_some(self.idle)
    }
}

// serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Default for Run {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            instances: NonZeroU32::MIN.saturating_add(15),
            warm: 0,
            queue: 128,
            memory: ByteSize::mib(64),
            cpu: Duration::from_secs(5),
            deadline: Duration::from_secs(30),
            stream_idle: None,
            max_calls: None,
            max_age: None,
            idle: Duration::from_secs(60),
            max_request: ByteSize::mib(4),
            max_response: ByteSize::mib(4),
        }
    }
}
