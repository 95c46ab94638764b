//! The module roots of buf: where a folder has a `buf.yaml` or a `buf.work.yaml`, imports are relative to the modules that these
//! name. Dependencies (`buf.lock`) are not fetched: `buf export` writes them into a folder, which is a root as any other.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the roots of the modules in a folder, the folder itself if its files name none.
pub fn module_roots(folder: &Path) -> Vec<PathBuf> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    let (workspace, module) = (read("buf.work.yaml"), read("buf.yaml"));
    let mut paths = list(&workspace, "directories", None);
    if paths.is_empty() {
        paths = list(&module, "modules", Some("path"));
    }
    if paths.is_empty() {
        // Version v1beta1 has `roots` in `build`.
        paths = list(&module, "roots", None);
    }
    let paths = paths.iter().map(|path| folder.join(path)).filter(|path| path.is_dir());
    let roots: Vec<PathBuf> = paths.map(|path| path.canonicalize().unwrap_or(path)).collect();
    if roots.is_empty() { vec![folder.to_owned()] } else { roots }
}

/// Returns the texts of a list in YAML as people write it for buf: `key: [a, b]`, or one a line behind a dash. With a `member`,
/// those of this key in the elements.
fn list(text: &str, key: &str, member: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    // The indentation of the key, while its list is read.
    let mut within = None;
    for line in text.lines() {
        let line = line.split_once(" #").map_or(line, |(line, _)| line).trim_end();
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indentation = line.len() - content.len();
        let element = content.strip_prefix('-').map(str::trim_start);
        match within {
            Some(outer) if indentation > outer || (indentation == outer && element.is_some()) => {
                let value = match member {
                    Some(member) => value_of(element.unwrap_or(content), member),
                    None => element,
                };
                found.extend(value.map(unquoted));
            }
            _ => {
                within = None;
                match value_of(content, key) {
                    Some("") => within = Some(indentation),
                    Some(value) if member.is_none() => {
                        let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
                        found.extend(
                            inner.into_iter().flat_map(|inner| inner.split(',')).map(|text| unquoted(text.trim())),
                        );
                    }
                    _ => {}
                }
            }
        }
    }
    found
}

fn value_of<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(':').map(str::trim)
}

fn unquoted(text: &str) -> String {
    text.trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_found_as_people_write_them() {
        let modules = "version: v2\n# modules:\nmodules:\n  - path: proto # ours\n    name: buf.build/a/b\n    excludes:\n      - proto/x\n  -\n    path: 'vendor/api'\nlint:\n  use:\n    - STANDARD\n";
        assert_eq!(list(modules, "modules", Some("path")), ["proto", "vendor/api"]);
        assert_eq!(list("version: v1\ndirectories: [a, \"b\"]\n", "directories", None), ["a", "b"]);
        assert_eq!(list("directories:\n- a\n- b\nversion: v1\n", "directories", None), ["a", "b"]);
        assert_eq!(
            list("version: v1beta1\nbuild:\n  roots:\n    - proto\n  excludes:\n    - c\n", "roots", None),
            ["proto"]
        );
        assert_eq!(list("version: v1\nlint:\n  use: [DEFAULT]\n", "modules", Some("path")), Vec::<String>::new());
    }
}
