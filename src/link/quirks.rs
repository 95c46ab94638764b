//! What toolchains do beyond the canonical ABI, and the link has to know.

/// How the guest's toolchain is special.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToolchainQuirks {
    /// The guest frees empty `list<u8>` values as it frees others. They were never allocated, so their pointer must be
    /// null, which may be freed: others, Rust among them, must never see null.
    pub(crate) frees_empty_bytes: bool,
}

impl ToolchainQuirks {
    /// Looks into a component.
    pub(crate) fn of(component: &[u8]) -> Self {
        // The runtime that componentize-py links in (0.25 and before) calls `dealloc` whatever the length.
        const RUNTIME: &[u8] = b"libcomponentize_py_runtime";
        Self { frees_empty_bytes: component.windows(RUNTIME.len()).any(|window| window == RUNTIME) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_runtime_of_python_is_known_by_its_name() {
        assert!(super::ToolchainQuirks::of(b"\0asm..libcomponentize_py_runtime_sync.so..").frees_empty_bytes);
        assert!(!super::ToolchainQuirks::of(b"\0asm").frees_empty_bytes);
    }
}
