//! Tests of definitions as .proto text.

use super::*;

async fn defined(name: &str, files: &[(&str, &str)]) -> String {
    print_definition(&DynamicSchema::of_files(compile(files)).symbol(name).await.unwrap())
}

#[tokio::test]
async fn a_method_brings_its_messages() {
    let server = Server::start().await;
    let symbol = schema(&server).await.symbol("greeter.v1.Greeter/Echo").await.unwrap();
    let wanted = r#"// greeter/v1/greeter.proto
package greeter.v1;

// Answers with what came.
rpc Echo(greeter.v1.HelloRequest) returns (greeter.v1.HelloRequest) {
  option (greeter.v1.note) = "kept";
}

// greeter/v1/greeter.proto
package greeter.v1;

// Who is greeted.
message HelloRequest {
  // Whom to greet.
  string name = 1; // as they call themselves
  int32 times = 2;
  optional greeter.v1.Mood mood = 3;
  repeated greeter.v1.HelloRequest.Gift gifts = 4;
  map<string, int64> scores = 5;
  oneof way {
    string letter = 6;
    bytes wire = 7;
  }
  google.protobuf.Timestamp at = 8;
  reserved 9, 20 to 29;
  reserved "rank";
  // Something to bring.
  message Gift {
    string what = 1;
    double weight = 2 [deprecated = true];
  }
}
"#;
    assert_eq!(print_definition(&symbol), wanted);
}

#[tokio::test]
async fn a_service_and_an_enum_are_printed_with_comments() {
    let greeter = ("greeter/v1/greeter.proto", crate::gateway::fake::GREETER);
    let files = [greeter, ("greeter/v1/mood.proto", MOOD)];
    let service = defined("greeter.v1.Greeter", &files).await;
    assert!(service.contains("// Greets people.\nservice Greeter {\n"), "{service}");
    assert!(service.contains(
        "  // Talks both ways.\n  rpc Chat(stream greeter.v1.HelloRequest) returns (stream greeter.v1.HelloReply);\n}\n"
    ));
    let wanted = "// greeter/v1/mood.proto\npackage greeter.v1;\n\n// How one feels.\nenum Mood {\n  // Not said.\n  \
                  MOOD_UNSPECIFIED = 0;\n  MOOD_GOOD = 1;\n}\n";
    assert_eq!(defined("greeter.v1.Mood", &files).await, wanted);
}

#[tokio::test]
async fn what_proto2_has_more_is_printed_too() {
    let source = r#"
syntax = "proto2";
message Old {
  required string id = 1 [default = "a\"b"];
  optional int32 n = 2 [default = -5];
  repeated int32 packed = 3 [packed = true];
  optional group Point = 4 {
    required double x = 1;
  }
  repeated group Line = 5 {}
  extensions 100 to 199, 1000 to max;
  reserved 50;
  message Empty {}
  enum E { option allow_alias = true; A = 0; B = 0; reserved 5 to max; }
}
"#;
    let wanted = r#"// old.proto

message Old {
  required string id = 1 [default = "a\"b"];
  optional int32 n = 2 [default = -5];
  repeated int32 packed = 3 [packed = true];
  optional group Point = 4 {
    required double x = 1;
  }
  repeated group Line = 5 {}
  extensions 100 to 199;
  extensions 1000 to max;
  reserved 50;
  message Empty {}
  enum E {
    option allow_alias = true;
    A = 0;
    B = 0;
    reserved 5 to max;
  }
}
"#;
    assert_eq!(defined("Old", &[("old.proto", source)]).await, wanted);
}
