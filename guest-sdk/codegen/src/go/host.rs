//! The glue between the host's interfaces and the SDK: one Go file for each interface, from the folder `host`.

use include_dir::{Dir, include_dir};

use super::names::Names;
use super::raw;
use crate::contract;

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/go/host");

/// Returns the files with the bindings of this project, as names with texts.
pub(super) fn files(names: &Names) -> Vec<(String, String)> {
    let bindings: Vec<_> = contract::imported_interfaces()
        .map(|interface| {
            let package = names.internal(&format!("wit/{}", raw::okra_service(interface)));
            (format!("\"@{interface}\""), format!("\"{package}\""))
        })
        .collect();
    let files = TEMPLATES.files().filter_map(|file| {
        let name = file.path().file_stem()?.to_str()?;
        let text = file.contents_utf8()?.to_owned();
        Some((name.to_owned(), bindings.iter().fold(text, |text, (place, package)| text.replace(place, package))))
    });
    files.collect()
}
