//! Types that are asked for by name, beside what methods lead to.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{component, everything, parse, schema, source, text};
use okra_codegen::mapping::SchemaError;
use okra_codegen::schema::Schema;

const EVENTS: &str = r#"
syntax = "proto3";
package acme.v1;
import "google/protobuf/any.proto";
import "google/rpc/error_details.proto";

service Feed { rpc Send(Letter) returns (Letter); }
message Letter { google.protobuf.Any content = 1; }
message Event { repeated Event causes = 1; Level level = 2; message Inner { google.rpc.RetryInfo retry = 1; } }
enum Level { LOW = 0; }
enum Other { NONE = 0; }
message Unused {}
"#;

fn names(schema: &Schema, in_wit: bool) -> Vec<&str> {
    let messages = schema.messages.iter().filter(|found| found.in_wit == in_wit).map(|found| found.full_name.as_str());
    let enums = schema.enums.iter().filter(|found| found.in_wit == in_wit).map(|found| found.full_name.as_str());
    messages.chain(enums).collect()
}

#[test]
fn types_and_what_they_hold_are_mapped_and_wit_stays_as_it_is() {
    let compiled = source(EVENTS).unwrap();
    let without = schema(&compiled);
    let map = |types: &[&str]| Schema::with_types(&compiled.pool, &["acme.v1.Feed"], types).unwrap();
    for (types, expected) in [
        (&["acme.v1.Event"][..], &["acme.v1.Event", "acme.v1.Level"][..]),
        (&["acme.v1.Other", "acme.v1.Letter"], &["acme.v1.Other"]),
        (&["acme.v1.Event.Inner"], &["google.protobuf.Duration", "google.rpc.RetryInfo", "acme.v1.Event.Inner"]),
    ] {
        let schema = map(types);
        assert_eq!(names(&schema, false), expected);
        assert_eq!(names(&schema, true), names(&without, true));
        assert_eq!(text(&everything(&schema)), text(&everything(&without)));
    }
    let schema = map(&["acme.v1.*", "google.rpc.*"]);
    for name in ["acme.v1.Unused", "acme.v1.Event.Inner", "google.rpc.BadRequest.FieldViolation"] {
        assert!(names(&schema, false).contains(&name), "{name}");
    }
    let (resolve, world) = parse(&everything(&schema));
    component(&resolve, world).unwrap();
}

#[test]
fn a_type_that_is_not_there_is_told() {
    let compiled = source(EVENTS).unwrap();
    for pattern in ["acme.v1.Evnt", "acme.*", "acme.v1", "google.rpc.*.x", ""] {
        let error = Schema::with_types(&compiled.pool, &["acme.v1.Feed"], &[pattern]).unwrap_err();
        assert!(matches!(error, SchemaError::UnknownType { .. }), "{pattern}: {error}");
    }
}
