//! The contract between guests and the host: WIT package `okra:service`, its files and its versions.

use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// Version of `okra:service` that guests are generated for: that of the files in `wit/`.
pub const VERSION: &str = "0.2.0";

/// Versions of `okra:service` that the host supports, ascending. Each has a copy of its WIT in `tests/contract`.
pub const SUPPORTED: [&str; 1] = [VERSION];

/// Full name of the interface of services that get encoded messages.
pub const RAW_INTERFACE: &str = "okra:service/raw@0.2.0";

/// Full name of the interface with the streams of such services.
pub const RAW_STREAMS_INTERFACE: &str = "okra:service/raw-streams@0.2.0";

/// Returns the full name of an interface of `okra:service`, such as `okra:service/context@0.2.0`.
pub fn interface_name(interface: &str) -> String {
    format!("okra:service/{interface}@{VERSION}")
}

/// Iterates over the files of the package, as names with texts, in the order of their names.
pub fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut files: Vec<_> = FILES
        .files()
        .filter_map(|file| Some((file.path().file_name()?.to_str()?, file.contents_utf8()?)))
        .filter(|(name, _)| name.ends_with(".wit"))
        .collect();
    files.sort_unstable();
    files.into_iter()
}

/// Iterates over the interfaces that the world of every guest imports, and `status`, whose types they use.
pub fn imported_interfaces() -> impl Iterator<Item = &'static str> {
    let world = FILES.get_file("world.wit").and_then(|file| file.contents_utf8()).unwrap_or_default();
    let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    imports.chain(["status"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_of_every_guest_imports_interfaces_that_have_a_file() {
        let interfaces: Vec<_> = imported_interfaces().collect();
        assert!(interfaces.len() > 3 && interfaces.contains(&"context"), "{interfaces:?}");
        for interface in interfaces {
            assert!(files().any(|(name, _)| name == format!("{interface}.wit")), "wit/{interface}.wit");
        }
    }

    #[test]
    fn every_file_of_the_contract_has_its_version() {
        for (name, text) in files() {
            assert!(text.starts_with(&format!("package okra:service@{VERSION};\n")), "wit/{name} has another version");
        }
        assert_eq!(RAW_INTERFACE, interface_name("raw"));
        assert_eq!(RAW_STREAMS_INTERFACE, interface_name("raw-streams"));
        assert!(SUPPORTED.contains(&VERSION));
    }
}
