//! `okra import`: the `okra.toml` of a project of grpc-go or grpcio, and the list of what must change.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::cli::language::language_parser;
use crate::language::GuestLanguage;
use crate::project::{ConfigOutcome, ImportOptions, ImportReport, import_project};

/// `okra import`.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The folder of the project: sources in Go or Python, and the .proto files of their services.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Language of the service, for a folder with services in both.
    #[arg(long = "lang", value_name = "LANG", value_parser = language_parser())]
    language: Option<&'static dyn GuestLanguage>,
    /// Prints okra.toml and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Overwrites an okra.toml that is there.
    #[arg(long)]
    force: bool,
}

impl ImportArgs {
    /// Imports the project, and prints what was found and what must change.
    ///
    /// # Errors
    /// If the folder has no service of grpc-go or grpcio or no `.proto` files, or a file cannot be read or written.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let language = self.language.map(GuestLanguage::language);
        let options = ImportOptions { language, is_dry_run: self.dry_run, is_forced: self.force };
        let report = import_project(&self.folder, options)?;
        let folder = self.folder.display().to_string();
        out.write_all(report_text(&report, &folder).as_bytes()).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}

fn report_text(report: &ImportReport, folder: &str) -> String {
    let mut text = format!(
        "found {} in {}, and {}\n",
        report.framework,
        count(report.sources, "source", "sources"),
        count(report.protos, ".proto file", ".proto files")
    );
    for (verb, services) in [("serves", &report.serves), ("calls", &report.calls)] {
        for (service, place) in services {
            let _ = writeln!(text, "  {verb} {service} ({place})");
        }
    }
    for skipped in &report.skipped {
        let _ = writeln!(text, "  not looked at: {skipped}");
    }
    match report.outcome {
        ConfigOutcome::Written => text.push_str("written: okra.toml\n"),
        ConfigOutcome::Kept => text.push_str("kept: okra.toml is there already; --force overwrites it\n"),
        ConfigOutcome::DryRun => {
            let _ = writeln!(text, "okra.toml would be:\n\n{}", report.config);
        }
    }
    if !report.questions.is_empty() {
        text.push_str("\nto decide:\n");
        for question in &report.questions {
            let _ = writeln!(text, "{question}");
        }
    }
    if !report.changes.is_empty() {
        text.push_str("\nto change:\n");
        for change in &report.changes {
            let _ = writeln!(text, "{}: {} -> {}", change.place, change.before, change.after);
        }
    }
    // Packages in `gen` have the path of the module.
    let has_module = !report.changes.iter().any(|change| change.place.line.is_none() && change.place.file == "go.mod");
    let first = if has_module { "" } else { "write go.mod, then " };
    let _ = writeln!(text, "\nnext: {first}okra generate {folder}, then these changes, then okra build {folder}");
    text
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn the_report_says_what_was_found_what_to_change_and_what_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let source =
            "package main\n\nimport \"google.golang.org/grpc\"\n\nfunc main() {\n\tpb.RegisterUsersServer(s, u)\n}\n";
        let proto = "syntax = \"proto3\"; package users; message M {} service Users { rpc Get(M) returns (M); }";
        fs::write(folder.path().join("main.go"), source).unwrap();
        fs::write(folder.path().join("users.proto"), proto).unwrap();
        let args = ImportArgs { folder: folder.path().to_owned(), language: None, dry_run: false, force: false };
        let mut out = Vec::new();
        args.run(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap().replace(&folder.path().display().to_string(), "DIR");
        // A project without go.mod is named after its folder, which has another name each time.
        let text: Vec<_> = text.lines().filter(|line| !line.starts_with("go.mod: ")).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        found grpc-go in 1 source, and 1 .proto file
          serves users.Users (main.go:6)
        written: okra.toml

        to change:
        main.go:3: "google.golang.org/grpc" -> `okra/grpc`
        main.go:6: pb.RegisterUsersServer(server, service) -> `pb.RegisterUsersServer(service)`

        next: write go.mod, then okra generate DIR, then these changes, then okra build DIR
        "#);
    }
}
