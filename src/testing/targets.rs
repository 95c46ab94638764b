//! The fuzz targets of everything that decodes data from outside, but for the link, which has its own: see `tests/fuzz`. The
//! files of their corpus are run as tests, too.
//!
//! Each target takes any bytes, and panics when a decoder does what it must not. Under the fuzzer all of them run on a stack of 256 KiB.

use std::sync::LazyLock;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use okra_codegen::schema::Schema;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde::de::IgnoredAny;

use crate::call::{Codec, Metadata};
use crate::config::{Project, ServerConfig};
use crate::gateway::call::envelope::{PREFIX, take_envelope};
use crate::gateway::call::request_reader::MessageDecoder as _;
use crate::gateway::protocol::rest::binding::RequestBinding;
use crate::grpc::parse_timeout;
use crate::instance::code_file::check_code;
use crate::json::{UnknownNames, read_message, write_message};
use crate::package::Package;
use crate::routes::RestRoutes;
use crate::routes::rule::BodyMapping;
use crate::routes::template::UrlTemplate;

/// A target and its name, which is that of its corpus.
pub(crate) type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [FuzzTarget; 9] = [
    ("json", json),
    ("json-write", json_write),
    ("envelope", envelope),
    ("rest", rest),
    ("metadata", metadata),
    ("descriptors", descriptors),
    ("package", package),
    ("manifest", manifest),
    ("code-file", code_file),
];

/// The stack of a target under the fuzzer, which is smaller than that of any thread of the server.
pub(crate) const STACK_BYTES: usize = 256 << 10;

/// Runs a target on a stack of so many bytes.
///
/// # Panics
/// When the target does.
pub(crate) fn run_on_small_stack(target: fn(&[u8]), input: &[u8], stack_bytes: usize) {
    // What all inputs share is not made on it.
    LazyLock::force(&MESSAGE);
    std::thread::scope(|scope| {
        let running = std::thread::Builder::new().stack_size(stack_bytes).spawn_scoped(scope, || target(input));
        running.expect("a thread").join().expect("the target has not failed");
    });
}

const PROTO: &str = r#"
syntax = "proto3";
package fuzz;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
message All {
  int32 a = 1;
  sint64 b = 2;
  fixed32 c = 3;
  double d = 4;
  float e = 5;
  bool f = 6;
  string name = 7;
  bytes g = 8;
  Kind kind = 9;
  All all = 10;
  repeated All list = 11;
  map<string, All> map = 12;
  map<uint64, Kind> kinds = 13;
  oneof one { string h = 14; All i = 15; google.protobuf.NullValue none = 16; }
  repeated int64 numbers = 17;
  google.protobuf.Any any = 18;
  google.protobuf.Duration duration = 19;
  google.protobuf.FieldMask mask = 20;
  google.protobuf.Struct struct = 21;
  google.protobuf.Value value = 22;
  google.protobuf.ListValue values = 23;
  google.protobuf.Timestamp time = 24;
  google.protobuf.StringValue text = 25;
  google.protobuf.UInt64Value number = 26;
  optional string maybe = 27;
}
enum Kind { UNKNOWN = 0; ONE = 1; }
"#;

static MESSAGE: LazyLock<MessageDescriptor> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("okra-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("fuzz.proto"), PROTO).expect("a file");
    let compiled = okra_codegen::compile::compile(std::slice::from_ref(&folder), &[]).expect("it compiles");
    let _ = std::fs::remove_dir_all(&folder);
    compiled.pool.get_message_by_name("fuzz.All").expect("the message is there")
});

/// JSON as a message: what is read is encoded protobuf that others read, and can be written again.
fn json(input: &[u8]) {
    let message = &*MESSAGE;
    for unknown in [UnknownNames::Refuse, UnknownNames::IgnoreFields] {
        let Ok(encoded) = read_message(message, input, unknown) else { continue };
        if let Err(error) = DynamicMessage::decode(message.clone(), &*encoded) {
            assert!(error.to_string().contains("recursion limit"), "{error}");
        }
        if let Ok(written) = write_message(message, &encoded) {
            is_json(&written);
        }
    }
}

/// Encoded protobuf as JSON: it is refused, or becomes JSON.
fn json_write(input: &[u8]) {
    if let Ok(written) = write_message(&MESSAGE, input) {
        is_json(&written);
    }
}

fn is_json(written: &[u8]) {
    let mut json = serde_json::Deserializer::from_slice(written);
    if let Err(error) = <IgnoredAny as serde::Deserialize>::deserialize(&mut json).and_then(|_| json.end()) {
        assert!(error.to_string().contains("recursion limit"), "{error}: {}", String::from_utf8_lossy(written));
    }
}

/// The messages of a request: no more comes out than went in, and nothing over the limit.
fn envelope(input: &[u8]) {
    const LIMIT: usize = 1000;
    let (mut buffer, mut bytes) = (BytesMut::new(), 0);
    for part in input.chunks(7) {
        buffer.extend_from_slice(part);
        loop {
            match take_envelope(&mut buffer, LIMIT) {
                Ok(Some((message, _))) => {
                    assert!(message.len() <= LIMIT, "no more than the limit");
                    bytes += message.len() + PREFIX;
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(buffer.capacity() <= 128 << 10, "an announcement takes no room");
    }
    assert!(bytes <= input.len(), "nothing comes from nowhere");
}

/// A template, a path, a query and a body, one a line.
fn rest(input: &[u8]) {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (template, path, query) = (text(), text(), text());
    let json = lines.next().unwrap_or_default();
    let Ok(template) = UrlTemplate::parse(&template, &MESSAGE) else { return };
    assert!(template.open_api().starts_with('/'), "a path begins with a slash");
    assert!(template.is_equivalent(&template), "it is itself");
    let Some(values) = template.values(&path) else { return };
    for body in [BodyMapping::All, BodyMapping::None] {
        for codec in [Codec::Json, Codec::Proto] {
            let binding = RequestBinding::new(MESSAGE.clone(), body.clone(), codec, values.clone(), &query);
            let Ok(binding) = binding else { continue };
            if let Ok(encoded) = binding.decode(json)
                && codec == Codec::Json
                && let Err(error) = DynamicMessage::decode(MESSAGE.clone(), encoded)
            {
                assert!(error.to_string().contains("recursion limit"), "{error}");
            }
        }
    }
}

/// Lines of `name: value` as headers.
fn metadata(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(1000) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        parse_timeout(value);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let read = Metadata::from_headers(&headers);
    // What goes on to another server arrives there as it was.
    assert_eq!(Metadata::from_headers(&read.to_headers()), read);
}

/// A component with nothing in it, and sections of a package.
fn with_sections(descriptors: &[u8], manifest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for (name, data) in [("okra:descriptors", descriptors), ("okra:manifest", manifest)] {
        let mut content = Vec::new();
        prost::encoding::encode_varint(name.len() as u64, &mut content);
        content.extend_from_slice(name.as_bytes());
        content.extend_from_slice(data);
        bytes.push(0);
        prost::encoding::encode_varint(content.len() as u64, &mut bytes);
        bytes.extend_from_slice(&content);
    }
    bytes
}

const MANIFEST: &[u8] = br#"{"format":1,"name":"a","version":"1.0.0","serves":["a.S"],"calls":[],"raw":[],"run":{},
    "language":"component","okra":"0.1.0"}"#;

/// Descriptors of a package that serves `a.S`.
fn descriptors(input: &[u8]) {
    package(&with_sections(input, MANIFEST));
}

/// A whole package: if it can be read, its services are mapped, and their paths are found.
fn package(input: &[u8]) {
    let Ok(package) = Package::read(input.to_vec()) else { return };
    let typed: Vec<_> = package.manifest().serves.iter().map(ToString::to_string).collect();
    if let Ok(schema) = Schema::new(package.pool(), &typed) {
        assert!(schema.services.len() >= typed.iter().collect::<std::collections::HashSet<_>>().len().min(1));
    }
    let mut routes = RestRoutes::default();
    for (rank, service) in package.pool().services().enumerate() {
        routes.set_service(&service, rank);
    }
    for route in routes.iter() {
        assert!(route.template.open_api().starts_with('/'), "a path begins with a slash");
    }
}

/// The manifest of a package, an `okra.toml`, and the file of a server.
fn manifest(input: &[u8]) {
    let set = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorSet");
    let empty = set.map(|set| DynamicMessage::new(set).encode_to_vec()).unwrap_or_default();
    package(&with_sections(&empty, input));
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = Project::parse(text, std::path::Path::new("okra.toml"));
        let _ = ServerConfig::parse(text, std::path::Path::new("server.toml"));
    }
}

/// A file of the compile cache: only one with its digest is loaded.
fn code_file(input: &[u8]) {
    use sha2::Digest as _;
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    std::io::Write::write_all(&mut file, input).expect("it is written");
    let is_whole = input.split_last_chunk::<32>().is_some_and(|(code, digest)| *sha2::Sha256::digest(code) == *digest);
    assert_eq!(check_code(file.path()).is_ok(), is_whole);
}
