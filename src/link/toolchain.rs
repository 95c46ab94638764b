//! The detection of the toolchain of a component whose package does not name its language.

use wasmparser::{Instance, KnownCustom, Parser, Payload, ProducersSectionReader};

use crate::link::quirks::ToolchainQuirks;

/// The section with which Go's linker marks its modules.
const GO_SECTION: &str = "go:buildid";

/// The library in all components of componentize-py. It has a name for each version of the library.
const PYTHON_LIBRARY: &str = "libcomponentize_py_runtime";

/// Returns the quirks of the toolchain that a section of producers names, if it is known:
/// <https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>
fn by_producers(producers: ProducersSectionReader<'_>) -> Option<ToolchainQuirks> {
    let fields = producers.into_iter().filter_map(Result::ok);
    let mut names = fields.flat_map(|field| field.values.into_iter().filter_map(Result::ok).map(|value| value.name));
    names.find_map(|name| match name {
        "Go" => Some(ToolchainQuirks::NullAll),
        "componentize-py" => Some(ToolchainQuirks::NullBytes),
        _ => None,
    })
}

impl ToolchainQuirks {
    /// Finds the toolchain of a component whose package does not name its language, by the names that toolchains give to the
    /// parts of components. Texts and data of the component itself say nothing.
    pub(crate) fn detect(component: &[u8]) -> Self {
        let mut found = Self::None;
        for payload in Parser::new(0).parse_all(component) {
            match payload {
                Ok(Payload::CustomSection(section)) if section.name() == GO_SECTION => found = Self::NullAll,
                Ok(Payload::CustomSection(section)) => {
                    if let KnownCustom::Producers(producers) = section.as_known()
                        && let Some(quirks) = by_producers(producers)
                    {
                        found = quirks;
                    }
                }
                Ok(Payload::ImportSection(imports)) => {
                    let mut imports = imports.into_imports().filter_map(Result::ok);
                    if imports.any(|import| import.module.starts_with(PYTHON_LIBRARY)) {
                        return Self::NullBytes;
                    }
                }
                Ok(Payload::InstanceSection(instances)) => {
                    let args = instances.into_iter().filter_map(Result::ok).flat_map(|instance| match instance {
                        Instance::Instantiate { args, .. } => args.into_vec(),
                        Instance::FromExports(_) => Vec::new(),
                    });
                    if args.into_iter().any(|arg| arg.name.starts_with(PYTHON_LIBRARY)) {
                        return Self::NullBytes;
                    }
                }
                Ok(_) => {}
                // Whatever comes behind is no component.
                Err(_) => break,
            }
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_toolchain_of_a_component_was_that_of_a_text_in_it() {
        let detect = |text: &str| ToolchainQuirks::detect(&wat::parse_str(text).unwrap());
        let text =
            r#"(component (core module (memory 1) (data (i32.const 0) "libcomponentize_py_runtime go:buildid")))"#;
        assert_eq!(detect(text), ToolchainQuirks::None);
        let python = r#"(component (core module (import "libcomponentize_py_runtime_sync.so" "f" (func))))"#;
        assert_eq!(detect(python), ToolchainQuirks::NullBytes);
        assert_eq!(detect(r#"(component (core module (@custom "go:buildid" "x")))"#), ToolchainQuirks::NullAll);
        let producers = r#"(component (core module (@producers (language "Go" "1.26"))))"#;
        assert_eq!(detect(producers), ToolchainQuirks::NullAll);
        assert_eq!(ToolchainQuirks::detect(b"go:buildid"), ToolchainQuirks::None);
    }
}
