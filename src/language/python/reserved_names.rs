//! Names that a project in Python cannot have.

/// Names that neither a module nor a variable can have.
#[rustfmt::skip]
pub(super) const RESERVED_NAMES: &[&str] = &[
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass",
    "raise", "return", "try", "while", "with", "yield",
];
