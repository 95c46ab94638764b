use super::{Machine, ToolchainError};

/// The first Go whose components work.
pub(super) const OLDEST: &str = "1.25";

/// A Go that makes components.
#[derive(Clone, Debug)]
pub struct GoToolchain {
    /// What it says of itself, such as `go version go1.26.0 linux/amd64`.
    pub version: String,
}

impl GoToolchain {
    /// Looks for a Go that makes components, and changes nothing.
    ///
    /// # Errors
    /// When there is none, or it is too old; the error says what would bring one.
    pub fn find(machine: &Machine) -> Result<Self, ToolchainError> {
        let version = machine.ask("go", &["version"]).ok_or(ToolchainError::NoGo)?;
        match number(&version) {
            Some(found) if found < number(OLDEST).unwrap_or_default() => Err(ToolchainError::OldGo { go: version }),
            _ => Ok(Self { version }),
        }
    }

    /// Looks for one, and does whatever brings it when there is none.
    ///
    /// # Errors
    /// When there is none after all that.
    pub fn find_or_install(machine: &Machine) -> Result<Self, ToolchainError> {
        Self::find(machine)
    }
}

/// The first two numbers of a version. Development versions have none.
fn number(version: &str) -> Option<(u32, u32)> {
    let word = version.split_whitespace().find(|word| word.trim_start_matches("go").starts_with(char::is_numeric))?;
    let mut parts = word.trim_start_matches("go").split(|char: char| !char.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
