//! How Python is laid out: as the formatter black does it.

/// Columns of a line.
const WIDTH: usize = 88;

/// `head(arguments)tail` in a line; else with the arguments in a line of their own; else in a line each.
pub(super) fn call(indent: usize, head: &str, arguments: &[String], tail: &str) -> String {
    let pad = " ".repeat(indent);
    let joined = arguments.join(", ");
    let one = format!("{pad}{head}({joined}){tail}\n");
    if fits(&one) {
        return one;
    }
    let inner = " ".repeat(indent + 4);
    let together = format!("{inner}{joined}\n");
    // A parameter by itself gets a comma, an argument does not.
    let is_parameter = head.starts_with("def ") && arguments.len() == 1;
    if fits(&together) && !is_parameter {
        return format!("{pad}{head}(\n{together}{pad}){tail}\n");
    }
    let each: String = arguments.iter().map(|argument| format!("{inner}{argument},\n")).collect();
    format!("{pad}{head}(\n{each}{pad}){tail}\n")
}

/// An annotated name, with or without a value. `choices` are the parts of a union.
pub(super) fn annotated(indent: usize, name: &str, choices: &[String], value: Option<&str>) -> String {
    let pad = " ".repeat(indent);
    let tail = value.map(|value| format!(" = {value}")).unwrap_or_default();
    let one = format!("{pad}{name}: {}{tail}\n", choices.join(" | "));
    if fits(&one) {
        return one;
    }
    // A call as the value is what breaks first.
    if let Some((head, arguments)) = value.and_then(|value| value.strip_suffix(')')?.split_once('(')) {
        let broken = format!("{pad}{name}: {} = {head}(\n", choices.join(" | "));
        if fits(&broken) {
            return format!("{broken}{pad}    {arguments}\n{pad})\n");
        }
    }
    let broken = format!("{pad}{name}: {} = (\n", choices.join(" | "));
    if let Some(value) = value.filter(|_| fits(&broken)) {
        return format!("{broken}{pad}    {value}\n{pad})\n");
    }
    if choices.len() == 1 {
        return one;
    }
    let together = format!("{pad}    {}\n", choices.join(" | "));
    if fits(&together) {
        return format!("{pad}{name}: (\n{together}{pad}){tail}\n");
    }
    let each = choices.join(&format!("\n{pad}    | "));
    format!("{pad}{name}: (\n{pad}    {each}\n{pad}){tail}\n")
}

fn fits(lines: &str) -> bool {
    lines.trim_end_matches('\n').chars().count() <= WIDTH
}

/// A docstring; nothing for no text.
pub(super) fn docstring(indent: usize, docs: &str) -> String {
    let pad = " ".repeat(indent);
    let escaped = docs.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    let lines: Vec<String> = escaped.trim().lines().map(|line| line.trim_end().replace(is_forbidden, "")).collect();
    match lines.as_slice() {
        [] => String::new(),
        [line] => {
            // Four quotes in a row would end it one too early.
            let last = if line.ends_with('"') { " " } else { "" };
            format!("{pad}\"\"\"{line}{last}\"\"\"\n")
        }
        lines => {
            let body: String = lines.iter().map(|line| format!("{}\n", format!("{pad}{line}").trim_end())).collect();
            format!("{pad}\"\"\"{}{pad}\"\"\"\n", body.trim_start())
        }
    }
}

/// Control codes, which Python does not take in its source or editors do not show.
fn is_forbidden(char: char) -> bool {
    char.is_control() || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_end_where_they_should() {
        assert_eq!(docstring(0, "a \"\"\" b\\n"), "\"\"\"a \\\"\\\"\\\" b\\\\n\"\"\"\n");
        assert_eq!(docstring(0, "says \"x\""), "\"\"\"says \"x\" \"\"\"\n");
        assert_eq!(docstring(4, "a\n b\n"), "    \"\"\"a\n     b\n    \"\"\"\n");
        assert_eq!(docstring(0, " "), "");
    }
}
