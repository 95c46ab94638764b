//! The comments of `.proto` files.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// The leading comments of some files, by file and by the path of what they stand before.
pub(super) struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    pub(super) fn new(files: impl Iterator<Item = FileDescriptor>) -> Self {
        Self { files: files.map(|file| (file.name().to_owned(), comments(&file))).collect() }
    }

    /// The comment of what is at a path of a file; empty when there is none.
    pub(super) fn of(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.files.get(file.name()).and_then(|file| file.get(path)).cloned().unwrap_or_default()
    }
}

fn comments(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let mut comments = HashMap::new();
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    for location in info.iter().flat_map(|info| &info.location) {
        if let Some(comment) = &location.leading_comments {
            comments.entry(location.path.clone()).or_insert_with(|| text(comment));
        }
    }
    comments
}

fn text(comment: &str) -> String {
    let lines: Vec<_> = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}
