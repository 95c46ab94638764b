//! Which `.proto` files are compiled for services, and which mistakes stop it.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use okra_codegen::compile::{CompileError, Compiled, compile, compile_services, read_descriptors};
use tempfile::TempDir;

const USERS: &str = r#"
syntax = "proto3";
package shop.users.v1;
import "shop/common/v1/id.proto";
service Users { rpc Get(shop.common.v1.Id) returns (shop.common.v1.Id); }
"#;
const ID: &str = "syntax = \"proto3\"; package shop.common.v1; message Id { string id = 1; }";
const BROKEN: &str = "syntax = \"proto3\"; package shop.broken.v1; service Broken { strin }";

struct Tree {
    folder: TempDir,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        for (name, text) in files {
            let path = tree.root(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    fn root(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn compile(&self, roots: &[&str], services: &[&str]) -> Result<Compiled, CompileError> {
        self.compile_with_types(roots, services, &[])
    }

    fn compile_with_types(&self, roots: &[&str], services: &[&str], types: &[&str]) -> Result<Compiled, CompileError> {
        let roots: Vec<PathBuf> = roots.iter().map(|root| self.root(root)).collect();
        compile_services(&roots, services, types)
    }
}

fn names(compiled: &Compiled) -> Vec<String> {
    let mut names: Vec<String> = compiled.pool.files().map(|file| file.name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_broken_file_that_no_service_needs_does_not_stop_the_others() {
    let same_package = "syntax = \"proto3\"; package shop.users.v1; import \"missing.proto\";";
    let tree = Tree::new(&[
        ("shop/users/v1/users.proto", USERS),
        ("shop/users/v1/draft.proto", same_package),
        ("shop/users/v1/errors.proto", "syntax = \"proto3\"; package shop.users.v1; message Missing {}"),
        ("shop/common/v1/id.proto", ID),
        ("shop/broken/v1/broken.proto", BROKEN),
    ]);
    let compiled = tree.compile(&[""], &["shop.users.v1.Users"]).unwrap();
    let expected = ["shop/common/v1/id.proto", "shop/users/v1/errors.proto", "shop/users/v1/users.proto"];
    assert_eq!(names(&compiled), expected);
    let left_out: Vec<&str> = compiled.left_out.iter().map(|file| file.file.as_str()).collect();
    assert_eq!(left_out, ["shop/users/v1/draft.proto"]);
    let error = tree.compile(&[""], &["shop.broken.v1.Broken"]).unwrap_err();
    assert!(matches!(error, CompileError::Proto(_)), "{error}");
    assert!(format!("{error:?}").contains("shop/broken/v1/broken.proto:1:"), "{error:?}");
}

#[test]
fn the_files_of_types_are_compiled_and_a_type_that_is_missing_is_told_with_the_most_similar_ones() {
    let events =
        "syntax = \"proto3\"; package acme.v1; message Event { enum Kind { NONE = 0; } } enum Level { LOW = 0; }";
    let tree = Tree::new(&[
        ("shop/users/v1/users.proto", USERS),
        ("shop/common/v1/id.proto", ID),
        ("acme/v1/event.proto", events),
        ("acme/v1/other.proto", "syntax = \"proto3\"; package acme.v1; message Other {}"),
        ("old/event.proto", events),
    ]);
    let compile = |types: &[&str]| tree.compile_with_types(&[""], &["shop.users.v1.Users"], types);
    let added = |types: &[&str]| {
        let mut added = names(&compile(types).unwrap());
        added.retain(|name| !name.starts_with("shop/"));
        added
    };
    for name in ["acme.v1.Event", "acme.v1.Event.Kind", "acme.v1.Level"] {
        assert_eq!(added(&[name]), ["acme/v1/event.proto"], "{name}");
    }
    assert_eq!(added(&["acme.v1.*"]), ["acme/v1/event.proto", "acme/v1/other.proto"]);
    assert!(added(&["google.rpc.*"]).contains(&"google/rpc/error_details.proto".to_owned()));
    for pattern in ["acme.v1.Evnt", "acme.*", "acme.v1", "shop.users.v1.Users"] {
        let error = compile(&[pattern]).unwrap_err();
        let CompileError::UnknownType { known, .. } = error else { panic!("{error}") };
        assert!(known.first().unwrap().starts_with("acme.v1.") || pattern.starts_with("shop"), "{pattern}: {known:?}");
    }
}

#[test]
fn the_first_root_with_a_file_counts_as_with_protoc() {
    let other_id = ID.replace("string id", "bytes id");
    let tree = Tree::new(&[
        ("one/shop/common/v1/id.proto", ID),
        ("two/shop/common/v1/id.proto", &other_id),
        ("two/shop/users/v1/users.proto", USERS),
    ]);
    for (roots, kind) in [(["one", "two"], "string"), (["two", "one"], "bytes")] {
        let compiled = tree.compile(&roots, &["shop.users.v1.Users"]).unwrap();
        let id = compiled.pool.get_message_by_name("shop.common.v1.Id").unwrap().get_field(1).unwrap();
        assert_eq!(format!("{:?}", id.kind()), kind);
    }
}

#[test]
fn a_root_within_a_root_names_its_own_files() {
    let tree = Tree::new(&[("proto/users.proto", USERS), ("proto/vendor/shop/common/v1/id.proto", ID)]);
    for roots in [["proto", "proto/vendor"], ["proto/vendor", "proto"], ["proto/../proto/vendor", "proto"]] {
        let compiled = tree.compile(&roots, &["shop.users.v1.Users"]).unwrap();
        assert_eq!(names(&compiled), ["shop/common/v1/id.proto", "users.proto"]);
        let roots: Vec<PathBuf> = roots.iter().map(|root| tree.root(root)).collect();
        assert_eq!(names(&compile(&roots, &[]).unwrap()), ["shop/common/v1/id.proto", "users.proto"]);
    }
}

#[test]
fn of_copies_of_a_service_that_in_the_folder_of_its_package_is_taken() {
    let users = USERS.replace("import", "// import").replace("shop.common.v1.Id", "U") + "message U {}";
    let tree = Tree::new(&[("preview/shop/users/v1/users.proto", &users), ("shop/users/v1/users.proto", &users)]);
    let compiled = tree.compile(&[""], &["shop.users.v1.Users"]).unwrap();
    assert_eq!(names(&compiled), ["shop/users/v1/users.proto"]);
    assert_eq!(compiled.left_out.len(), 1);
}

#[test]
fn a_missing_import_is_told_with_file_and_line() {
    let tree = Tree::new(&[("users.proto", USERS)]);
    let error = tree.compile(&[""], &["shop.users.v1.Users"]).unwrap_err();
    let expected = "users.proto:4: `shop/common/v1/id.proto` is not in the folders of .proto files";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_service_that_no_file_defines_is_told_with_the_most_similar_ones() {
    let tree = Tree::new(&[("users.proto", USERS), ("shop/common/v1/id.proto", ID), ("broken.proto", BROKEN)]);
    let error = tree.compile(&[""], &["shop.users.v1.User"]).unwrap_err();
    let CompileError::UnknownService { service, known } = error else { panic!("{error}") };
    assert_eq!(service, "shop.users.v1.User");
    assert_eq!(known, ["shop.users.v1.Users", "shop.broken.v1.Broken"]);
}

#[test]
fn a_mistake_in_a_file_of_its_package_is_told_before_a_service_that_is_missing() {
    let tree = Tree::new(&[("broken.proto", BROKEN)]);
    let error = tree.compile(&[""], &["shop.broken.v1.Other"]).unwrap_err();
    assert!(matches!(error, CompileError::Proto(_)), "{error}");
}

#[test]
fn the_imports_that_real_files_use_are_there() {
    let imports = [
        "buf/validate/validate.proto",
        "google/api/annotations.proto",
        "google/api/client.proto",
        "google/api/field_behavior.proto",
        "google/api/httpbody.proto",
        "google/api/resource.proto",
        "google/api/visibility.proto",
        "google/longrunning/operations.proto",
        "google/protobuf/empty.proto",
        "google/rpc/context/attribute_context.proto",
        "google/rpc/error_details.proto",
        "google/rpc/status.proto",
        "google/type/datetime.proto",
        "google/type/money.proto",
        "protoc-gen-openapiv2/options/annotations.proto",
    ];
    let lines: String = imports.iter().map(|import| format!("import \"{import}\";\n")).collect();
    let text = format!(
        "syntax = \"proto3\";\npackage a;\n{lines}
        message M {{ string name = 1 [(google.api.field_behavior) = REQUIRED, (buf.validate.field).string.min_len = 1]; }}
        service S {{ rpc Get(M) returns (google.longrunning.Operation) {{ option (google.api.http) = {{ get: \"/v1/a\" }}; }} }}"
    );
    let tree = Tree::new(&[("a.proto", &text)]);
    let compiled = tree.compile(&[""], &["a.S"]).unwrap();
    for import in imports {
        assert!(names(&compiled).iter().any(|name| name == import), "{import}");
    }
    let own = "syntax = \"proto3\"; package google.rpc; message Status { string mine = 7; }";
    let tree = Tree::new(&[
        ("a.proto", "syntax = \"proto3\"; package a; import \"google/rpc/status.proto\"; service S {}"),
        ("google/rpc/status.proto", own),
    ]);
    let compiled = tree.compile(&[""], &["a.S"]).unwrap();
    assert!(compiled.pool.get_message_by_name("google.rpc.Status").unwrap().get_field(7).is_some());
}

#[test]
fn copies_of_the_files_of_the_compiler_are_not_read() {
    let service = "syntax = \"proto3\"; package a; import \"google/protobuf/timestamp.proto\";
        service S { rpc Get(google.protobuf.Timestamp) returns (google.protobuf.Timestamp); }";
    let newer = "syntax = \"proto2\"; package google.protobuf; message Timestamp { extensions 9 [declaration = {}]; }";
    let tree = Tree::new(&[("a.proto", service), ("google/protobuf/timestamp.proto", newer)]);
    assert_eq!(names(&tree.compile(&[""], &["a.S"]).unwrap()), ["a.proto", "google/protobuf/timestamp.proto"]);
}

#[test]
fn every_file_that_is_brought_compiles() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("proto");
    let compiled = compile(&[root], &[]).unwrap();
    assert!(compiled.pool.get_message_by_name("buf.validate.FieldRules").is_some());
}

#[test]
fn descriptors_of_protoc_are_read_and_incomplete_ones_refused() {
    let tree = Tree::new(&[("users.proto", USERS), ("shop/common/v1/id.proto", ID)]);
    let compiled = tree.compile(&[""], &["shop.users.v1.Users"]).unwrap();
    let path = tree.root("x.binpb");
    fs::write(&path, &compiled.descriptors).unwrap();
    assert_eq!(names(&read_descriptors(&path).unwrap()), names(&compiled));

    let mut users = Vec::new();
    let file = compiled.pool.get_file_by_name("users.proto").unwrap().encode_to_vec();
    prost::encoding::bytes::encode(1, &file, &mut users);
    for damaged in [users.as_slice(), b"\xff", b"syntax"] {
        fs::write(&path, damaged).unwrap();
        let error = read_descriptors(&path).unwrap_err();
        assert!(matches!(error, CompileError::DescriptorSet { .. }), "{error}");
    }
    assert!(matches!(read_descriptors(&tree.root("no.binpb")).unwrap_err(), CompileError::Io { .. }));
}

#[test]
fn a_package_that_is_not_imported_does_not_hide_one_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), format!("syntax = \"proto3\"; {text}")).unwrap();
    write("common.proto", "package common; message Id { string id = 1; message Part {} }");
    write("shop_common.proto", "package shop.common; message Other {}");
    write("shop.proto", "package shop; import \"shop_common.proto\"; message Order { shop.common.Other other = 1; }");
    // `common.Id` is that of package `common`: `shop.common` is read, but not imported by this file.
    write(
        "service.proto",
        "package shop; import \"common.proto\"; import \"shop.proto\";
         message M { common.Id id = 1; repeated common.Id.Part parts = 2; Order order = 3; Inner.Deep deep = 4;
                     message Inner { message Deep {} } }
         service S { rpc Get(common.Id) returns (M); }",
    );
    let compiled = compile_services(&[folder.path().to_owned()], &["shop.S"], &[]).unwrap();
    let message = compiled.pool.get_message_by_name("shop.M").unwrap();
    let kinds: Vec<_> = message.fields().map(|field| format!("{:?}", field.kind())).collect();
    assert_eq!(kinds, ["common.Id", "common.Id.Part", "shop.Order", "shop.M.Inner.Deep"]);
    assert_eq!(compiled.left_out, []);
}

#[test]
fn the_modules_of_buf_are_roots() {
    let service = "syntax = \"proto3\"; package a; import \"common/id.proto\"; service S { rpc Get(common.Id) returns (common.Id); }";
    let id = "syntax = \"proto3\"; package common; message Id {}";
    let files = [
        (
            "",
            "proto/a/a.proto",
            "vendor/api/common/id.proto",
            "buf.yaml",
            "version: v2\nmodules:\n  - path: proto\n  - path: vendor/api\n",
        ),
        (
            "",
            "proto/a/a.proto",
            "api/common/id.proto",
            "buf.work.yaml",
            "version: v1\ndirectories:\n  - proto\n  - api\n",
        ),
        ("sub", "sub/a/a.proto", "sub/common/id.proto", "sub/buf.yaml", "version: v1\nbreaking:\n  use: [FILE]\n"),
    ];
    for (root, service_name, id_name, yaml_name, yaml) in files {
        let tree = Tree::new(&[(service_name, service), (id_name, id), (yaml_name, yaml)]);
        assert_eq!(names(&tree.compile(&[root], &["a.S"]).unwrap()), ["a/a.proto", "common/id.proto"]);
    }
}

#[test]
#[cfg(unix)]
fn links_that_lead_back_into_their_folder_were_followed_without_end() {
    let tree = Tree::new(&[("proto/shop/users/v1/users.proto", USERS), ("ids/shop/common/v1/id.proto", ID)]);
    for (link, to) in [("proto/up", "proto"), ("proto/shop/top", "proto"), ("proto/shop/common", "ids/shop/common")] {
        std::os::unix::fs::symlink(tree.root(to), tree.root(link)).unwrap();
    }
    let compiled = tree.compile(&["proto"], &["shop.users.v1.Users"]).unwrap();
    assert_eq!(names(&compiled), ["shop/common/v1/id.proto", "shop/users/v1/users.proto"]);
}

#[test]
fn a_file_whose_name_begins_with_the_path_of_its_root_was_not_found() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let root = Path::new(folder.path().file_name().unwrap());
    let name = root.join("id.proto");
    fs::create_dir(folder.path().join(root)).unwrap();
    fs::write(folder.path().join(&name), ID).unwrap();
    let compiled = compile(&[root.to_owned()], std::slice::from_ref(&name)).unwrap();
    assert_eq!(names(&compiled), [name.to_str().unwrap()]);
}
