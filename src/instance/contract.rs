//! The check that a component was built for a version of `okra:service` that this host supports. What the versions are is
//! in `okra_codegen::contract`.

use okra_codegen::contract::SUPPORTED;
use okra_codegen::schema::{Package, Schema};
use semver::Version;
use wasmtime::component::Component;

use crate::config::Name;
use crate::instance::InstanceError;

/// The cure of a component that is older than this host.
const BUILD: &str = "build it again with `okra build`, which brings the SDK sources in its project up to date";

/// The cure of a component that is newer than this host.
const UPDATE: &str = "update okra, or build the package with this version of it";

/// Checks that every interface of `okra:service` that a component imports or exports has a version that this host supports.
/// Interfaces of a protobuf package `okra.service` in the schema are another matter: their WIT package has the same name.
///
/// # Errors
/// [`InstanceError::Contract`] with the first other version and what to do about it.
pub(super) fn check_contract(
    engine: &wasmtime::Engine,
    component: &Component,
    schema: &Schema,
    package: &Name,
) -> Result<(), InstanceError> {
    let ty = component.component_type();
    let names = ty.imports(engine).map(|(name, _)| name).chain(ty.exports(engine).map(|(name, _)| name));
    let is_ours = |version: &&str| {
        let is_package =
            |package: &Package| package.namespace == "okra" && package.name == "service" && package.version == *version;
        !schema.packages.iter().any(is_package)
    };
    let mut versions = names.filter_map(contract_version).filter(is_ours);
    match versions.find(|version| !SUPPORTED.contains(version)) {
        Some(version) => Err(InstanceError::Contract {
            package: package.to_string(),
            version: version.to_owned(),
            supported: SUPPORTED.join(", "),
            cure: if is_newer(version) { UPDATE } else { BUILD },
        }),
        None => Ok(()),
    }
}

/// Returns the version in the name of an interface of `okra:service`; none of another interface.
fn contract_version(interface: &str) -> Option<&str> {
    interface.strip_prefix("okra:service/")?.split_once('@').map(|(_, version)| version)
}

/// Returns true if a version is newer than every version that this host supports.
fn is_newer(version: &str) -> bool {
    let parsed = |version: &str| Version::parse(version).ok();
    parsed(version) > SUPPORTED.iter().filter_map(|supported| parsed(supported)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_newer("0.10.0") && is_newer("1.0.0"));
        assert!(!is_newer("0.1.0") && !is_newer(SUPPORTED[0]));
        // wasmtime would link it by the rules of semver, with functions that it may lack.
        assert!(is_newer("0.2.1"));
    }

    #[test]
    fn only_interfaces_of_the_contract_have_its_version() {
        assert_eq!(contract_version("okra:service/context@0.1.0"), Some("0.1.0"));
        assert_eq!(contract_version("wasi:clocks/wall-clock@0.2.6"), None);
        assert_eq!(contract_version("okra:service-tools/context@0.1.0"), None);
    }
}
