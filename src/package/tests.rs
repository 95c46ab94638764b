//! Packages that are written and read again, and bytes that are not packages.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use prost_types::ServiceDescriptorProto;
use wasm_encoder::{Component, CustomSection, Module, ModuleSection, NestedComponentSection};

use super::*;

/// A component with a core module and a component nested in it, which have custom sections of our names themselves.
fn component() -> Vec<u8> {
    let inner = CustomSection { name: MANIFEST.into(), data: b"not ours".into() };
    let mut module = Module::new();
    module.section(&inner);
    let mut nested = Component::new();
    nested.section(&inner);
    let mut component = Component::new();
    component
        .section(&ModuleSection(&module))
        .section(&NestedComponentSection(&nested))
        .section(&CustomSection { name: "producers".into(), data: (&[0_u8; 300]).into() });
    component.finish()
}

fn descriptors(services: &[&str]) -> Vec<u8> {
    let services = services
        .iter()
        .map(|name| ServiceDescriptorProto { name: Some((*name).to_owned()), ..Default::default() })
        .collect();
    let file = FileDescriptorProto {
        name: Some("greeter.proto".to_owned()),
        package: Some("greeter.v1".to_owned()),
        service: services,
        ..Default::default()
    };
    FileDescriptorSet { file: vec![file] }.encode_to_vec()
}

fn manifest() -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        name: Name::new("greeter").unwrap(),
        version: "0.1.0".to_owned(),
        serves: vec![ServiceName::new("greeter.v1.Greeter").unwrap()],
        calls: vec![],
        raw: vec![],
        imports: Default::default(),
        allowed_callers: Default::default(),
        run: Run::default(),
        language: Language::Rust,
        okra: "0.1.0".to_owned(),
    }
}

fn package() -> Vec<u8> {
    Package::write(&component(), &descriptors(&["Greeter"]), &manifest()).unwrap()
}

/// A component with these custom sections, whatever is in them.
fn with_sections(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut component = component();
    for (name, data) in sections {
        CustomSection { name: (*name).into(), data: (*data).into() }.append_to_component(&mut component);
    }
    component
}

#[test]
fn what_was_written_is_read() {
    let package = Package::read(package()).unwrap();
    assert_eq!(package.manifest(), &manifest());
    assert_eq!(package.descriptors(), descriptors(&["Greeter"]));
    assert!(package.pool().get_service_by_name("greeter.v1.Greeter").is_some());
    assert!(package.component().starts_with(&component()));
    wasmparser::validate(package.component()).unwrap();
}

#[test]
fn writing_again_replaces() {
    let mut newer = manifest();
    newer.version = "0.2.0".to_owned();
    let once = Package::write(&component(), &descriptors(&["Greeter"]), &newer).unwrap();
    let twice = Package::write(&package(), &descriptors(&["Greeter"]), &newer).unwrap();
    assert_eq!(once, twice);
    assert_ne!(Package::read(once).unwrap().digest(), Package::read(package()).unwrap().digest());
}

#[test]
fn a_digest_is_the_files_sha256() {
    let digest = PackageDigest(sha2::Sha256::digest(b"abc").into());
    insta::assert_snapshot!(digest, @"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn other_files_are_told_apart() {
    let unknown_format = br#"{"format":2,"name":{"changed":"shape"}}"#;
    let json = serde_json::to_vec(&manifest()).unwrap();
    let good = descriptors(&["Greeter"]);
    let cases: [(&str, Vec<u8>); 11] = [
        ("empty", vec![]),
        ("text", b"syntax = \"proto3\";".to_vec()),
        ("magic only", b"\0asm".to_vec()),
        ("core module", Module::new().finish()),
        ("unknown version", b"\0asm\x0d\0\x07\0".to_vec()),
        ("plain component", component()),
        ("no descriptors", with_sections(&[(MANIFEST, &json)])),
        ("broken manifest", with_sections(&[(MANIFEST, b"{"), (DESCRIPTORS, &good)])),
        ("newer manifest", with_sections(&[(MANIFEST, unknown_format), (DESCRIPTORS, &good)])),
        ("broken descriptors", with_sections(&[(MANIFEST, &json), (DESCRIPTORS, b"\xff\xff")])),
        ("another service", with_sections(&[(MANIFEST, &json), (DESCRIPTORS, &descriptors(&["Other"]))])),
    ];
    let errors: String =
        cases.into_iter().map(|(name, bytes)| format!("{name}: {}\n", Package::read(bytes).unwrap_err())).collect();
    insta::assert_snapshot!(errors);
}

#[test]
fn a_manifest_with_unknown_keys_or_a_version_that_is_none_was_read() {
    let with = |key: &str, value: serde_json::Value| {
        let mut manifest = serde_json::to_value(manifest()).unwrap();
        manifest[key] = value;
        let json = serde_json::to_vec(&manifest).unwrap();
        let error = Package::read(with_sections(&[(MANIFEST, &json), (DESCRIPTORS, &descriptors(&["Greeter"]))]));
        error.map_err(|error| std::error::Error::source(&error).unwrap().to_string())
    };
    assert!(with("version", "1.2.3".into()).is_ok());
    assert!(with("version", "latest".into()).unwrap_err().contains("expected a version such as \"0.1.0\""));
    assert!(with("privileged", true.into()).unwrap_err().contains("unknown field `privileged`"));
}

#[test]
fn a_chain_of_5000_imports_is_read_on_a_small_stack() {
    let name = |number: usize| format!("{number}.proto");
    let file = |number: usize| FileDescriptorProto {
        name: Some(name(number)),
        dependency: (number > 0).then(|| name(number - 1)).into_iter().collect(),
        ..Default::default()
    };
    let mut set = FileDescriptorSet { file: (0..5000).map(file).collect() };
    set.file.extend(FileDescriptorSet::decode(&*descriptors(&["Greeter"])).unwrap().file);
    // In the order of a hostile package.
    set.file.reverse();
    let reading = move || drop(Package::write(&component(), &set.encode_to_vec(), &manifest()).map(Package::read));
    std::thread::Builder::new().stack_size(256 << 10).spawn(reading).unwrap().join().unwrap();
}

#[test]
fn a_file_of_another_syntax_is_refused() {
    let mut set = FileDescriptorSet::decode(&*descriptors(&["Greeter"])).unwrap();
    set.file[0].syntax = Some("proto4".to_owned());
    let error = Package::write(&component(), &set.encode_to_vec(), &manifest()).unwrap_err();
    assert!(matches!(error, PackageError::UnknownSyntax { .. }), "{error}");
}

#[test]
fn a_file_of_google_protobuf_that_is_not_its_own_is_refused() {
    let mut set = FileDescriptorSet::decode(&*descriptors(&["Greeter"])).unwrap();
    let file = |name: &str| FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some("google.protobuf".to_owned()),
        message_type: vec![prost_types::DescriptorProto { name: Some("LoopValue".to_owned()), ..Default::default() }],
        ..Default::default()
    };
    set.file.push(file("loop.proto"));
    let error = Package::write(&component(), &set.encode_to_vec(), &manifest()).unwrap_err();
    let expected = "the descriptors have a file `loop.proto` that differs from protobuf's own, where protobuf has no file of \
                    this name";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_service_without_descriptor_is_not_packaged() {
    let error = Package::write(&component(), &descriptors(&["Other"]), &manifest()).unwrap_err();
    assert!(matches!(error, PackageError::UnknownService { .. }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = package();
    for length in 0..whole.len() {
        match Package::read(whole[..length].to_vec()).unwrap_err() {
            PackageError::NotWasm => assert_eq!(length, 0),
            PackageError::Truncated { length: told, .. } => assert_eq!(told, length as u64),
            // Cut between two sections: nothing tells but that one is missing.
            PackageError::NotPackaged { .. } => assert!(split_sections(&whole[..length]).is_ok()),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = Package::read(bytes);
    }

    #[test]
    fn any_damage_is_read_or_refused(at in any::<prop::sample::Index>(), damage in prop::collection::vec(any::<u8>(), 1..8)) {
        let mut bytes = package();
        let at = at.index(bytes.len());
        for (byte, wrong) in bytes[at..].iter_mut().zip(damage) {
            *byte = wrong;
        }
        let _ = Package::read(bytes);
    }
}
