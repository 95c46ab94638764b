//! `okra check`: links packages as a server would, and prints their services and limits.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::{Context as _, IntoDiagnostic as _};

use crate::cli::packages;
use crate::runtime::{AllowedImports, ImportRules, Runtime, RuntimeSettings};

/// `okra check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Packages (.wasm), folders of packages, and projects (folders with okra.toml), which are built first if they are stale.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

impl Check {
    /// Checks the packages, and prints a few lines for each.
    ///
    /// # Errors
    /// If a package cannot be built or read, or would not be served.
    pub(super) async fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        // Nothing is called, so it does not matter which servers an operator would allow.
        let imports = ImportRules { allowed: AllowedImports::All, ..ImportRules::default() };
        let runtime = Runtime::with_settings(RuntimeSettings { imports, ..packages::local_settings() })?;
        for path in &self.paths {
            for (path, package) in packages::read_packages(path)? {
                let needs = runtime.check(&package).await.wrap_err_with(|| path.display().to_string())?;
                let manifest = package.manifest();
                let mut text = format!("{} {} ({})\n", manifest.name, manifest.version, path.display());
                for service in &manifest.serves {
                    text.push_str(&format!("  serves {service}\n"));
                }
                for service in &manifest.raw {
                    text.push_str(&format!("  serves {service} (encoded messages)\n"));
                }
                for service in &needs.calls {
                    text.push_str(&format!("  calls  {service}\n"));
                }
                for (service, import) in &manifest.imports {
                    let addresses: Vec<_> = import.addresses.iter().map(ToString::to_string).collect();
                    text.push_str(&format!("  wants  {service} from {}\n", addresses.join(", ")));
                }
                text.push_str(&format!(
                    "  memory {} an instance, {} instances\n",
                    manifest.run.memory, manifest.run.instances
                ));
                text.push_str("  ok\n");
                out.write_all(text.as_bytes()).into_diagnostic()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
