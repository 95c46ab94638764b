//! .proto files in a folder of their own.

use std::fs;
use std::path::PathBuf;

use okra_codegen::compile::{CompileError, compile};
use okra_codegen::schema::{Enum, Message, Schema};
use prost_reflect::DescriptorPool;
use tempfile::TempDir;

pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn compile(&self) -> Result<DescriptorPool, CompileError> {
        compile(&[self.root()], &[])
    }

    pub(crate) fn pool(&self) -> DescriptorPool {
        self.compile().unwrap_or_else(|error| panic!("{:?}", miette_report(error)))
    }
}

fn miette_report(error: CompileError) -> miette::Report {
    error.into()
}

/// A pool of one proto3 file in package `test.v1`.
pub(crate) fn proto3(body: &str) -> DescriptorPool {
    Project::new(&[("test.proto", &format!("syntax = \"proto3\"; package test.v1; {body}"))]).pool()
}

/// The schema of all services of a pool.
pub(crate) fn schema(pool: &DescriptorPool) -> Schema {
    let mut services: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
    services.sort();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    Schema::new(pool, &services).unwrap()
}

pub(crate) fn message<'a>(schema: &'a Schema, full_name: &str) -> &'a Message {
    schema.messages.iter().find(|message| message.full_name == full_name).unwrap()
}

pub(crate) fn enumeration<'a>(schema: &'a Schema, full_name: &str) -> &'a Enum {
    schema.enums.iter().find(|enumeration| enumeration.full_name == full_name).unwrap()
}
