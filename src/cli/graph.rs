//! `okra graph`: the services of packages, their calls and their rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use crate::cli::packages;
use crate::config::{Callable, Caller};
use crate::package::Manifest;

/// `okra graph`.
#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    /// Packages (.wasm), folders of packages, and projects (folders with okra.toml), which are built first when stale.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Prints the graph for Graphviz.
    #[arg(long, conflicts_with = "mermaid")]
    dot: bool,
    /// Prints the graph for Mermaid.
    #[arg(long)]
    mermaid: bool,
}

impl GraphArgs {
    /// Prints the graph.
    ///
    /// # Errors
    /// If a package cannot be read or a project cannot be built.
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let mut manifests = Vec::new();
        for path in &self.paths {
            manifests.extend(packages::read_packages(path)?.into_iter().map(|(_, package)| package.manifest().clone()));
        }
        let services = ServiceGraph::of_manifests(&manifests);
        let text = match (self.dot, self.mermaid) {
            (true, _) => services.dot(),
            (_, true) => services.mermaid(),
            _ => services.text(),
        };
        out.write_all(text.as_bytes()).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Services with their calls and their rules.
struct ServiceGraph<'a> {
    /// Services of the packages, each with the manifest of its package.
    served: BTreeMap<&'a str, &'a Manifest>,
    /// Services that are called and that no package here serves, with the addresses of their servers, if any.
    others: BTreeMap<&'a str, BTreeSet<String>>,
    calls: Vec<ServiceCall<'a>>,
}

/// A call from one service to another.
struct ServiceCall<'a> {
    from: &'a str,
    to: &'a str,
    /// Addresses of the servers to which the calls go; `None` if they stay in the process.
    outside: Option<String>,
    /// The service or methods that the callee's rules do not allow.
    refused: Vec<String>,
}

impl<'a> ServiceGraph<'a> {
    fn of_manifests(manifests: &'a [Manifest]) -> Self {
        let served: BTreeMap<&str, &Manifest> = manifests
            .iter()
            .flat_map(|manifest| manifest.serves.iter().chain(&manifest.raw).map(move |service| (&**service, manifest)))
            .collect();
        let mut others: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        let mut calls = Vec::new();
        for (from, manifest) in &served {
            for to in &manifest.calls {
                let addresses = manifest.imports.get(to).map(|import| &import.addresses);
                let outside =
                    addresses.map(|addresses| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
                if outside.is_some() || !served.contains_key(&**to) {
                    others.entry(to).or_default().extend(outside.clone());
                }
                let refused = match (served.get(&**to), &outside) {
                    (Some(callee), None) => refused_callables(callee, to, from),
                    _ => Vec::new(),
                };
                calls.push(ServiceCall { from, to, outside, refused });
            }
        }
        Self { served, others, calls }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (service, manifest) in &self.served {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{service} ({} {})", manifest.name, manifest.version);
            for call in self.calls.iter().filter(|call| call.from == *service) {
                let _ = match (&call.outside, self.served.get(call.to)) {
                    (Some(addresses), _) => writeln!(text, "  calls {} at {addresses}", call.to),
                    (None, Some(callee)) => writeln!(text, "  calls {} ({})", call.to, callee.name),
                    (None, None) => writeln!(text, "  calls {} (not served here)", call.to),
                };
                for callable in &call.refused {
                    let _ = writeln!(text, "    but not {callable}: not allowed");
                }
            }
            let rules: Vec<_> = rules(manifest, service).collect();
            if rules.iter().all(|(callable, _)| callable.method.is_some()) {
                let _ = writeln!(text, "  all callers may call it");
            }
            for (callable, callers) in rules {
                let _ = match &callable.method {
                    None => writeln!(text, "  {} may call it", list_callers(callers)),
                    Some(method) => writeln!(text, "  {} may call {method}", list_callers(callers)),
                };
            }
        }
        text
    }

    fn dot(&self) -> String {
        let mut text = "digraph okra {\n  rankdir = LR\n  node [shape = box]\n".to_owned();
        for (service, manifest) in &self.served {
            let _ = writeln!(text, "  {service:?} [label = \"{service}\\n{} {}\"]", manifest.name, manifest.version);
        }
        for (service, addresses) in &self.others {
            let label: Vec<_> = [(*service).to_owned()].into_iter().chain(addresses.iter().cloned()).collect();
            let _ = writeln!(text, "  \"outside {service}\" [label = \"{}\", style = dashed]", label.join("\\n"));
        }
        for call in &self.calls {
            let to = if self.is_other(call) { format!("outside {}", call.to) } else { call.to.to_owned() };
            let label = match call.refused.is_empty() {
                true => String::new(),
                false => format!(" [label = \"not {}\", color = red]", call.refused.join("\\nnot ")),
            };
            let _ = writeln!(text, "  {:?} -> {to:?}{label}", call.from);
        }
        text + "}\n"
    }

    fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (service, manifest) in &self.served {
            let _ = writeln!(text, "  {service}[\"{service}<br>{} {}\"]", manifest.name, manifest.version);
        }
        for (service, addresses) in &self.others {
            let label: Vec<_> = [(*service).to_owned()].into_iter().chain(addresses.iter().cloned()).collect();
            let _ = writeln!(text, "  outside.{service}([\"{}\"])", label.join("<br>"));
        }
        for call in &self.calls {
            let outside = if self.is_other(call) { "outside." } else { "" };
            let label = match call.refused.is_empty() {
                true => String::new(),
                false => format!("|\"not {}\"|", call.refused.join("<br>not ")),
            };
            let _ = writeln!(text, "  {} -->{label} {outside}{}", call.from, call.to);
        }
        text
    }

    fn is_other(&self, call: &ServiceCall<'_>) -> bool {
        call.outside.is_some() || !self.served.contains_key(call.to)
    }
}

/// Returns the rules of a service and its methods.
fn rules<'a>(
    manifest: &'a Manifest,
    service: &'a str,
) -> impl Iterator<Item = (&'a Callable, &'a BTreeSet<Caller>)> + Clone {
    manifest.allowed_callers.iter().filter(move |(callable, _)| *callable.service == *service)
}

/// Returns the service or methods whose rules do not allow a caller.
fn refused_callables(callee: &Manifest, service: &str, caller: &str) -> Vec<String> {
    let names = |callers: &BTreeSet<Caller>| {
        callers.iter().any(|allowed| matches!(allowed, Caller::Service(service) if **service == *caller))
    };
    rules(callee, service).filter(|(_, callers)| !names(callers)).map(|(callable, _)| callable.to_string()).collect()
}

fn list_callers(callers: &BTreeSet<Caller>) -> String {
    match callers.is_empty() {
        true => "no caller".to_owned(),
        false => callers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn manifest(name: &str, serves: &str, calls: &[&str], more: &str) -> Manifest {
        let text = format!(
            "name = {name:?}\nlanguage = \"rust\"\n{more}\n[proto]\nserves = [{serves:?}]\ncalls = {calls:?}\n"
        );
        let project = crate::config::Project::parse(&text, "okra.toml".as_ref()).unwrap();
        crate::project::make_manifest(&project)
    }

    #[test]
    fn a_graph_in_three_forms() {
        let manifests = [
            manifest(
                "billing",
                "shop.billing.v1.Billing",
                &["shop.users.v1.Users", "bank.v1.Bank", "tax.v1.Tax"],
                "imports.\"bank.v1.Bank\" = [\"https://one.example\", \"https://two.example:8443\"]",
            ),
            manifest(
                "users",
                "shop.users.v1.Users",
                &[],
                "[allowed-callers]\n\"shop.users.v1.Users\" = [\"shop.billing.v1.Billing\", \"clients\"]\n\
                 \"shop.users.v1.Users/CreateUser\" = [\"clients\"]\n\"shop.users.v1.Users/ListUsers\" = []",
            ),
        ];
        let services = ServiceGraph::of_manifests(&manifests);
        insta::assert_snapshot!([services.text(), services.dot(), services.mermaid()].join("\n"));
    }
}
