//! JSON and messages in both directions, and what is refused on the way.
#![allow(clippy::unwrap_used, clippy::panic)]

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};

use crate::gateway::fake::compile;
use crate::json::{UnknownNames, camel_case, read_field, read_message, write_any, write_field, write_message};

const ALL: &str = r#"
syntax = "proto3";
package all.v1;

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message All {
  int32 int32 = 1;
  int64 int64 = 2;
  uint32 uint32 = 3;
  uint64 uint64 = 4;
  sint32 sint32 = 5;
  sint64 sint64 = 6;
  fixed32 fixed32 = 7;
  fixed64 fixed64 = 8;
  sfixed32 sfixed32 = 9;
  sfixed64 sfixed64 = 10;
  float float = 11;
  double double = 12;
  bool bool = 13;
  string string = 14;
  bytes bytes = 15;
  Colour colour = 16;
  optional int32 maybe = 17;
  repeated int32 numbers = 18;
  repeated int32 loose = 19 [packed = false];
  repeated string texts = 20;
  repeated Colour colours = 21;
  map<string, int64> by_name = 22;
  map<bool, All> by_flag = 23;
  map<int32, Colour> by_number = 24;
  oneof one {
    string letter = 25;
    All inner = 26;
    google.protobuf.NullValue nothing = 27;
  }
  All within = 28;
  google.protobuf.Any any = 29;
  google.protobuf.Timestamp at = 30;
  google.protobuf.Duration span = 31;
  google.protobuf.FieldMask mask = 32;
  google.protobuf.Struct object = 33;
  google.protobuf.Value value = 34;
  google.protobuf.ListValue list = 35;
  google.protobuf.Empty empty = 36;
  google.protobuf.DoubleValue double_value = 37;
  google.protobuf.StringValue string_value = 38;
  google.protobuf.Int64Value int64_value = 39;
  repeated google.protobuf.Value values = 40;
  repeated All all = 41;
}

enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
}
"#;

const OLD: &str = r#"
syntax = "proto2";
package old.v1;

message Old {
  optional int32 number = 1;
  optional group Part = 2 {
    optional string text = 1;
  }
  repeated group Parts = 3 {
    optional Old inner = 1;
  }
  repeated int32 loose = 4;
  extensions 100 to 200;
}

extend Old {
  optional int32 more = 100;
  repeated Old olds = 101;
}
"#;

fn all() -> MessageDescriptor {
    compile(&[("all.proto", ALL)]).get_message_by_name("all.v1.All").unwrap()
}

fn old() -> MessageDescriptor {
    compile(&[("old.proto", OLD)]).get_message_by_name("old.v1.Old").unwrap()
}

fn read(message: &MessageDescriptor, json: &str) -> Result<Vec<u8>, String> {
    read_message(message, json.as_bytes(), UnknownNames::IgnoreFields).map_err(|error| error.to_string())
}

/// Reads JSON and writes it again. In between prost-reflect must find the message valid and find the same fields in it.
fn round_trip(message: &MessageDescriptor, json: &str) -> Value {
    let encoded = read(message, json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let decoded = DynamicMessage::decode(message.clone(), encoded.as_slice()).unwrap();
    let written = write_message(message, &encoded).unwrap_or_else(|error| panic!("{json}: {error}"));
    let again = write_message(message, &decoded.encode_to_vec()).unwrap();
    let (written, again) =
        (serde_json::from_slice::<Value>(&written).unwrap(), serde_json::from_slice::<Value>(&again).unwrap());
    assert_eq!(written, again, "{json}");
    written
}

#[test]
fn values_of_every_type_come_back_as_they_are() {
    let message = all();
    for json in [
        json!({}),
        json!({ "int32": i32::MIN, "int64": i64::MIN.to_string(), "uint32": u32::MAX, "uint64": u64::MAX.to_string() }),
        json!({ "sint32": i32::MIN, "sint64": i64::MIN.to_string(), "sfixed32": i32::MIN, "sfixed64": i64::MIN.to_string() }),
        json!({ "sint32": i32::MAX, "sint64": i64::MAX.to_string(), "fixed32": u32::MAX, "fixed64": u64::MAX.to_string() }),
        json!({ "float": 1.5, "double": f64::MAX, "bool": true, "string": "\u{0}é\"\\/\n\u{1f600}", "bytes": "AAH/" }),
        json!({ "float": "NaN", "double": "-Infinity", "doubleValue": "Infinity" }),
        json!({ "colour": "COLOUR_RED", "colours": ["COLOUR_UNSPECIFIED", "COLOUR_RED", 7], "maybe": 0 }),
        json!({ "numbers": [1, -2, 3], "loose": [4, 5], "texts": ["", "x"], "all": [{}, { "all": [{}] }] }),
        json!({ "byName": { "a": "1", "": "0" }, "byFlag": { "true": {}, "false": { "bool": true } }, "byNumber": { "-1": "COLOUR_RED" } }),
        json!({ "inner": { "inner": { "within": {} } } }),
        json!({ "letter": "" }),
        json!({ "nothing": null }),
        json!({ "at": "0001-01-01T00:00:00Z", "span": "-315576000000.999999999s" }),
        json!({ "at": "9999-12-31T23:59:59.999999999Z", "span": "0s", "mask": "a.bC,d" }),
        json!({ "at": "2000-02-29T23:59:59.100Z", "span": "-0.000001s", "mask": "" }),
        json!({ "object": { "a": { "b": [null, true, 1.5, "x", {}, []] } }, "value": null, "list": [[], null], "empty": {} }),
        json!({ "doubleValue": 0.0, "stringValue": "", "int64Value": "0", "values": [null, 1.0, "x"] }),
        json!({ "any": {} }),
        json!({ "any": { "@type": "type.googleapis.com/all.v1.All", "int32": 1, "any": { "@type": "x/all.v1.All" } } }),
        json!({ "any": { "@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s" } }),
        json!({ "any": { "@type": "type.googleapis.com/google.protobuf.Any", "value": { "@type": "x/google.protobuf.Value", "value": null } } }),
    ] {
        assert_eq!(round_trip(&message, &json.to_string()), json);
    }
}

#[test]
fn other_forms_of_a_value_are_read() {
    let message = all();
    for (json, wanted) in [
        (
            r#"{"int32":"1e5","int64":1.5e1,"uint64":"18446744073709551615"}"#,
            json!({ "int32": 100_000, "int64": "15", "uint64": u64::MAX.to_string() }),
        ),
        (
            r#"{"int32":-0,"sint32":1.0,"uint32":"0e99999999999999999999","loose":[10e-1,"-0.0e5"]}"#,
            json!({ "sint32": 1, "loose": [1, 0] }),
        ),
        (r#"{"double":"1e-999","float":"-1e-45"}"#, json!({ "float": -1e-45 })),
        (
            r#"{"bytes":"-_8","by_name":{"a":1},"byNumber":{"1":0}}"#,
            json!({ "bytes": "+/8=", "byName": { "a": "1" }, "byNumber": { "1": "COLOUR_UNSPECIFIED" } }),
        ),
        (
            r#"{"at":"1970-01-01T01:30:00+01:30","span":"1.5s"}"#,
            json!({ "at": "1970-01-01T00:00:00Z", "span": "1.500s" }),
        ),
        (r#"{"letter":null,"inner":{},"numbers":null,"byName":null}"#, json!({ "inner": {} })),
        (r#"{"unknown":[{"a":1}],"numbers":[]}"#, json!({})),
        ("{\"string\":\"\\u00e9\\ud83d\\ude00\\/\\b\"}", json!({ "string": "é😀/\u{8}" })),
        (
            r#" {"any":{"value":"1s","x":1,"@type":"a/google.protobuf.Duration"}} "#,
            json!({ "any": { "@type": "a/google.protobuf.Duration", "value": "1s" } }),
        ),
    ] {
        assert_eq!(round_trip(&message, json), wanted, "{json}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_path_of_the_field() {
    let message = all();
    for (json, wanted) in [
        ("", "not JSON: expected a value at line 1 column 1"),
        ("{\"int32\":\n01}", "not JSON: expected a value at line 2 column 1"),
        ("[]", "expected an object of `all.v1.All`, not an array"),
        (r#"{"string":"\ud800"}"#, "not JSON: expected an escape"),
        (r#"{"string":"\udc00\ud800"}"#, "not JSON: expected an escape"),
        ("{\"string\":\"\n\"}", "not JSON: expected the end of a string"),
        (r#"{"int32":1} x"#, "not JSON: expected the end at line 1 column 13"),
        (r#"{"int32":1,}"#, "not JSON: expected a name in quotes"),
        (
            r#"{"within":{"all":[{},{"int32":1.5}]}}"#,
            "`within.all[1].int32`: expected a signed integer of 32 bits, not 1.5",
        ),
        (r#"{"byFlag":{"true":{"double":1.8e308}}}"#, "`byFlag[\"true\"].double`: expected a number of 64 bits"),
        (r#"{"float":3.5e38}"#, "`float`: expected a number of 32 bits"),
        (r#"{"double":"\u0031e999","float":"NaN"}"#, "`double`: expected a number of 64 bits"),
        (r#"{"double":"nan"}"#, "`double`: "),
        (r#"{"double":"+1"}"#, "`double`: "),
        (r#"{"double":" 1"}"#, "`double`: "),
        (r#"{"doubleValue":"inf"}"#, "`doubleValue`: "),
        (r#"{"int32":"1.5"}"#, "`int32`: "),
        (r#"{"int32":2147483648}"#, "`int32`: "),
        (r#"{"uint64":"-1"}"#, "`uint64`: "),
        (r#"{"uint64":18446744073709551616}"#, "`uint64`: "),
        (r#"{"int64":1e99999999999999999999}"#, "`int64`: "),
        (r#"{"bool":"true"}"#, "`bool`: expected true or false, not \"true\""),
        (r#"{"string":1}"#, "`string`: expected a string, not 1"),
        (r#"{"bytes":"*"}"#, "`bytes`: expected bytes in base64"),
        (
            r#"{"colour":"COLOUR_GREEN"}"#,
            "`colour`: expected a name or number of `all.v1.Colour`, not \"COLOUR_GREEN\"",
        ),
        (r#"{"colour":"1"}"#, "`colour`: "),
        (r#"{"colour":null,"colours":[null]}"#, "`colours[0]`: expected a value, not null"),
        (r#"{"int32":1,"int32":2}"#, "`int32`: it is there twice"),
        (r#"{"by_name":{},"byName":{}}"#, "`byName`: it is there twice"),
        (r#"{"byName":{"a":1,"\u0061":2}}"#, "`byName[\"a\"]`: it is there twice"),
        (r#"{"byNumber":{"1":1,"1.0":2}}"#, "`byNumber[\"1.0\"]`: it is there twice"),
        (r#"{"byNumber":{"x":1}}"#, "`byNumber[\"x\"]`: expected a signed integer of 32 bits as a key"),
        (r#"{"byName":{"a":null}}"#, "`byName[\"a\"]`: expected a value, not null"),
        (r#"{"object":{"a":1,"a":2}}"#, "`object[\"a\"]`: it is there twice"),
        (r#"{"letter":"a","inner":{}}"#, "`inner`: another field of its oneof is set, too"),
        (r#"{"value":1e999}"#, "`value`: expected a number of 64 bits"),
        (r#"{"at":"0000-12-31T23:59:59Z"}"#, "`at`: expected a time"),
        (r#"{"at":"2001-02-29T00:00:00Z"}"#, "`at`: expected a time"),
        (r#"{"at":"9999-12-31T23:59:59-00:01"}"#, "`at`: expected a time"),
        (r#"{"at":"2001-02-03t00:00:00z"}"#, "`at`: expected a time"),
        (r#"{"at":"2001-02-03T00:00:00"}"#, "`at`: expected a time"),
        (r#"{"span":"1"}"#, "`span`: expected a duration"),
        (r#"{"span":"315576000001s"}"#, "`span`: expected a duration"),
        (r#"{"mask":"a_b"}"#, "`mask`: the path \"a_b\" of a FieldMask is not in camel case"),
        (r#"{"any":{"int32":1}}"#, "`any`: an Any has its type as \"@type\""),
        (r#"{"any":{"@type":"","value":""}}"#, "`any.@type`: expected a type"),
        (r#"{"any":{"@type":"x/No.Such"}}"#, "`any`: the message \"No.Such\" of an Any is not among"),
        (r#"{"any":{"@type":"x/google.protobuf.Duration","value":"x"}}"#, "`any.value`: expected a duration"),
        (
            r#"{"any":{"@type":"x/google.protobuf.Duration"}}"#,
            "`any`: an Any of `google.protobuf.Duration` has its content",
        ),
    ] {
        let error = read(&message, json).unwrap_err();
        assert!(error.starts_with(wanted), "{json}: {error}");
    }
}

#[test]
fn names_that_a_message_lacks_are_ignored_or_refused_as_it_is_asked_for() {
    let message = all();
    let fields = br#"{"x":{"y":1},"any":{"@type":"x/all.v1.All","z":2},"int32":1}"#;
    let names =
        br#"{"colour":"BLUE","colours":["BLUE","COLOUR_RED"],"byNumber":{"1":"BLUE","2":"COLOUR_RED"},"int32":1}"#;
    for (json, unknown, is_read) in [
        (&fields[..], UnknownNames::IgnoreFields, true),
        (fields, UnknownNames::Ignore, true),
        (fields, UnknownNames::Refuse, false),
        (names, UnknownNames::IgnoreFields, false),
        (names, UnknownNames::Ignore, true),
        (names, UnknownNames::Refuse, false),
    ] {
        assert_eq!(read_message(&message, json, unknown).is_ok(), is_read, "{unknown:?}");
    }
    let read = read_message(&message, names, UnknownNames::Ignore).unwrap();
    let written: Value = serde_json::from_slice(&write_message(&message, &read).unwrap()).unwrap();
    assert_eq!(written, json!({ "colours": ["COLOUR_RED"], "byNumber": { "2": "COLOUR_RED" }, "int32": 1 }));
}

#[test]
fn groups_and_extensions_are_read_and_written() {
    let json = json!({
        "number": 0, "part": { "text": "" }, "parts": [{}, { "inner": { "number": 1 } }], "loose": [1, 2],
        "[old.v1.more]": 5, "[old.v1.olds]": [{ "part": {} }],
    });
    assert_eq!(round_trip(&old(), &json.to_string()), json);
}

#[test]
fn a_message_in_parts_on_the_wire_is_one() {
    let message = all();
    let join = |parts: &[&str]| parts.iter().flat_map(|json| read(&message, json).unwrap()).collect::<Vec<_>>();
    for (parts, wanted) in [
        (
            &[r#"{"within":{"int32":1,"bool":true}}"#, r#"{"within":{"int32":2}}"#][..],
            json!({ "within": { "int32": 2, "bool": true } }),
        ),
        (&[r#"{"inner":{"int32":1}}"#, r#"{"inner":{"bool":true}}"#], json!({ "inner": { "int32": 1, "bool": true } })),
        (&[r#"{"inner":{"int32":1}}"#, r#"{"letter":"x"}"#], json!({ "letter": "x" })),
        (
            &[r#"{"inner":{"int32":1}}"#, r#"{"letter":"x"}"#, r#"{"inner":{"bool":true}}"#],
            json!({ "inner": { "bool": true } }),
        ),
        (&[r#"{"byName":{"a":1,"b":2}}"#, r#"{"byName":{"a":3}}"#], json!({ "byName": { "a": "3", "b": "2" } })),
        (&[r#"{"numbers":[1]}"#, r#"{"numbers":[2,3]}"#], json!({ "numbers": [1, 2, 3] })),
        (&[r#"{"value":{"a":1}}"#, r#"{"value":{"b":2}}"#], json!({ "value": { "a": 1.0, "b": 2.0 } })),
    ] {
        let written = write_message(&message, &join(parts)).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), wanted, "{parts:?}");
    }
}

#[test]
fn what_json_cannot_say_is_not_written() {
    let message = all();
    let wire = |number: u32, content: &[u8]| {
        let mut wire = Vec::new();
        prost::encoding::bytes::encode(number, &content.to_vec(), &mut wire);
        wire
    };
    for (encoded, wanted) in [
        (
            wire(30, &prost_types::Timestamp { seconds: 253_402_300_800, nanos: 0 }.encode_to_vec()),
            "`at`: a Timestamp of",
        ),
        (
            wire(30, &prost_types::Timestamp { seconds: -62_135_596_801, nanos: 0 }.encode_to_vec()),
            "`at`: a Timestamp of",
        ),
        (wire(30, &prost_types::Timestamp { seconds: 0, nanos: -1 }.encode_to_vec()), "`at`: a Timestamp has"),
        (wire(31, &prost_types::Duration { seconds: 315_576_000_001, nanos: 0 }.encode_to_vec()), "`span`: a Duration"),
        (
            wire(31, &prost_types::Duration { seconds: 1, nanos: -1 }.encode_to_vec()),
            "`span`: a Duration of 1 s and -1 ns",
        ),
        (wire(31, &prost_types::Duration { seconds: 0, nanos: 1_000_000_000 }.encode_to_vec()), "`span`: a Duration"),
        (wire(32, &wire(1, b"aB")), "`mask`: the path \"aB\""),
        (wire(34, &[&[0x11][..], &f64::NAN.to_le_bytes()].concat()), "`value`: a Value cannot be the number NaN"),
        (wire(29, &wire(1, b"no-slash")), "`any`: the type URL \"no-slash\" of an Any has no `/`"),
        (wire(14, b"\xff"), "`string`: the string is not UTF-8"),
        (vec![0x0a, 5, 1], "the encoded message breaks off"),
        (vec![0x0c], "the encoded message has an end of a group"),
    ] {
        let error = write_message(&message, &encoded).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
    // A field of another wire type is an unknown one.
    assert_eq!(write_message(&message, &[0x0a, 1, 1, 0x70, 1]).unwrap(), b"{}");
}

#[test]
fn one_field_is_read_and_written_by_itself() {
    let message = all();
    let field = |name: &str| message.get_field_by_name(name).unwrap();
    let read = |fields: &[_], json: &str| read_field(fields, json.as_bytes(), UnknownNames::IgnoreFields);
    assert_eq!(read(&[field("int32")], "0").unwrap(), [8, 0]);
    let nested = read(&[field("within"), field("within"), field("texts")], r#"["x"]"#).unwrap();
    let written = write_message(&message, &nested).unwrap();
    assert_eq!(written, br#"{"within":{"within":{"texts":["x"]}}}"#);
    assert_eq!(read(&[field("within")], "null").unwrap(), b"");
    let error = read(&[field("within"), field("int32")], "true").unwrap_err().to_string();
    assert!(error.starts_with("`int32`: expected"), "{error}");
    for (name, json) in [
        ("int32", "0"),
        ("string", "\"\""),
        ("colour", "\"COLOUR_UNSPECIFIED\""),
        ("maybe", "null"),
        ("within", "{}"),
        ("at", "null"),
        ("numbers", "[]"),
        ("by_name", "{}"),
        ("double", "0.0"),
    ] {
        assert_eq!(String::from_utf8(write_field(&field(name), &[]).unwrap()).unwrap(), json, "{name}");
    }
    assert_eq!(write_field(&field("within"), &nested).unwrap(), br#"{"within":{"texts":["x"]}}"#);
    let any = write_any("x/all.v1.All", &message, &[8, 1]).unwrap();
    assert_eq!(any, br#"{"@type":"x/all.v1.All","int32":1}"#);
}

#[test]
fn the_depth_of_what_is_read_and_written_is_bounded() {
    let run = || {
        let message = all();
        let nested = |levels: usize| format!("{}{{}}{}", "{\"within\":".repeat(levels - 1), "}".repeat(levels - 1));
        let encoded = read(&message, &nested(100)).unwrap();
        assert_eq!(write_message(&message, &encoded).unwrap(), nested(100).as_bytes());
        for levels in [101, 1 << 20] {
            assert_eq!(read(&message, &nested(levels)).unwrap_err(), "the JSON is nested more than 100 levels deep");
        }
        let mut deep = Vec::new();
        for _ in 0..200 {
            let inner = std::mem::take(&mut deep);
            prost::encoding::bytes::encode(28, &inner, &mut deep);
        }
        let error = write_message(&message, &deep).unwrap_err().to_string();
        assert!(error.ends_with("it is nested more than 100 levels deep") && error.len() <= 1024, "{error}");
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[test]
fn an_error_has_at_most_a_kibibyte() {
    let message = all();
    let long = "é".repeat(1 << 16);
    for json in [
        format!("{{\"int32\":\"{long}\"}}"),
        format!("{{\"byFlag\":{{\"{long}\":1}}}}"),
        format!("{{\"any\":{{\"@type\":\"x/{long}\"}}}}"),
        format!("{}{{\"object\":{{\"{long}\":1e999}}}}{}", "{\"byFlag\":{\"true\":".repeat(40), "}}".repeat(40)),
    ] {
        let error = read(&message, &json).unwrap_err();
        assert!(error.len() <= 1024, "{} bytes: {error}", error.len());
    }
}

#[test]
fn paths_of_field_masks_are_written_if_they_can_be_read_back() {
    assert_eq!(camel_case("a.b_c").unwrap(), "a.bC");
    for path in ["aB", "a__b", "a_1", "a_", "_"] {
        assert!(camel_case(path).is_err(), "{path}");
    }
}
