//! The files of the compile cache: code with its SHA-256 behind it, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// Bytes of the digest at the end of a file.
const DIGEST_BYTES: usize = 32;

/// Checks that a file is whole and one that this user has written, and marks it as used now.
///
/// # Errors
/// If there is no such file, or it is another one.
pub(crate) fn check_code(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    let mut file = File::open(path)?;
    let opened = file.metadata()?;
    let invalid = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    // The file itself and no link to another one.
    if !found.is_file() || (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
        return invalid("it is not a regular file");
    }
    if opened.uid() != own_uid(path)? || opened.mode() & 0o022 != 0 {
        return invalid("other users can write it");
    }
    let Some(code_bytes) = opened.len().checked_sub(DIGEST_BYTES as u64) else { return invalid("it is cut off") };
    let (mut sha, mut digest) = (Sha256::new(), Vec::with_capacity(DIGEST_BYTES));
    io::copy(&mut (&mut file).take(code_bytes), &mut sha)?;
    file.read_to_end(&mut digest)?;
    if sha.finalize().as_slice() != digest {
        return invalid("its digest is another one: it is damaged");
    }
    // Only for pruning: the code is as good if its time cannot be set.
    let _ = file.set_modified(SystemTime::now());
    Ok(())
}

/// Writes a file whole or not at all, also if the machine stops meanwhile.
pub(crate) fn write_code(path: &Path, code: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    put_code(&mut file, code)?;
    keep_file(file, path)
}

/// Writes code with its digest behind it.
pub(crate) fn put_code(output: &mut impl Write, code: &[u8]) -> io::Result<()> {
    output.write_all(code)?;
    output.write_all(&Sha256::digest(code))?;
    output.flush()
}

/// Gives a whole file its name, also if the machine stops meanwhile.
pub(crate) fn keep_file(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Returns the user whom files belong to that this process makes beside `path`.
pub(crate) fn own_uid(path: &Path) -> io::Result<u32> {
    Ok(tempfile::tempfile_in(path.parent().unwrap_or(Path::new(".")))?.metadata()?.uid())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    fn written() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.code");
        write_code(&path, b"compiled").unwrap();
        (folder, path)
    }

    #[test]
    fn a_torn_file_ended_the_process_at_each_start() {
        let (_folder, path) = written();
        check_code(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, whole.get(..length).unwrap()).unwrap();
            assert_eq!(check_code(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{length}");
        }
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            *damaged.get_mut(index).unwrap() ^= 1;
            fs::write(&path, damaged).unwrap();
            assert_eq!(check_code(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "{index}");
        }
    }

    #[test]
    fn a_link_and_a_file_that_others_can_write_are_not_loaded() {
        let (folder, path) = written();
        let link = folder.path().join("link.code");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(check_code(&link).unwrap_err().kind(), io::ErrorKind::InvalidData);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
        assert_eq!(check_code(&path).unwrap_err().to_string(), "other users can write it");
    }
}
