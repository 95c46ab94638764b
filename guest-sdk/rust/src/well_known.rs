//! The types of `google.protobuf` that are records in WIT. A project's messages use these very types.
//!
//! The others need none: wrappers are options, a field mask is a list of strings, `Struct`, `Value` and `ListValue` are
//! strings of JSON text.

use std::fmt;
use std::time::{Duration as StdDuration, SystemTime};

use crate::message::fields::{Types, table};
use crate::{DecodeError, Detail, EncodeError, Message};

/// `google.protobuf.Timestamp`: a point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds behind them, 0 to 999,999,999.
    pub nanos: i32,
}

/// `google.protobuf.Duration`: a span of time, which may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Duration {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds, of the same sign as the seconds.
    pub nanos: i32,
}

/// `google.protobuf.Any`: a message of any type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Any {
    /// What `value` is, such as `type.googleapis.com/google.rpc.BadRequest`.
    pub type_url: String,
    /// The protobuf encoding of the message.
    pub value: Vec<u8>,
}

/// A time that the type asked for cannot hold, or nanoseconds beyond their range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

/// Full names of the types that have a JSON of their own.
pub(crate) const TIMESTAMP: &str = "google.protobuf.Timestamp";
pub(crate) const DURATION: &str = "google.protobuf.Duration";
pub(crate) const ANY: &str = "google.protobuf.Any";
pub(crate) const NULL_VALUE: &str = "google.protobuf.NullValue";
const EMPTY: &str = "google.protobuf.Empty";

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// Returns the URL of a type in an [`Any`].
pub(crate) fn type_url(full_name: &str) -> String {
    format!("type.googleapis.com/{full_name}")
}

/// Whether a message in an [`Any`] has its JSON in a field `value`.
pub(crate) fn has_own_json(name: &str) -> bool {
    [TIMESTAMP, DURATION, ANY, EMPTY].contains(&name)
}

impl Any {
    /// Packs a message, with its type.
    ///
    /// # Errors
    /// If the message cannot be encoded: see [`Message::encode_to_vec`].
    pub fn pack<M: Message>(message: &M) -> Result<Self, EncodeError> {
        Ok(Self { type_url: type_url(M::FULL_NAME), value: message.encode_to_vec()? })
    }

    /// Whether it holds a message of this type.
    pub fn is<M: Message>(&self) -> bool {
        self.type_name() == M::FULL_NAME
    }

    /// Returns the message in it.
    ///
    /// # Errors
    /// If it holds a message of another type, or its bytes are not an encoding.
    pub fn unpack<M: Message>(&self) -> Result<M, DecodeError> {
        if !self.is::<M>() {
            return Err(DecodeError::new(format!(
                "the google.protobuf.Any holds {:?}, not `{}`",
                self.type_name(),
                M::FULL_NAME
            )));
        }
        M::decode(&self.value)
    }

    /// Returns the full name of the type of the message in it, which is what stands behind the last `/` of `type_url`.
    pub fn type_name(&self) -> &str {
        self.type_url.rsplit('/').next().unwrap_or_default()
    }
}

impl From<Any> for Detail {
    fn from(any: Any) -> Self {
        Self { type_url: any.type_url, value: any.value }
    }
}

impl From<Detail> for Any {
    fn from(detail: Detail) -> Self {
        Self { type_url: detail.type_url, value: detail.value }
    }
}

/// `google.protobuf.Empty`, as it occurs in an `Any`.
#[derive(Default)]
struct Empty;

/// The types that all projects have.
pub(crate) static TYPES: Types = Types {
    messages: &[
        (ANY, || Box::new(Any::default())),
        (DURATION, || Box::new(Duration::default())),
        (EMPTY, || Box::new(Empty)),
        (TIMESTAMP, || Box::new(Timestamp::default())),
    ],
};

table! {
    TYPES, Timestamp, TIMESTAMP,
    0 seconds 1 "seconds" "seconds" One Scalar(Int64) Implicit;
    1 nanos 2 "nanos" "nanos" One Scalar(Int32) Implicit;
}

table! {
    TYPES, Duration, DURATION,
    0 seconds 1 "seconds" "seconds" One Scalar(Int64) Implicit;
    1 nanos 2 "nanos" "nanos" One Scalar(Int32) Implicit;
}

table! {
    TYPES, Any, ANY,
    0 type_url 1 "type_url" "typeUrl" One Scalar(String) Implicit;
    1 value 2 "value" "value" One Scalar(Bytes) Implicit;
}

table! { TYPES, Empty, EMPTY, }

impl Timestamp {
    /// The present.
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let (seconds, nanos) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => (i128::from(after.as_secs()), after.subsec_nanos() as i32),
            Err(before) => {
                let before = before.duration();
                match before.subsec_nanos() as i32 {
                    0 => (-i128::from(before.as_secs()), 0),
                    nanos => (-i128::from(before.as_secs()) - 1, NANOS_PER_SECOND - nanos),
                }
            }
        };
        let limit = if seconds < 0 { i64::MIN } else { i64::MAX };
        Self { seconds: i64::try_from(seconds).unwrap_or(limit), nanos }
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = OutOfRange;

    fn try_from(timestamp: Timestamp) -> Result<Self, OutOfRange> {
        let nanos = subsecond(timestamp.nanos)?;
        let seconds = StdDuration::from_secs(timestamp.seconds.unsigned_abs());
        let whole = if timestamp.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        };
        whole.and_then(|whole| whole.checked_add(nanos)).ok_or(OutOfRange)
    }
}

impl From<StdDuration> for Duration {
    fn from(duration: StdDuration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self { seconds, nanos: duration.subsec_nanos() as i32 }
    }
}

impl TryFrom<Duration> for StdDuration {
    type Error = OutOfRange;

    /// Fails for a negative duration too: the standard library's has no sign.
    fn try_from(duration: Duration) -> Result<Self, OutOfRange> {
        let nanos = subsecond(duration.nanos)?;
        let seconds = u64::try_from(duration.seconds).map_err(|_| OutOfRange)?;
        StdDuration::from_secs(seconds).checked_add(nanos).ok_or(OutOfRange)
    }
}

fn subsecond(nanos: i32) -> Result<StdDuration, OutOfRange> {
    match u32::try_from(nanos) {
        Ok(nanos) if nanos < NANOS_PER_SECOND as u32 => Ok(StdDuration::from_nanos(nanos.into())),
        _ => Err(OutOfRange),
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("time out of range")
    }
}

impl std::error::Error for OutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_both_ways() {
        for (seconds, nanos) in [(0, 0), (1, 999_999_999), (1_700_000_000, 5), (-1, 500_000_000), (-2, 0)] {
            let timestamp = Timestamp { seconds, nanos };
            let time = SystemTime::try_from(timestamp).unwrap();
            assert_eq!(Timestamp::from(time), timestamp);
        }
    }

    #[test]
    fn times_out_of_range_are_refused() {
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000)] {
            assert_eq!(SystemTime::try_from(Timestamp { seconds, nanos }), Err(OutOfRange));
        }
        for (seconds, nanos) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(StdDuration::try_from(Duration { seconds, nanos }), Err(OutOfRange));
        }
    }

    #[test]
    fn durations_go_both_ways() {
        let duration = StdDuration::from_millis(1500);
        assert_eq!(Duration::from(duration), Duration { seconds: 1, nanos: 500_000_000 });
        assert_eq!(StdDuration::try_from(Duration::from(duration)), Ok(duration));
    }
}
