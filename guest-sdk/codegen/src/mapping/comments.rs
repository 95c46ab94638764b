//! Doc comments from source info.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, FileDescriptor};

/// The leading comments of all files of a pool, cleaned.
pub(super) struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        Self { files: pool.files().map(|file| (file.name().to_owned(), of_file(&file))).collect() }
    }

    /// The comment before a declaration, by its path in the file's descriptor; empty when there is none.
    pub(super) fn of(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.files.get(file.name()).and_then(|comments| comments.get(path)).cloned().unwrap_or_default()
    }
}

fn of_file(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let source = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = source.map(|source| source.location.as_slice()).unwrap_or_default();
    locations
        .iter()
        .filter_map(|location| Some((location.path.clone(), clean(location.leading_comments.as_deref()?))))
        .collect()
}

/// Without the indentation that all lines share, spaces at the ends of lines, and empty lines at both ends.
fn clean(comment: &str) -> String {
    let lines: Vec<&str> = comment.lines().map(str::trim_end).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(0);
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let lines = lines.get(first..last).unwrap_or_default();
    let shared = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or(0);
    // What is shared is white space of the same length, not necessarily the same characters.
    let lines: Vec<&str> = lines.iter().map(|line| line.get(shared..).unwrap_or_else(|| line.trim_start())).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn comments_lose_shared_indentation_and_empty_ends() {
        assert_eq!(clean(" One line.\n"), "One line.");
        assert_eq!(clean("\n A list:\n   - item  \n\n end\n\n"), "A list:\n  - item\n\nend");
        assert_eq!(clean("\n"), "");
        assert_eq!(clean(""), "");
        assert_eq!(clean(" \u{2003}wide\n a\n"), "\u{2003}wide\na");
    }
}
