//! Compiled components on disk.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::instance::{ComponentEngine, InstanceError};
use crate::link::load_compiled;

/// Compiled components on disk, by the digest of the component and the engine's configuration.
///
/// Loading compiled code trusts it, so the folder is readable and writable by its owner only.
#[derive(Clone, Debug)]
pub(crate) struct CompileCache {
    folder: PathBuf,
}

impl CompileCache {
    /// Opens a cache, and makes its folder if there is none.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn open(folder: &Path) -> Result<Self, InstanceError> {
        private_folder(folder).map_err(|source| InstanceError::Cache { path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Loads a component that was compiled before, or compiles it and keeps the code. Code that cannot be loaded is compiled
    /// again; a failure to keep it is logged.
    ///
    /// # Errors
    /// When the bytes are no valid component.
    pub(crate) fn compile(&self, engine: &ComponentEngine, component: &[u8]) -> Result<Component, InstanceError> {
        let path = self.folder.join(key(engine, component));
        if path.exists() {
            match load_compiled(engine.wasmtime(), &path) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot load compiled code: compiling again")
                }
            }
        }
        let compiled = Component::new(engine.wasmtime(), component).map_err(InstanceError::Compile)?;
        let kept = compiled.serialize().map_err(io::Error::other).and_then(|code| self.keep(&path, &code));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "cannot keep compiled code");
        }
        Ok(compiled)
    }

    /// Writes a file whole or not at all.
    fn keep(&self, path: &Path, code: &[u8]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::Write::write_all(&mut file, code)?;
        file.persist(path)?;
        Ok(())
    }
}

fn key(engine: &ComponentEngine, component: &[u8]) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut sha = Sha(Sha256::new_with_prefix(component));
    engine.wasmtime().precompile_compatibility_hash().hash(&mut sha);
    let digest = sha.0.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + ".cwasm"
}

fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
