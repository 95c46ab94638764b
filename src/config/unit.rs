//! Values with a unit: durations, sizes, versions. A value that one of these modules writes is read back unchanged.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// A duration above zero.
pub(super) mod duration {
    use super::*;
    pub(crate) use humantime_serde::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

/// A duration above zero, or `None` if the key is absent.
pub(super) mod optional_duration {
    use super::*;
    pub(crate) use humantime_serde::option::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        duration::deserialize(deserializer).map(Some)
    }
}

/// A number of bytes above zero.
pub(super) mod size {
    use serde::Serializer;

    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }

    /// Writes the exact size in the largest unit that divides it. `ByteSize` itself rounds.
    pub(crate) fn serialize<S: Serializer>(size: &ByteSize, serializer: S) -> Result<S::Ok, S::Error> {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
        let bytes = size.as_u64();
        let (name, unit) = units.into_iter().find(|(_, unit)| bytes.is_multiple_of(*unit)).unwrap_or(("B", 1));
        serializer.collect_str(&format_args!("{}{name}", bytes / unit))
    }
}

/// Reads a number of bytes above zero. With `#[serde(default)]` an absent key is `None`.
pub(super) fn optional_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    size::deserialize(deserializer).map(Some)
}

/// A size of linear memory in WebAssembly: 64 KiB, a page, to 4 GiB.
pub(super) mod memory {
    use super::*;
    pub(crate) use size::serialize;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ByteSize, D::Error> {
        let size = size::deserialize(deserializer)?;
        if (ByteSize::kib(64)..=ByteSize::gib(4)).contains(&size) {
            Ok(size)
        } else {
            Err(D::Error::custom("memory of an instance must be from \"64KiB\" to \"4GiB\""))
        }
    }
}

/// Reads a version by <https://semver.org>.
pub(crate) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct VersionVisitor;

    impl Visitor<'_> for VersionVisitor {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a version such as \"0.1.0\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            match semver::Version::parse(text) {
                Ok(_) => Ok(text.to_owned()),
                Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
            }
        }
    }

    deserializer.deserialize_str(VersionVisitor)
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, longer than zero, such as \"30s\", \"500ms\" or \"1h 30m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        match humantime_serde::re::humantime::parse_duration(text) {
            Ok(duration) if !duration.is_zero() => Ok(duration),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size with its unit, above zero, such as \"64MiB\" or \"4kB\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
        let has_unit = text.ends_with(|last: char| last.is_ascii_alphabetic());
        match text.parse::<ByteSize>() {
            Ok(size) if has_unit && size.as_u64() > 0 => Ok(size),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
