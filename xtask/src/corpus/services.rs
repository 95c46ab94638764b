//! The services of the corpus.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use okra_codegen::compile::{Compiled, compile_services, find_services, read_descriptors};

use crate::corpus::sources::{CorpusSource, ProtoInput};
use crate::tools::PythonEnvironment;

/// A service of a source.
#[derive(Clone)]
pub(crate) struct CorpusService {
    /// Full name, such as `google.pubsub.v1.Publisher`.
    pub(crate) name: String,
    pub(crate) source: &'static str,
    pub(crate) input: Arc<ProtoInput>,
}

impl CorpusService {
    /// Returns the services of a source that have not been seen, by name.
    pub(crate) fn find(
        source: &'static CorpusSource,
        python: &PythonEnvironment,
        seen: &mut HashSet<String>,
    ) -> miette::Result<Vec<Self>> {
        let (trees, input) = source.fetch(python)?;
        let names: BTreeSet<String> = match &input {
            ProtoInput::Roots(_) => find_services(&trees)?.into_iter().collect(),
            ProtoInput::Descriptors(file) => {
                let pool = read_descriptors(file)?.pool;
                pool.services().map(|service| service.full_name().to_owned()).collect()
            }
        };
        let input = Arc::new(input);
        let fresh = names.into_iter().filter(|name| seen.insert(name.clone()));
        Ok(fresh.map(|name| Self { name, source: source.name, input: Arc::clone(&input) }).collect())
    }

    /// Returns the package of the service.
    pub(crate) fn package(&self) -> &str {
        self.name.rsplit_once('.').map(|(package, _)| package).unwrap_or_default()
    }

    /// Compiles the service for what a handler must know of it.
    pub(crate) fn compile(&self) -> miette::Result<Compiled> {
        match &*self.input {
            ProtoInput::Roots(roots) => Ok(compile_services(roots, &[&self.name], &[])?),
            ProtoInput::Descriptors(file) => Ok(read_descriptors(file)?),
        }
    }

    /// Returns a number by which services are shuffled: the same for the same seed and purpose, whatever else is in the corpus.
    pub(crate) fn shuffle_key(&self, seed: u64, purpose: &str) -> u64 {
        // FNV-1a, which stays the same over releases of Rust.
        let text = format!("{seed} {purpose} {}", self.name);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}
