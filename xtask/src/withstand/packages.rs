//! Hostile packages: `okra` refuses them in time, with little memory, and says why.

use crate::okra::OkraBinary;

/// A package that must be refused.
pub(crate) struct PackageAttack {
    pub(crate) name: &'static str,
}

impl PackageAttack {
    pub(crate) fn run(&self, _: &OkraBinary) -> miette::Result<String> {
        Ok(String::new())
    }
}

/// The attacks by packages.
pub(crate) fn attacks() -> Vec<PackageAttack> {
    Vec::new()
}
