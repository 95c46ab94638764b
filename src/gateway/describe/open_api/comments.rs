//! Comments of .proto files.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// The comments of files, each read once.
#[derive(Default)]
pub(crate) struct Comments(Vec<(FileDescriptor, HashMap<Vec<i32>, String>)>);

impl Comments {
    /// Returns the comment before, or else behind, the definition at a path of descriptors.
    pub(crate) fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        if let Some((_, comments)) = self.0.iter().find(|(read, _)| read == file) {
            return comments.get(path).cloned();
        }
        let comments = read(file);
        let found = comments.get(path).cloned();
        self.0.push((file.clone(), comments));
        found
    }
}

fn read(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.map(|info| info.location.as_slice()).unwrap_or_default().iter();
    let comments = locations.filter_map(|location| {
        let comment = location.leading_comments.as_ref().or(location.trailing_comments.as_ref())?;
        let lines: Vec<_> = comment.trim_end().lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        Some((location.path.clone(), lines.join("\n")))
    });
    comments.collect()
}
