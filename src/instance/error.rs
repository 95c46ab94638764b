//! Why a component cannot be run.

use crate::link::LinkMismatch;

/// Why a component cannot be run.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum InstanceError {
    /// wasmtime refused its configuration.
    #[error("cannot set up WebAssembly on this machine: {0:#}")]
    Engine(wasmtime::Error),
    /// The bytes are no valid component, or use what the engine lacks.
    #[error("cannot compile the component: {0:#}")]
    Compile(wasmtime::Error),
    /// The compiler needs more than its limits.
    #[error(
        "compiling `{package}` takes more than {limit}: that is a limit of [compile] in the file of `okra serve --config`"
    )]
    CompileLimit {
        /// Name of the package.
        package: String,
        /// The limit.
        limit: String,
    },
    /// The component was built for a version of `okra:service` that this host does not support.
    #[error("`{package}` was built for okra:service@{version}, and this okra supports {supported}: {cure}")]
    Contract {
        /// Name of the package.
        package: String,
        /// The version that the component imports or exports.
        version: String,
        /// The versions that this host supports, ascending.
        supported: String,
        /// The remedy.
        cure: &'static str,
    },
    /// The component is not what its descriptors and manifest say.
    #[error("the component does not match its descriptors:{}", list(.0))]
    #[diagnostic(help("build the package again from the same .proto files: `okra build`"))]
    Mismatch(Vec<LinkMismatch>),
    /// The component's imports cannot be satisfied.
    #[error("cannot link the component: {0:#}")]
    Link(wasmtime::Error),
    /// It was linked, but an instance of it does not come to life.
    #[error("cannot instantiate the component: {0:#}")]
    Instantiate(wasmtime::Error),
}

impl InstanceError {
    /// Whether the component itself failed when it started. All other errors of an instance are a lack of room for it.
    pub(crate) fn is_start_trap(&self) -> bool {
        matches!(self, Self::Instantiate(error) if error.downcast_ref::<wasmtime::Trap>().is_some())
    }
}

fn list(mismatches: &[LinkMismatch]) -> String {
    mismatches.iter().map(|mismatch| format!("\n  - {mismatch}")).collect()
}
