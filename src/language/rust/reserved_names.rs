//! Names that a project in Rust cannot have.

/// Names that neither a crate nor a module at its top can have.
#[rustfmt::skip]
pub(super) const RESERVED_NAMES: &[&str] = &[
    "abstract", "alloc", "as", "async", "await", "become", "box", "break", "const", "continue", "core", "crate", "do",
    "dyn", "else", "enum", "extern", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match",
    "mod", "move", "mut", "okra-guest", "override", "priv", "proc-macro", "pub", "ref", "return", "static", "std",
    "struct", "test", "trait", "try", "type", "unsafe", "use",
];
