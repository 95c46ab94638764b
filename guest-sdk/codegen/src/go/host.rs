//! The host's own interfaces, as the SDK wants them.

use super::names::Names;
use super::raw;

/// The text, with the bindings of this project.
pub(super) fn text(names: &Names) -> String {
    let mut text = include_str!("host.go.in").to_owned();
    for interface in ["context", "log", "outgoing", "status"] {
        let package = raw::okra_service(interface);
        text =
            text.replace(&format!("\"@{interface}\""), &format!("\"{}\"", names.internal(&format!("wit/{package}"))));
    }
    text
}
