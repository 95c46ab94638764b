//! Commands that may fail or hang without ending the run, and what their failures say.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic as _, WrapErr as _};

/// Exit code of `timeout` if the time is up.
const TIME_IS_UP: i32 = 124;

/// Runs a program to its end, at most `seconds`. Returns what is wrong if it fails: one line that says why.
pub(crate) fn run_limited(
    program: impl AsRef<OsStr>,
    seconds: u32,
    set_up: impl FnOnce(&mut Command),
) -> miette::Result<Result<(), String>> {
    let mut command = Command::new("timeout");
    command.args(["--kill-after", "5", &seconds.to_string()]).arg(program);
    set_up(&mut command);
    let output = command.stdin(Stdio::null()).output().into_diagnostic().wrap_err("cannot start timeout")?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    if output.status.code() == Some(TIME_IS_UP) {
        return Ok(Err(format!("not ended after {seconds} s")));
    }
    let text = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    Ok(Err(telling_line(&text).unwrap_or_else(|| format!("ended with {}", output.status))))
}

/// Returns the line of an output that says best what went wrong.
fn telling_line(output: &str) -> Option<String> {
    let lines = output.lines().map(|line| line.trim().trim_start_matches("Error: ").trim_start());
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let find = |is_telling: &dyn Fn(&str) -> bool| lines.iter().position(|line| is_telling(line));
    let index = find(&|line| line.starts_with("error[") || line.starts_with("error: "))
        .or_else(|| find(&|line| line.starts_with('×')))
        .or_else(|| find(&|line| line.contains(".go:")))
        .or_else(|| find(&|line| line.contains(": error: ")))
        // Python has the exception at the end.
        .or_else(|| find(&|line| line.starts_with("Traceback")).map(|_| lines.len() - 1))
        .or_else(|| lines.len().checked_sub(1).map(|_| 0))?;
    // The diagnostics of okra wrap a line; causes are at the end.
    let mut line = (*lines.get(index)?).to_owned();
    if line.starts_with('×') {
        for more in lines.iter().skip(index + 1).take_while(|more| more.starts_with(['│', '├', '╰'])) {
            line.push(' ');
            line.push_str(more.trim_start_matches(['│', '├', '╰', '─', '▶', ' ']));
        }
    }
    Some(line.chars().take(400).collect())
}

/// Returns what the lines of equal failures have in common: names, paths and numbers are left out.
pub(crate) fn failure_group(line: &str) -> String {
    let mut group = String::new();
    let mut quote = None;
    for word in line.split_inclusive([' ', '`', '"', '\'']) {
        let end = word.chars().last().filter(|char| matches!(char, '`' | '"' | '\''));
        if quote.is_none() {
            let name = word.trim_end();
            let is_name = name.contains(['/', '.', '_']) && name.trim_end_matches(['.', ':']).contains(['/', '.', '_']);
            let is_name = is_name || name.chars().any(|char| char.is_ascii_digit());
            group.push_str(if is_name { "… " } else { word });
        } else if end == quote {
            group.push('…');
            group.extend(end);
        }
        quote = match (quote, end) {
            (None, end) => end,
            (quote, end) if quote == end => None,
            (quote, _) => quote,
        };
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_says_what_went_wrong_is_found() {
        let okra = "Error: okra::rust::no_cargo_toml\n\n  × no Cargo.toml in ps/rust\n  help: make one\n";
        assert_eq!(telling_line(okra).as_deref(), Some("× no Cargo.toml in ps/rust"));
        let python =
            "Traceback (most recent call last):\n  File \"x.py\", line 1\nNameError: name 'x' is not defined\n";
        assert_eq!(telling_line(python).as_deref(), Some("NameError: name 'x' is not defined"));
        assert_eq!(telling_line(""), None);
    }

    #[test]
    fn failures_that_differ_in_names_are_one_group() {
        let one = failure_group("gen/a/b.go:3:5: undefined: \"a.b\" in `C`");
        assert_eq!(one, failure_group("gen/c/d.go:71:12: undefined: \"xyz\" in `Another`"));
        assert_ne!(one, failure_group("gen/c/d.go:71:12: unused: \"xyz\" in `Another`"));
    }
}
