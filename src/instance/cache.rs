//! Compiled components on disk.
//!
//! Loading compiled code runs it, so a file is loaded only if it is certainly one that this user's process wrote whole: a
//! regular file of the same owner that only the owner can write, with the SHA-256 of its code at its end. Everything else is
//! compiled again, which replaces it.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::instance::code_file::{check_code, keep_file, own_uid, write_code};
use crate::instance::compile::unnamed_file;
use crate::instance::{ChildCompiler, Compiler, ComponentEngine, InstanceError};
use crate::link::load_compiled;

/// Age of the last use at which a file is removed.
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most bytes in a folder. Those that were used longest ago are removed first.
const MAX_BYTES: u64 = 4 << 30;

/// Compiled components on disk, by the digest of the component and the engine's configuration.
#[derive(Clone, Debug)]
pub(crate) struct CompileCache {
    /// `None` if the folder cannot be used: then everything is compiled at each start.
    folder: Option<PathBuf>,
    compiler: Compiler,
}

impl CompileCache {
    /// Opens a cache, makes its folder if there is none, and removes files that are old or too many.
    ///
    /// A folder that cannot be used is logged: without a cache a start takes longer, and nothing else changes. The same holds
    /// if there is none.
    pub(crate) fn open(folder: Option<&Path>, compiler: Compiler) -> Self {
        let Some(folder) = folder else { return Self { folder: None, compiler } };
        match make_private_folder(folder) {
            Ok(()) => {
                prune(folder, MAX_AGE, MAX_BYTES);
                Self { folder: Some(folder.to_owned()), compiler }
            }
            Err(error) => {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "compiled code is not kept: packages are compiled at each start");
                Self { folder: None, compiler }
            }
        }
    }

    /// Loads a component that was compiled before, or compiles it and keeps the code. Code that cannot be loaded is compiled
    /// again; a failure to keep it is logged.
    ///
    /// # Errors
    /// When the bytes are no valid component, or compiling them takes more than the limits of the compiler.
    ///
    /// # Cancellation
    /// Ends the compiler, if it is another process.
    pub(crate) async fn compile(
        &self,
        engine: &ComponentEngine,
        package: &str,
        component: &[u8],
    ) -> Result<Component, InstanceError> {
        let path = self.folder.as_ref().map(|folder| folder.join(key(engine, component)));
        if let Some(path) = &path {
            match load_code(engine, path) {
                Ok(component) => return Ok(component),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "cannot load compiled code: compiling again");
                }
            }
        }
        match &self.compiler {
            Compiler::InProcess => compile_here(engine, component, path.as_deref()),
            Compiler::Child(child) => {
                tracing::info!(package, "compiling");
                compile_in_child(engine, child, package, component, path.as_deref()).await
            }
        }
    }
}

/// Compiles a component in this process, and keeps its code at `path`.
fn compile_here(engine: &ComponentEngine, component: &[u8], path: Option<&Path>) -> Result<Component, InstanceError> {
    let compiled = Component::new(engine.wasmtime(), component).map_err(InstanceError::Compile)?;
    if let Some(path) = path {
        let kept = compiled.serialize().map_err(io::Error::other).and_then(|code| write_code(path, &code));
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "cannot keep compiled code");
        }
    }
    Ok(compiled)
}

/// Compiles a component in a process of its own, and keeps its code at `path`. Without a path, or if the file cannot be made,
/// the code is in memory that has no name.
async fn compile_in_child(
    engine: &ComponentEngine,
    child: &ChildCompiler,
    package: &str,
    component: &[u8],
    path: Option<&Path>,
) -> Result<Component, InstanceError> {
    let failed = |error: io::Error| InstanceError::Compile(wasmtime::Error::from(error).context("the compiled code"));
    let folder = path.and_then(Path::parent);
    let kept = folder.and_then(|folder| {
        let file = tempfile::NamedTempFile::new_in(folder);
        file.inspect_err(|error| tracing::warn!(folder = %folder.display(), %error, "cannot keep compiled code")).ok()
    });
    let (Some(kept), Some(path)) = (kept, path) else {
        let file = unnamed_file().map_err(failed)?;
        child.compile(package, component, file.try_clone().map_err(failed)?).await?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        return load_compiled(engine.wasmtime(), &path).map_err(InstanceError::Compile);
    };
    child.compile(package, component, kept.reopen().map_err(failed)?).await?;
    keep_file(kept, path).map_err(failed)?;
    load_code(engine, path).map_err(failed)
}

/// Loads the code at `path`.
///
/// # Errors
/// If there is no such file, or it is not one that this process has written whole.
fn load_code(engine: &ComponentEngine, path: &Path) -> io::Result<Component> {
    check_code(path)?;
    load_compiled(engine.wasmtime(), path).map_err(io::Error::other)
}

/// Makes a folder that only its owner can read and write.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if fs::symlink_metadata(folder)?.uid() != own_uid(&folder.join("own"))? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder belongs to another user"));
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Removes the files that were not used for `max_age`, and those that were used longest ago until the others come to
/// `max_bytes` at most. What cannot be removed stays.
fn prune(folder: &Path, max_age: Duration, max_bytes: u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    files.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
    let mut bytes = 0_u64;
    for (used, length, path) in files {
        bytes = bytes.saturating_add(length);
        let is_old = used.elapsed().is_ok_and(|age| age > max_age);
        if (is_old || bytes > max_bytes) && fs::remove_file(&path).is_err() {
            tracing::debug!(path = %path.display(), "cannot remove compiled code that is not used");
        }
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
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + ".code"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn files_go_by_age_and_by_size() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (name, age_s) in [("new", 0), ("used", 10), ("less", 20), ("old", 1000)] {
            let path = folder.path().join(name);
            fs::write(&path, [0; 100]).unwrap();
            fs::File::options().write(true).open(path).unwrap().set_modified(now - Duration::from_secs(age_s)).unwrap();
        }
        prune(folder.path(), Duration::from_secs(500), 250);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["new", "used"]);
    }

    #[tokio::test]
    async fn without_a_folder_components_are_compiled_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let cache = CompileCache::open(Some(&file.join("below")), Compiler::InProcess);
        assert!(cache.folder.is_none());
        let engine =
            ComponentEngine::new(crate::instance::EngineSettings { instances: 1, ..Default::default() }).unwrap();
        cache.compile(&engine, "empty", &wasm_encoder::Component::new().finish()).await.unwrap();
    }
}
