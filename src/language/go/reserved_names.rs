//! Names that a project in Go cannot have.

/// Names that neither a package nor a variable can have, and those of the SDK and the standard library, below which no module
/// can be.
#[rustfmt::skip]
pub(super) const RESERVED_NAMES: &[&str] = &[
    "archive", "break", "bufio", "builtin", "bytes", "case", "chan", "cmd", "cmp", "compress", "const", "container",
    "context", "continue", "crypto", "database", "debug", "default", "defer", "else", "embed", "encoding", "errors",
    "expvar", "fallthrough", "flag", "fmt", "for", "func", "go", "goto", "hash", "html", "if", "image", "import",
    "index", "interface", "internal", "io", "iter", "log", "map", "maps", "math", "mime", "net", "okra", "os",
    "package", "path", "plugin", "range", "reflect", "regexp", "return", "runtime", "select", "slices", "sort", "std",
    "strconv", "strings", "struct", "structs", "switch", "sync", "syscall", "testing", "text", "time", "type",
    "unicode", "var",
];
