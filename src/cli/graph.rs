use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::IntoDiagnostic as _;

use super::packages;
use crate::config::{Callable, Caller};
use crate::registry::Manifest;

/// `okra graph`.
#[derive(Debug, Args)]
pub(super) struct Graph {
    /// Packages (.wasm), folders of packages, and projects (folders with okra.toml), which are built first when stale.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// For Graphviz.
    #[arg(long, conflicts_with = "mermaid")]
    dot: bool,
    /// For Mermaid, as Markdown renders it in many places.
    #[arg(long)]
    mermaid: bool,
}

impl Graph {
    pub(super) fn run(self, out: &mut impl Write) -> miette::Result<ExitCode> {
        let mut manifests = Vec::new();
        for path in &self.paths {
            manifests.extend(packages::read(path)?.into_iter().map(|(_, package)| package.manifest().clone()));
        }
        let services = Services::of(&manifests);
        let text = match (self.dot, self.mermaid) {
            (true, _) => services.dot(),
            (_, true) => services.mermaid(),
            _ => services.text(),
        };
        out.write_all(text.as_bytes()).into_diagnostic()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Services, whom they call, and who may call them.
struct Services<'a> {
    /// Each with its package.
    served: BTreeMap<&'a str, &'a Manifest>,
    /// Called and served by no package here; with the addresses of servers outside, if any.
    others: BTreeMap<&'a str, BTreeSet<String>>,
    calls: Vec<Call<'a>>,
}

/// What one service calls.
struct Call<'a> {
    from: &'a str,
    to: &'a str,
    /// The servers outside that it calls there.
    outside: Option<String>,
    /// What it may not call there by the callee's rules.
    refused: Vec<String>,
}

impl<'a> Services<'a> {
    fn of(manifests: &'a [Manifest]) -> Self {
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
                    (Some(callee), None) => refused(callee, to, from),
                    _ => Vec::new(),
                };
                calls.push(Call { from, to, outside, refused });
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
                    (None, None) => writeln!(text, "  calls {} (nobody serves it here)", call.to),
                };
                for callable in &call.refused {
                    let _ = writeln!(text, "    but not {callable}: it may not");
                }
            }
            let rules: Vec<_> = rules(manifest, service).collect();
            if rules.iter().all(|(callable, _)| callable.method.is_some()) {
                let _ = writeln!(text, "  anybody may call it");
            }
            for (callable, callers) in rules {
                let _ = match &callable.method {
                    None => writeln!(text, "  {} may call it", listed(callers)),
                    Some(method) => writeln!(text, "  {} may call {method}", listed(callers)),
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

    fn is_other(&self, call: &Call<'_>) -> bool {
        call.outside.is_some() || !self.served.contains_key(call.to)
    }
}

/// The rules of a service and its methods.
fn rules<'a>(
    manifest: &'a Manifest,
    service: &'a str,
) -> impl Iterator<Item = (&'a Callable, &'a BTreeSet<Caller>)> + Clone {
    manifest.allowed_callers.iter().filter(move |(callable, _)| *callable.service == *service)
}

/// What of a service another may not call: rules that do not name it.
fn refused(callee: &Manifest, service: &str, caller: &str) -> Vec<String> {
    let names = |callers: &BTreeSet<Caller>| {
        callers.iter().any(|allowed| matches!(allowed, Caller::Service(service) if **service == *caller))
    };
    rules(callee, service).filter(|(_, callers)| !names(callers)).map(|(callable, _)| callable.to_string()).collect()
}

fn listed(callers: &BTreeSet<Caller>) -> String {
    match callers.is_empty() {
        true => "nobody".to_owned(),
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
        crate::project::manifest(&project)
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
        let services = Services::of(&manifests);
        insta::assert_snapshot!([services.text(), services.dot(), services.mermaid()].join("\n"));
    }
}
