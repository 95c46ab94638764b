//! Deviations of guests' toolchains from the canonical ABI, which the link has to know.

/// The values without content whose pointer must be null for a guest. All other guests, Rust's among them, must never see
/// null: their pointers are aligned and not null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolchainQuirks {
    /// None: the canonical ABI as it is.
    #[default]
    None,
    /// Empty `list<u8>` values. The runtime of componentize-py (0.25 and before) frees them as it frees others; null may be
    /// freed.
    NullBytes,
    /// All empty strings and lists. Go checks the pointers on a stack that grows, and takes those below 4096 for garbage,
    /// except null.
    NullAll,
}

impl ToolchainQuirks {
    /// Returns the pointer of an empty string.
    pub(crate) fn empty_string(self) -> u32 {
        self.empty_list(1)
    }

    /// Returns the pointer of an empty `list<u8>`.
    pub(crate) fn empty_bytes(self) -> u32 {
        if self == Self::None { 1 } else { 0 }
    }

    /// Returns the pointer of an empty list whose elements have this alignment.
    pub(crate) fn empty_list(self, align: u32) -> u32 {
        if self == Self::NullAll { 0 } else { align }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_go_gets_null_for_empty_strings_and_lists() {
        for (quirks, string, bytes, list) in [
            (super::ToolchainQuirks::None, 1, 1, 8),
            (super::ToolchainQuirks::NullBytes, 1, 0, 8),
            (super::ToolchainQuirks::NullAll, 0, 0, 0),
        ] {
            assert_eq!((quirks.empty_string(), quirks.empty_bytes(), quirks.empty_list(8)), (string, bytes, list));
        }
    }
}
