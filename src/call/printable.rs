//! Text from outside, made safe for a terminal and for the lines of a log.

use std::borrow::Cow;

/// Escapes the control characters of a text, so that its author can neither forge a line nor reach the terminal of its reader.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escape(text, char::is_control, |char| char.escape_default().to_string())
}

/// Escapes the control characters of a text of several lines, except for the ends of its lines.
pub(crate) fn printable_lines(text: &str) -> Cow<'_, str> {
    escape(text, |char| char.is_control() && char != '\n', |char| char.escape_default().to_string())
}

/// Escapes the control characters that JSON text may have within its strings, as JSON does.
pub(crate) fn printable_json(text: &str) -> Cow<'_, str> {
    escape(text, |char| char.is_control() && char != '\n', |char| format!("\\u{:04x}", u32::from(char)))
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool, escaped: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let escape = |char: char| if is_escaped(char) { escaped(char) } else { char.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_forge_a_line() {
        assert_eq!(printable("a\n2026 ERROR b\u{1b}[31m é"), "a\\n2026 ERROR b\\u{1b}[31m é");
        assert!(matches!(printable("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn the_escapes_of_a_server_reached_the_terminal() {
        assert_eq!(printable_lines("a\n\u{9b}2J\u{7f}"), "a\n\\u{9b}2J\\u{7f}");
        // serde_json escapes what is below U+0020 only.
        let json = serde_json::to_string(&["\u{9b}2J\u{1b}[2J"]).unwrap_or_default();
        let printed = printable_json(&json);
        assert_eq!(printed, r#"["\u009b2J\u001b[2J"]"#);
        assert_eq!(serde_json::from_str::<Vec<String>>(&printed).ok(), serde_json::from_str(&json).ok());
    }
}
