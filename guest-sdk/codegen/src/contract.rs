//! The contract between guests and the host: WIT package `okra:service`, and its versions. The text of the package is in
//! [`wit::OKRA_SERVICE`](crate::wit::OKRA_SERVICE).

/// Version of `okra:service` that guests are generated for: that of the files in `wit/`.
pub const VERSION: &str = "0.2.0";

/// Versions of `okra:service` that the host supports, ascending. Each has a copy of its WIT in `tests/contract`.
pub const SUPPORTED: [&str; 1] = [VERSION];

/// Full name of the interface of services that get encoded messages.
pub const RAW_INTERFACE: &str = "okra:service/raw@0.2.0";

/// Returns the full name of an interface of `okra:service`, such as `okra:service/context@0.2.0`.
pub fn interface_name(interface: &str) -> String {
    format!("okra:service/{interface}@{VERSION}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wit::OKRA_SERVICE;

    #[test]
    fn every_file_of_the_contract_has_its_version() {
        for (name, text) in OKRA_SERVICE {
            assert!(text.starts_with(&format!("package okra:service@{VERSION};\n")), "wit/{name} has another version");
        }
        assert_eq!(RAW_INTERFACE, interface_name("raw"));
        assert!(SUPPORTED.contains(&VERSION));
    }
}
