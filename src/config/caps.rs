//! The `[caps]` table of a server's file: the most that a package gets of what its `[run]` table asks for.

use std::num::NonZeroU32;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::config::{Run, unit};

/// The `[caps]` table: the most that each package gets of what its `[run]` table asks for.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunCaps {
    /// Most instances of a package. Default: 256.
    pub instances: NonZeroU32,
    /// Most calls that wait for an instance. Default: 10000.
    pub queue: u32,
    /// Most linear memory of an instance. Default: `"1GiB"`.
    #[serde(deserialize_with = "unit::memory::deserialize")]
    pub memory: ByteSize,
    /// Most CPU time of a call. Default: `"1m"`.
    #[serde(with = "unit::duration")]
    pub cpu: Duration,
    /// Most time of a unary call. Default: `"1h"`.
    #[serde(with = "unit::duration")]
    pub deadline: Duration,
    /// Longest time without a message after which a call with streams ends. Default: no limit.
    #[serde(with = "unit::optional_duration")]
    pub stream_idle: Option<Duration>,
    /// Longest time without a call after which an instance is removed. Default: `"1h"`.
    #[serde(with = "unit::duration")]
    pub idle: Duration,
    /// Largest request message. Default: `"64MiB"`.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub max_request: ByteSize,
    /// Largest response message. Default: `"64MiB"`.
    #[serde(deserialize_with = "unit::size::deserialize")]
    pub max_response: ByteSize,
}

impl Default for RunCaps {
    fn default() -> Self {
        Self {
            instances: NonZeroU32::MIN.saturating_add(255),
            queue: 10_000,
            memory: ByteSize::gib(1),
            cpu: Duration::from_secs(60),
            deadline: Duration::from_secs(60 * 60),
            stream_idle: None,
            idle: Duration::from_secs(60 * 60),
            max_request: ByteSize::mib(64),
            max_response: ByteSize::mib(64),
        }
    }
}

/// A limit of a package that is lower than its `[run]` table asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoweredLimit {
    /// The key in `[run]`.
    pub(crate) key: &'static str,
    /// The value that the package asks for.
    pub(crate) wish: String,
    /// The value that it gets.
    pub(crate) cap: String,
}

impl RunCaps {
    /// Returns the limits that a package gets: the smaller one of its own and of these, each. Returns those that were
    /// lowered, too.
    pub(crate) fn lower(&self, wishes: &Run) -> (Run, Vec<LoweredLimit>) {
        let mut lowered = Vec::new();
        let mut note = |key, wish, cap| lowered.push(LoweredLimit { key, wish, cap });
        let mut run = wishes.clone();
        macro_rules! lower {
            ($($field:ident: $key:literal as $text:expr;)+) => {$(
                if run.$field > self.$field {
                    run.$field = self.$field;
                    note($key, $text(wishes.$field), $text(self.$field));
                }
            )+};
        }
        lower! {
            instances: "instances" as (|number: NonZeroU32| number.to_string());
            queue: "queue" as (|number: u32| number.to_string());
            memory: "memory" as (|size: ByteSize| size.to_string());
            cpu: "cpu" as duration_text;
            deadline: "deadline" as duration_text;
            idle: "idle" as duration_text;
            max_request: "max-request" as (|size: ByteSize| size.to_string());
            max_response: "max-response" as (|size: ByteSize| size.to_string());
        }
        if let Some(cap) = self.stream_idle
            && wishes.stream_idle.is_none_or(|wish| wish > cap)
        {
            run.stream_idle = Some(cap);
            if let Some(wish) = wishes.stream_idle {
                note("stream-idle", duration_text(wish), duration_text(cap));
            }
        }
        (run, lowered)
    }
}

fn duration_text(duration: Duration) -> String {
    humantime_serde::re::humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_gets_the_smaller_limit_of_its_own_and_the_operators() {
        let caps = RunCaps {
            memory: ByteSize::mib(32),
            cpu: Duration::from_secs(60),
            stream_idle: Some(Duration::from_secs(90)),
            ..RunCaps::default()
        };
        let wishes = Run { max_request: ByteSize::gib(1), ..Run::default() };
        let (run, lowered) = caps.lower(&wishes);
        let expected = Run {
            memory: ByteSize::mib(32),
            max_request: ByteSize::mib(64),
            stream_idle: Some(Duration::from_secs(90)),
            ..Run::default()
        };
        assert_eq!(run, expected);
        let texts: Vec<_> = lowered.iter().map(|it| (it.key, &*it.wish, &*it.cap)).collect();
        assert_eq!(texts, [("memory", "64.0 MiB", "32.0 MiB"), ("max-request", "1.0 GiB", "64.0 MiB")]);
    }

    #[test]
    fn limits_below_the_caps_stay() {
        assert_eq!(RunCaps::default().lower(&Run::default()), (Run::default(), Vec::new()));
    }
}
