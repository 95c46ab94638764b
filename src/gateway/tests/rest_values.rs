//! Values in queries and responses of REST, each by the mapping of protobuf to JSON.

use serde_json::json;

use crate::gateway::tests::connect::http1;
use crate::gateway::tests::rest::{JSON, serve_rules};
use crate::gateway::tests::*;

const VALUES: &str = r#"
syntax = "proto3";
package values.v1;

import "google/api/annotations.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

service Values {
  rpc Echo(Everything) returns (Everything) {
    option (google.api.http) = {
      get: "/v1/values"
      additional_bindings { post: "/v1/values" body: "*" }
      additional_bindings { get: "/v1/values/{colour}/{real}" }
    };
  }
}

message Everything {
  double real = 1;
  float short = 2;
  int32 whole = 3;
  int64 long = 4;
  uint32 natural = 5;
  uint64 long_natural = 6;
  sint32 signed = 7;
  bool flag = 8;
  string text = 9;
  bytes raw = 10;
  Colour colour = 11;
  repeated Colour colours = 12;
  optional string maybe = 13;
  oneof one {
    string letter = 14;
    int32 digit = 15;
  }
  google.protobuf.Timestamp at = 20;
  google.protobuf.Duration span = 21;
  google.protobuf.FieldMask mask = 22;
  google.protobuf.DoubleValue real_value = 23;
  google.protobuf.FloatValue short_value = 24;
  google.protobuf.Int32Value whole_value = 25;
  google.protobuf.Int64Value long_value = 26;
  google.protobuf.UInt32Value natural_value = 27;
  google.protobuf.UInt64Value long_natural_value = 28;
  google.protobuf.BoolValue flag_value = 29;
  google.protobuf.StringValue text_value = 30;
  google.protobuf.BytesValue raw_value = 31;
  repeated google.protobuf.UInt64Value numbers = 32;
  google.protobuf.Value any_value = 33;
  google.protobuf.Struct object = 34;
  google.protobuf.ListValue list = 35;
  google.protobuf.NullValue nothing = 36;
  google.protobuf.Empty empty = 37;
  Everything within = 40;
  repeated Everything all = 41;
}

enum Colour {
  COLOUR_UNSPECIFIED = 0;
  COLOUR_RED = 1;
}
"#;

async fn server() -> Server {
    let server = Server::start().await;
    serve_rules(&server, VALUES);
    server
}

#[tokio::test]
async fn a_query_sets_every_type_that_is_one_text() {
    let server = server().await;
    for (query, wanted) in [
        ("real=1.7976931348623157e308", json!({ "real": f64::MAX })),
        ("real=NaN", json!({ "real": "NaN" })),
        ("real=Infinity&short=-Infinity", json!({ "real": "Infinity", "short": "-Infinity" })),
        ("short=3.4028235e38", json!({ "short": 3.402_823_5e38 })),
        ("whole=2147483647&long=9223372036854775807", json!({ "whole": i32::MAX, "long": "9223372036854775807" })),
        (
            "natural=4294967295&longNatural=18446744073709551615",
            json!({ "natural": u32::MAX, "longNatural": u64::MAX.to_string() }),
        ),
        ("long_natural=3&signed=-4", json!({ "longNatural": "3", "signed": -4 })),
        ("flag=true&text=hello%20world&maybe=", json!({ "flag": true, "text": "hello world", "maybe": "" })),
        ("raw=YWJjMTIzIT8kKiYoKSctPUB%2B", json!({ "raw": "YWJjMTIzIT8kKiYoKSctPUB+" })),
        ("raw=YWJjMTIzIT8kKiYoKSctPUB-", json!({ "raw": "YWJjMTIzIT8kKiYoKSctPUB+" })),
        ("raw=YWJj_w", json!({ "raw": "YWJj/w==" })),
        (
            "colour=COLOUR_RED&colours=1&colours=COLOUR_RED",
            json!({ "colour": "COLOUR_RED", "colours": ["COLOUR_RED", "COLOUR_RED"] }),
        ),
        ("colour=0&letter=x", json!({ "letter": "x" })),
        ("at=2021-01-01T00:00:00Z&span=3.000000001s", json!({ "at": "2021-01-01T00:00:00Z", "span": "3.000000001s" })),
        ("mask=text,within.longNatural", json!({ "mask": "text,within.longNatural" })),
        ("mask=text,within.long_natural", json!({ "mask": "text,within.longNatural" })),
        ("mask=", json!({ "mask": "" })),
        ("real_value=NaN&short_value=-Infinity", json!({ "realValue": "NaN", "shortValue": "-Infinity" })),
        ("realValue=Infinity&shortValue=1.5", json!({ "realValue": "Infinity", "shortValue": 1.5 })),
        ("whole_value=-2&long_value=-1", json!({ "wholeValue": -2, "longValue": "-1" })),
        ("natural_value=4&long_natural_value=3", json!({ "naturalValue": 4, "longNaturalValue": "3" })),
        (
            "flag_value=false&text_value=str&raw_value=Ynl0ZXM=",
            json!({ "flagValue": false, "textValue": "str", "rawValue": "Ynl0ZXM=" }),
        ),
        ("numbers=1&numbers=2", json!({ "numbers": ["1", "2"] })),
        ("any_value=%7B%22a%22:%5B1.5,null%5D%7D", json!({ "anyValue": { "a": [1.5, null] } })),
        ("object=%7B%22a%22:true%7D&list=%5B%22x%22%5D", json!({ "object": { "a": true }, "list": ["x"] })),
        ("within.within.numbers=7", json!({ "within": { "within": { "numbers": ["7"] } } })),
    ] {
        let answer = http1(&server, &format!("GET /v1/values?{query}"), "", b"").await;
        assert_eq!((answer.status, answer.json()), (200, wanted), "{query}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_value_of_its_field_is_an_error_that_names_it() {
    let server = server().await;
    for (query, name) in [
        ("real=1.8e308", "`real` is \"1.8e308\"; "),
        ("real=inf", "`real` is \"inf\"; "),
        ("real=nan", "`real` is \"nan\"; "),
        ("real=-infinity", "`real` is "),
        ("real=", "`real` is "),
        ("short=1e39", "`short` is "),
        ("short=1.7976931348623157e308", "`short` is "),
        ("real_value=1.8e308", "`real_value` is "),
        ("short_value=1e39", "`short_value` is "),
        ("whole=9223372036854775807", "the request is no "),
        ("whole_value=9223372036854775807", "the request is no "),
        ("natural=-1", "the request is no "),
        ("colour=COLOUR_GREEN", "`colour` is \"COLOUR_GREEN\"; expected a name or number of `values.v1.Colour`"),
        ("colour=7", "`colour` is \"7\"; expected a name or number of `values.v1.Colour`"),
        ("colours=1&colours=green", "`colours` is \"green\"; "),
        ("flag=yes", "`flag` is \"yes\"; expected true or false"),
        ("raw=*", "the request is no "),
        ("at=null", "the request is no "),
        ("at=0000-01-01T00:00:00.00Z", "the request is no "),
        ("span=null", "the request is no "),
        ("mask=within.a_1", "`mask` is \"within.a_1\"; "),
        ("any_value=%7B", "`any_value` is "),
        ("letter=x&digit=1", "`digit` is set together with `letter`, which is of the same oneof"),
        ("digit=1&digit=2", "`digit` is in the query more than once"),
        ("text.nested=x", "in the query, `text.nested` looks for `nested` in what is no message"),
        ("colours.nested=x", "in the query, `colours.nested` looks for "),
        ("all.text=x", "in the query, `all.text` looks for `text` in what is no message"),
        ("all=x", "`all` is a message; set its fields"),
        ("empty=x", "`empty` is \"x\"; expected no text, or {}"),
    ] {
        let answer = http1(&server, &format!("GET /v1/values?{query}"), "", b"").await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(3)), "{query}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with(name), "{query}: {}", answer.json());
    }
    for path in ["/v1/values/COLOUR_GREEN/1", "/v1/values/COLOUR_RED/1e309"] {
        let answer = http1(&server, &format!("GET {path}"), "", b"").await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(3)), "{path}");
    }
}

#[tokio::test]
async fn a_message_in_a_body_comes_back_as_it_is() {
    let server = server().await;
    let whole = json!({
        "real": "NaN", "short": "-Infinity", "whole": -1, "long": "-5", "longNatural": "6", "flag": true, "text": "\u{1}é\"",
        "raw": "AAH/", "colour": 7, "colours": ["COLOUR_UNSPECIFIED", "COLOUR_RED"], "maybe": "", "letter": "",
        "at": "1970-01-01T00:00:01.500Z", "span": "-1.500s", "mask": "a.bC,d",
        "realValue": "NaN", "shortValue": "Infinity", "wholeValue": 0, "longValue": "0", "flagValue": false, "textValue": "",
        "anyValue": null, "object": { "a": { "b": [null, true, 1.5, "x", {}, []] } }, "list": [1.0, [2.0]], "empty": {},
        "within": {}, "all": [{}, { "text": "x" }],
    });
    for path in ["/v1/values", "/values.v1.Values/Echo"] {
        let answer = http1(&server, &format!("POST {path}"), JSON, whole.to_string().as_bytes()).await;
        assert_eq!((answer.status, answer.json()), (200, whole.clone()));
    }
    for body in [
        r#"{"real":1.8e308}"#,
        r#"{"short":1e39}"#,
        r#"{"realValue":1.8e308}"#,
        r#"{"real":"1.8e308"}"#,
        r#"{"short":"1e39"}"#,
        r#"{"real":"1\u0065999","text":"NaN"}"#,
        r#"{"real":"1e999","short":"Infinity"}"#,
        r#"{"real":"-inf"}"#,
        r#"{"realValue":"nan"}"#,
        r#"{"within":{"all":[{"real":"NaN"},{"shortValue":"+Infinity"}]}}"#,
    ] {
        for path in ["/v1/values", "/values.v1.Values/Echo"] {
            let answer = http1(&server, &format!("POST {path}"), JSON, body.as_bytes()).await;
            let code = if path == "/v1/values" { json!(3) } else { json!("invalid_argument") };
            assert_eq!((answer.status, &answer.json()["code"]), (400, &code), "{body}");
        }
    }
    for body in [json!({ "real": "NaN", "text": "Nan" }), json!({ "text": "1e999", "real": "Infinity" })] {
        assert_eq!(http1(&server, "POST /v1/values", JSON, body.to_string().as_bytes()).await.json(), body);
    }
}
