//! `okra test`: runs call cases in this process, and prints a line for each.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use miette::{Context as _, IntoDiagnostic as _};

use crate::cases::{CallCase, CaseRunner, find_cases};
use crate::cli::packages;
use crate::runtime::{AllowedImports, Runtime};

/// The folder of the call cases in a project.
const CASES_FOLDER: &str = "tests/calls";

/// `okra test`.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// A project, which is built first if it is stale, or a package (.wasm).
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Folder with the call cases. Default: tests/calls in the project's folder.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Packages and projects with the services that it calls. Can be repeated.
    #[arg(long, value_name = "PATH")]
    with: Vec<PathBuf>,
    /// Lets packages call the servers that they name in their [imports].
    #[arg(long)]
    allow_imports: bool,
}

impl Test {
    /// Runs the cases, and prints a line for each. The exit code is a failure if a case fails.
    ///
    /// # Errors
    /// If a project cannot be built, a package cannot be served, or a case is not valid.
    pub(super) async fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let folder = self.cases.unwrap_or_else(|| self.path.join(CASES_FOLDER));
        let files = find_cases(&folder)?;
        let mut settings = packages::local_settings();
        if self.allow_imports {
            settings.imports.allowed = AllowedImports::All;
        }
        let runtime = Runtime::with_settings(settings)?;
        for path in [&self.path].into_iter().chain(&self.with) {
            for (path, package) in packages::read_packages(path)? {
                runtime.deploy(&package).await.wrap_err_with(|| path.display().to_string())?;
            }
        }
        let cases = CaseRunner::new(runtime);
        let (mut passed, mut failed) = (0_usize, 0_usize);
        for file in files {
            let differences = cases.run(&file, &CallCase::read(&file)?).await?;
            let name = relative_path(&file, &folder);
            if differences.is_empty() {
                passed += 1;
                writeln!(out, "ok      {name}").into_diagnostic()?;
                continue;
            }
            failed += 1;
            writeln!(out, "FAILED  {name}").into_diagnostic()?;
            for difference in differences {
                for line in difference.to_string().lines() {
                    writeln!(out, "        {line}").into_diagnostic()?;
                }
            }
        }
        writeln!(out, "{passed} passed, {failed} failed").into_diagnostic()?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn relative_path(file: &Path, folder: &Path) -> String {
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}
