//! Services that are served beside the one that is measured, and are not called.

use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};

/// Returns the full names of so many services, and their encoded descriptors.
pub(crate) fn describe(services: usize) -> (Vec<String>, Vec<u8>) {
    const PACKAGE: &str = "bench.crowd.v1";
    let method = MethodDescriptorProto {
        name: Some("Do".to_owned()),
        input_type: Some(format!(".{PACKAGE}.Nothing")),
        output_type: Some(format!(".{PACKAGE}.Nothing")),
        ..MethodDescriptorProto::default()
    };
    let names: Vec<_> = (0..services).map(|number| format!("Service{number}")).collect();
    let service = |name: &String| ServiceDescriptorProto {
        name: Some(name.clone()),
        method: vec![method.clone()],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("bench/crowd/v1/crowd.proto".to_owned()),
        package: Some(PACKAGE.to_owned()),
        message_type: vec![DescriptorProto { name: Some("Nothing".to_owned()), ..DescriptorProto::default() }],
        service: names.iter().map(service).collect(),
        syntax: Some("proto3".to_owned()),
        ..FileDescriptorProto::default()
    };
    let descriptors = FileDescriptorSet { file: vec![file] }.encode_to_vec();
    (names.into_iter().map(|name| format!("{PACKAGE}.{name}")).collect(), descriptors)
}
