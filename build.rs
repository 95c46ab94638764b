//! Tells cargo which files the binary contains beside its own sources, and gives them a fingerprint: a package that was
//! built with another SDK, generator or contract is stale.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

/// The folders that decide what a package is built of.
const FOLDERS: [&str; 8] = [
    "guest-sdk/codegen/proto",
    "guest-sdk/codegen/src",
    "guest-sdk/go",
    "guest-sdk/python/src",
    "guest-sdk/rust",
    "guest-sdk/templates",
    "src/language",
    "wit",
];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        list_files(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    println!("cargo::rustc-env=OKRA_SDK_FINGERPRINT={:016x}", hasher.finish());
    Ok(())
}

/// Lists the files in a folder, except those that tools leave there.
fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true if path.ends_with("__pycache__") || path.ends_with("target") => {}
            true => list_files(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
