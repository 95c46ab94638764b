use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use super::{ProjectError, generate};
use crate::config::Name;

static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/rust");

/// Names that a crate or a module at its top cannot have.
const TAKEN: [&str; 47] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "okra-guest",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "static",
    "std",
    "struct",
    "test",
    "trait",
    "try",
    "type",
    "unsafe",
    "use",
];

/// Makes a project in Rust in a new folder of its name in `parent`, generated once so that it compiles at once; gives the
/// folder.
///
/// # Errors
/// When the folder is there already, or cannot be written.
pub fn new(parent: &Path, name: &Name) -> Result<PathBuf, ProjectError> {
    if TAKEN.contains(&&**name) {
        return Err(ProjectError::RustName { name: name.to_string() });
    }
    let folder = parent.join(&**name);
    fs::create_dir(&folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => ProjectError::Exists { path: folder.clone() },
        _ => ProjectError::Io { action: "make the folder", path: folder.clone(), source },
    })?;
    write(&TEMPLATE, &folder, name)?;
    generate(&folder)?;
    Ok(folder)
}

fn write(template: &Dir<'_>, folder: &Path, name: &Name) -> Result<(), ProjectError> {
    for entry in template.entries() {
        match entry {
            DirEntry::Dir(inner) => write(inner, folder, name)?,
            DirEntry::File(file) => {
                let text = fill(file.contents_utf8().unwrap_or_default(), name);
                let path = fill(&file.path().to_string_lossy(), name);
                // Templates of files that mean something to the tools around us end in `.in`.
                let path = folder.join(path.strip_suffix(".in").unwrap_or(&path));
                let parent = path.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(ProjectError::io("make the folder", parent))?;
                fs::write(&path, text).map_err(ProjectError::io("write", &path))?;
            }
        }
    }
    Ok(())
}

/// `__name__` is the name as it is, `__snake__` as protobuf packages and modules are written, `__Service__` as services
/// are.
fn fill(text: &str, name: &Name) -> String {
    let service: String = name
        .split('-')
        .flat_map(|word| {
            word.chars().enumerate().map(|(index, char)| if index == 0 { char.to_ascii_uppercase() } else { char })
        })
        .collect();
    text.replace("__name__", name).replace("__snake__", &name.replace('-', "_")).replace("__Service__", &service)
}
