//! The packages of registries whose services make the corpus, and how they are fetched into the user's cache folder. Nothing that
//! is fetched is part of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::{Context as _, IntoDiagnostic as _, miette};
use serde::Deserialize;

use crate::okra::root;
use crate::tools::{self, PythonEnvironment};

/// A package with `.proto` files or descriptors.
pub(crate) struct CorpusSource {
    /// Name in reports and of folders.
    pub(crate) name: &'static str,
    registry: Registry,
    package: &'static str,
    version: &'static str,
    /// Folders of `.proto` files in the package, each with the prefix that imports put before its files.
    trees: &'static [(&'static str, &'static str)],
    /// Names of the sources in whose trees imports are looked up, too.
    includes: &'static [&'static str],
    /// Whether its services are tested; the trees of others are for imports only.
    pub(crate) is_tested: bool,
}

/// Where a package comes from and what is in it.
enum Registry {
    /// `.proto` files in a package of npm.
    Npm,
    /// `.proto` files in a Go module.
    Go,
    /// `.proto` files in a wheel of PyPI.
    Wheel,
    /// Descriptors in the generated modules of a wheel of PyPI.
    WheelDescriptors,
}

use Registry::{Go, Npm, Wheel, WheelDescriptors};

const fn source(
    name: &'static str,
    registry: Registry,
    package: &'static str,
    version: &'static str,
    trees: &'static [(&'static str, &'static str)],
    includes: &'static [&'static str],
) -> CorpusSource {
    CorpusSource { name, registry, package, version, trees, includes, is_tested: true }
}

const fn imports_only(source: CorpusSource) -> CorpusSource {
    CorpusSource { is_tested: false, ..source }
}

/// All sources. Where two have the same service, that of the first counts.
#[rustfmt::skip]
pub(crate) const SOURCES: &[CorpusSource] = &[
    source("googleapis", Npm, "google-proto-files", "6.0.1", &[("", "")], &[]),
    source("etcd", Go, "go.etcd.io/etcd/api/v3", "v3.7.3", &[("", "etcd/api")], &["gogo"]),
    source("containerd", Go, "github.com/containerd/containerd/api", "v1.12.0", &[("", ""), ("", "github.com/containerd/containerd/api")], &["gogo"]),
    source("cri", Go, "k8s.io/cri-api", "v0.37.2", &[("", "k8s.io/cri-api")], &["gogo"]),
    source("envoy", Npm, "@grpc/grpc-js-xds", "1.14.1", &[("deps/envoy-api", ""), ("deps/xds", "")], &["googleapis", "opencensus", "prometheus", "validate"]),
    source("opentelemetry", WheelDescriptors, "opentelemetry-proto", "1.45.2", &[("opentelemetry", "")], &[]),
    source("grpc-health", WheelDescriptors, "grpcio-health-checking", "1.85.1", &[("grpc_health", "")], &[]),
    source("grpc-reflection", WheelDescriptors, "grpcio-reflection", "1.85.1", &[("grpc_reflection", "")], &[]),
    source("grpc-channelz", WheelDescriptors, "grpcio-channelz", "1.85.0", &[("grpc_channelz", "")], &[]),
    source("grpc-go", Go, "google.golang.org/grpc", "v1.85.0", &[("", "")], &[]),
    source("grpc-examples", Go, "google.golang.org/grpc/examples", "v0.0.0-20260825154716-030ee8becb20", &[("", "examples")], &[]),
    source("grpc-gateway", Go, "github.com/grpc-ecosystem/grpc-gateway/v2", "v2.33.0", &[("", "")], &["googleapis"]),
    source("temporal", Wheel, "temporalio", "1.35.0", &[
        ("temporalio/bridge/sdk-core/crates/protos/protos/api_upstream", ""),
        ("temporalio/bridge/sdk-core/crates/protos/protos/api_cloud_upstream", ""),
        ("temporalio/bridge/sdk-core/crates/protos/protos/testsrv_upstream", ""),
    ], &[]),
    source("qdrant", Wheel, "qdrant-client", "1.20.0", &[("qdrant_client/proto", "")], &[]),
    source("tikv", Go, "github.com/pingcap/kvproto", "v0.0.0-20260608025309-50b863799195", &[("proto", ""), ("include", "")], &["gogo"]),
    source("dapr", Go, "github.com/dapr/dapr", "v1.14.0", &[("", "")], &[]),
    source("lnd", Go, "github.com/lightningnetwork/lnd", "v0.18.3-beta.rc3", &[("lnrpc", "")], &[]),
    source("cosmos", Go, "github.com/cosmos/cosmos-sdk", "v0.55.0", &[("proto", "")], &["cosmos-gogo", "cosmos-proto", "cometbft"]),
    source("argo-rollouts", Go, "github.com/argoproj/argo-rollouts", "v1.8.3", &[("", "github.com/argoproj/argo-rollouts")], &["kubernetes-api", "kubernetes-meta", "googleapis"]),
    source("connect", Go, "connectrpc.com/connect", "v1.19.1", &[("internal/proto", "")], &[]),
    source("connect-conformance", Go, "connectrpc.com/conformance", "v1.0.5", &[("proto", "")], &[]),
    imports_only(source("gogo", Go, "github.com/gogo/protobuf", "v1.3.2", &[("gogoproto", "gogoproto"), ("gogoproto", "github.com/gogo/protobuf/gogoproto")], &[])),
    imports_only(source("cosmos-gogo", Go, "github.com/cosmos/gogoproto", "v1.7.0", &[("gogoproto", "gogoproto")], &[])),
    imports_only(source("cosmos-proto", Go, "github.com/cosmos/cosmos-proto", "v1.0.0-beta.5", &[("proto", "")], &[])),
    imports_only(source("cometbft", Go, "github.com/cometbft/cometbft", "v0.38.17", &[("proto", "")], &[])),
    imports_only(source("kubernetes-api", Go, "k8s.io/api", "v0.37.2", &[("", "k8s.io/api")], &[])),
    imports_only(source("kubernetes-meta", Go, "k8s.io/apimachinery", "v0.37.2", &[("", "k8s.io/apimachinery")], &[])),
    imports_only(source("prometheus", Go, "github.com/prometheus/client_model", "v0.6.2", &[("", "")], &[])),
    imports_only(source("validate", Go, "github.com/envoyproxy/protoc-gen-validate", "v1.3.3", &[("validate", "validate")], &[])),
    imports_only(source("opencensus", Go, "github.com/census-instrumentation/opencensus-proto", "v0.4.1", &[("src", "")], &[])),
];

/// What the projects of a source have in `[proto]` of okra.toml.
#[derive(Clone)]
pub(crate) enum ProtoInput {
    /// Folders, for `include`.
    Roots(Vec<PathBuf>),
    /// A file, for `descriptors`.
    Descriptors(PathBuf),
}

impl CorpusSource {
    /// Fetches what is missing of the source and of those that it includes. Returns its own trees, in which its services are, and
    /// the input of its projects.
    pub(crate) fn fetch(&self, python: &PythonEnvironment) -> miette::Result<(Vec<PathBuf>, ProtoInput)> {
        let folder = self.fetch_package(python)?;
        if let WheelDescriptors = self.registry {
            let file = tools::cache_folder()?.join("corpus").join(format!("{}-{}.binpb", self.name, self.version));
            if !file.is_file() {
                let script = root().join("tests/corpus/descriptors.py");
                let modules = self.trees.first().map(|(module, _)| *module).unwrap_or_default();
                let mut dump = Command::new(python.program("python"));
                tools::run(dump.arg(script).args([folder.as_os_str(), modules.as_ref(), file.as_os_str()]))?;
            }
            return Ok((Vec::new(), ProtoInput::Descriptors(file)));
        }
        let own = self.roots(&folder)?;
        let mut roots = own.clone();
        for include in self.includes {
            let other = SOURCES.iter().find(|other| other.name == *include);
            let other = other.ok_or_else(|| miette!("there is no source `{include}`"))?;
            let folder = other.fetch_package(python)?;
            roots.extend(other.roots(&folder)?);
        }
        Ok((own, ProtoInput::Roots(roots)))
    }

    /// Returns the folders under which imports find the files of the package's trees.
    fn roots(&self, folder: &Path) -> miette::Result<Vec<PathBuf>> {
        let mut roots = Vec::new();
        for (index, (tree, prefix)) in self.trees.iter().enumerate() {
            let tree = folder.join(tree);
            if prefix.is_empty() {
                roots.push(tree);
                continue;
            }
            let mounts = tools::cache_folder()?.join("corpus/mounts");
            let mount = mounts.join(format!("{}-{}-{index}", self.name, self.version));
            let link = mount.join(prefix);
            if !link.exists() {
                fs::create_dir_all(link.parent().unwrap_or(&mount)).into_diagnostic()?;
                std::os::unix::fs::symlink(&tree, &link).into_diagnostic().wrap_err("cannot link a tree")?;
            }
            roots.push(mount);
        }
        Ok(roots)
    }

    /// Returns the folder of the package, which is fetched if it is missing.
    fn fetch_package(&self, python: &PythonEnvironment) -> miette::Result<PathBuf> {
        let Self { package, version, .. } = self;
        let fetched = tools::cache_folder()?.join("corpus/packages");
        if let Go = self.registry {
            fs::create_dir_all(&fetched).into_diagnostic()?;
            return go_module(python, package, version, &fetched);
        }
        let folder = fetched.join(format!("{}-{version}", package.replace(['/', '@'], "-")));
        if folder.is_dir() {
            return Ok(folder);
        }
        // A folder that is there is complete: it is filled under another name.
        fs::create_dir_all(&fetched).into_diagnostic()?;
        let partial = tempfile::tempdir_in(&fetched).into_diagnostic()?;
        let archives = partial.path().join("archives");
        fs::create_dir_all(&archives).into_diagnostic()?;
        let contents = if let Npm = self.registry {
            let mut pack = Command::new("npm");
            pack.args(["pack", "--silent", &format!("{package}@{version}"), "--pack-destination"]).arg(&archives);
            tools::run(pack.stdout(Stdio::null()))?;
            tools::run(Command::new("tar").arg("xzf").arg(only_file(&archives)?).arg("-C").arg(partial.path()))?;
            partial.path().join("package")
        } else {
            let mut download = Command::new(python.program("pip"));
            download.args([
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary",
                ":all:",
            ]);
            tools::run(download.arg("--dest").arg(&archives).arg(format!("{package}=={version}")))?;
            let contents = partial.path().join("package");
            let mut unpack = Command::new(python.program("python"));
            tools::run(unpack.args(["-m", "zipfile", "-e"]).arg(only_file(&archives)?).arg(&contents))?;
            contents
        };
        fs::rename(contents, &folder).into_diagnostic()?;
        Ok(folder)
    }
}

/// Returns the folder of a Go module in Go's cache, which downloads it if it is missing.
fn go_module(python: &PythonEnvironment, package: &str, version: &str, folder: &Path) -> miette::Result<PathBuf> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Module {
        dir: PathBuf,
    }
    let module = format!("{package}@{version}");
    let mut download = Command::new(python.go()?);
    download.args(["mod", "download", "-json", &module]).current_dir(folder);
    let output = download.output().into_diagnostic().wrap_err("cannot start go")?;
    if !output.status.success() {
        return Err(miette!("go cannot download {module}: {}", String::from_utf8_lossy(&output.stdout)));
    }
    let module: Module = serde_json::from_slice(&output.stdout).into_diagnostic()?;
    Ok(module.dir)
}

fn only_file(folder: &Path) -> miette::Result<PathBuf> {
    let entry = fs::read_dir(folder).into_diagnostic()?.next();
    Ok(entry.ok_or_else(|| miette!("nothing was downloaded into {}", folder.display()))?.into_diagnostic()?.path())
}
