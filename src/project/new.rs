use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};

use super::{ProjectError, generate};
use crate::config::Name;

static RUST: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/rust");
static GO: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/go");
static PYTHON: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guest-sdk/templates/python");

/// What a new project is written in: what there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs)]
pub enum Template {
    Rust,
    Go,
    Python,
}

/// Names that a crate or a module at its top cannot have.
const TAKEN_IN_RUST: [&str; 47] = [
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

/// Names that packages and variables cannot have, and those of the SDK and the standard library, below which no module can
/// be.
const TAKEN_IN_GO: [&str; 74] = [
    "archive",
    "break",
    "bufio",
    "builtin",
    "bytes",
    "case",
    "chan",
    "cmd",
    "cmp",
    "compress",
    "const",
    "container",
    "context",
    "continue",
    "crypto",
    "database",
    "debug",
    "default",
    "defer",
    "else",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "fallthrough",
    "flag",
    "fmt",
    "for",
    "func",
    "go",
    "goto",
    "hash",
    "html",
    "if",
    "image",
    "import",
    "index",
    "interface",
    "internal",
    "io",
    "iter",
    "log",
    "map",
    "maps",
    "math",
    "mime",
    "net",
    "okra",
    "os",
    "package",
    "path",
    "plugin",
    "range",
    "reflect",
    "regexp",
    "return",
    "runtime",
    "select",
    "slices",
    "sort",
    "std",
    "strconv",
    "strings",
    "struct",
    "structs",
    "switch",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "type",
    "unicode",
    "var",
];

/// Names that modules and variables cannot have.
const TAKEN_IN_PYTHON: [&str; 32] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

impl Template {
    /// The language's own name.
    fn language(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Python => "Python",
        }
    }

    fn files(self) -> &'static Dir<'static> {
        match self {
            Self::Rust => &RUST,
            Self::Go => &GO,
            Self::Python => &PYTHON,
        }
    }

    fn taken(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &TAKEN_IN_RUST,
            Self::Go => &TAKEN_IN_GO,
            Self::Python => &TAKEN_IN_PYTHON,
        }
    }

    /// The file that a service is written in.
    pub fn source(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Go => "main.go",
            Self::Python => "service.py",
        }
    }
}

/// Makes a project in a new folder of its name in `parent`, generated once so that it compiles at once; gives the folder.
///
/// # Errors
/// When the folder is there already, or cannot be written.
pub fn new(parent: &Path, name: &Name, template: Template) -> Result<PathBuf, ProjectError> {
    if template.taken().contains(&&**name) {
        return Err(ProjectError::TakenName { name: name.to_string(), language: template.language() });
    }
    let folder = parent.join(&**name);
    fs::create_dir(&folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => ProjectError::Exists { path: folder.clone() },
        _ => ProjectError::Io { action: "make the folder", path: folder.clone(), source },
    })?;
    write(template.files(), &folder, name)?;
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
