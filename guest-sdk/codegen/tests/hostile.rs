//! Descriptors that nobody writes, but somebody may send: each is refused with an error that names the place, or mapped to
//! what a component can hold.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{component, everything, parse, schema, source};
use okra_codegen::mapping::{
    MAX_HELD_DEPTH, MAX_HELD_TYPES, MAX_INTERFACES, MAX_MEMBERS, MAX_METHODS, MAX_NAME, MAX_TYPES, SchemaError,
};
use okra_codegen::schema::{Kind, Member, Schema};
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MessageOptions, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto,
};

/// Maps the service `S` of a file that is written here.
fn map(text: &str) -> Result<Schema, SchemaError> {
    let compiled = source(&format!("syntax = \"proto3\"; {text}")).unwrap();
    Schema::new(&compiled.pool, &["S"])
}

/// That the WIT of the schema is that of a component which validates.
fn assert_deployable(schema: &Schema) {
    let (resolve, world) = parse(&everything(schema));
    component(&resolve, world).unwrap();
}

/// Messages m0, m1, ... of which each holds the next one in fields such as `M a = 1;`, and a service of the first.
fn chain(levels: usize, fields: &[&str]) -> String {
    let level = |level: usize| {
        let next = format!("M{}", level + 1);
        let fields: Vec<_> =
            fields.iter().zip(1..).map(|(field, number)| format!("{field} f{number} = {number};")).collect();
        format!("message M{level} {{ {} }}", fields.join(" ").replace('M', &next))
    };
    let messages: String = (0..levels).map(level).collect();
    format!("{messages} message M{levels} {{ string end = 1; }} service S {{ rpc Get(M0) returns (M{levels}); }}")
}

#[test]
fn a_chain_of_twenty_thousand_messages_overflowed_the_stack() {
    let schema = map(&chain(20_000, &["M"])).unwrap();
    assert_eq!(schema.messages.len(), 20_001);
    for field in ["M", "repeated M", "map<string, M>", "oneof o { bool x = 2; M"] {
        let close = if field.starts_with("oneof") { "}" } else { "" };
        let text = chain(200, &[field]).replace("f1 = 1;", &format!("f1 = 1; {close}"));
        assert_deployable(&map(&text).unwrap());
    }
}

#[test]
fn a_message_that_is_too_deep_to_be_held_is_encoded_where_it_is_a_field() {
    // A record and an option at each level, and the string.
    let levels = MAX_HELD_DEPTH as usize / 2 - 1;
    assert_eq!(encoded(&map(&chain(levels + 1, &["M"])).unwrap()), Vec::<String>::new());
    assert_eq!(encoded(&map(&chain(levels + 2, &["M"])).unwrap()), ["M0.f1"]);
}

#[test]
fn a_message_that_is_too_large_to_be_held_is_encoded_where_it_is_a_field() {
    let strings = |count: u64| (1..=count).map(|number| format!("string f{number} = {number};")).collect::<String>();
    let of = |count: u64| {
        let fields = "M one = 1; repeated M many = 2; map<int32, M> by = 3; oneof o { M this = 4; bool that = 5; }";
        let messages = format!("message M {{ {} }} message R {{ {fields} }}", strings(count));
        map(&format!("{messages} service S {{ rpc Get(R) returns (M); rpc Scan(M) returns (stream M); }}")).unwrap()
    };
    // The record, and each field: a proto3 string is one type.
    let most = of(MAX_HELD_TYPES - 1);
    assert_eq!(encoded(&most), Vec::<String>::new());
    assert_deployable(&most);
    let more = of(MAX_HELD_TYPES);
    assert_eq!(encoded(&more), ["R.one", "R.many", "R.by", "R.this"]);
    assert_deployable(&more);
    // What a method takes, returns or streams is a record all the same.
    let methods = &more.services[0].methods;
    assert!(matches!(methods[0].output, Some(Kind::Message { .. })));
    assert!(matches!(more.streams[0].item, Kind::Message { .. }));
}

#[test]
fn what_is_encoded_does_not_depend_on_the_services_asked_for() {
    let strings: String = (1..=MAX_HELD_TYPES).map(|number| format!("string f{number} = {number};")).collect();
    let text = format!(
        "syntax = \"proto3\"; message M {{ {strings} N n = 500; }} message N {{ M m = 1; }} message R {{ M m = 1; N n = 2; }}
         service S {{ rpc Get(R) returns (R); }} service T {{ rpc Get(N) returns (N); }}"
    );
    let compiled = source(&text).unwrap();
    let of = |services: &[&str]| encoded(&Schema::new(&compiled.pool, services).unwrap());
    assert_eq!(of(&["S", "T"]), ["N.m", "R.m"]);
    assert_eq!(of(&["T"]), ["N.m"]);
}

#[test]
fn types_that_double_with_each_level_could_not_be_compared() {
    for fields in [["repeated M", "repeated M"], ["map<string, M>", "repeated M"], ["M", "M"]] {
        assert_deployable(&map(&chain(100, &fields)).unwrap());
    }
    let levels =
        (0..100).map(|level| format!("message M{level} {{ oneof o {{ M{0} a = 1; M{0} b = 2; }} }}", level + 1));
    let levels: String = levels.collect();
    assert_deployable(
        &map(&format!("{levels} message M100 {{ string a = 1; }} service S {{ rpc Get(M0) returns (M100); }}"))
            .unwrap(),
    );
}

/// A message of as many fields as it is told, of which each is as large as a field can be, and a service with methods that
/// take it.
fn wide(fields: usize, methods: usize) -> String {
    let strings: String = (1..MAX_HELD_TYPES).map(|number| format!("string f{number} = {number};")).collect();
    let fields: String = (1..=fields).map(|number| format!("repeated Held f{number} = {number};")).collect();
    let methods: String = (0..methods).map(|index| format!("rpc Get{index}(M) returns (Held);")).collect();
    format!("message Held {{ {strings} }} message M {{ {fields} }} service S {{ {methods} }}")
}

#[test]
fn as_many_types_as_are_allowed_are_a_component() {
    let (mut fits, mut fails) = (1, MAX_METHODS);
    while fails - fits > 1 {
        let middle = (fits + fails) / 2;
        match map(&wide(100, middle)) {
            Ok(_) => fits = middle,
            Err(_) => fails = middle,
        }
    }
    let Err(error) = map(&wide(100, fails)) else { panic!("{fails} methods fit") };
    assert!(matches!(error, SchemaError::TooManyTypes { limit: MAX_TYPES, .. }), "{error}");
    assert_deployable(&map(&wide(100, fits)).unwrap());
    let Err(error) = map(&wide(MAX_MEMBERS, 1)) else { panic!("all fields fit") };
    insta::assert_snapshot!(error, @"the types of the services come to 7550875 when each is counted wherever it occurs, and a component can have at most 900000; the request of method `Get0` of service `S` alone comes to 1510001");
}

#[test]
fn records_that_take_too_many_bytes_are_refused() {
    let text = wide(1000, 1).replace("repeated ", "");
    let Err(error) = map(&text) else { panic!("the record fits") };
    insta::assert_snapshot!(error, @"message `M` (the request of method `Get0` of service `S`) takes more than 1048576 bytes of memory before any of its lists");
    // Held by another message it is encoded, and takes no more than its bytes.
    let text = text.replace("rpc Get0(M)", "rpc Get(Order)");
    assert_deployable(&map(&format!("message Order {{ repeated M all = 1; }} {text}")).unwrap());
}

/// The fields that hold an encoded message.
fn encoded(schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    for message in &schema.messages {
        let fields = message.members.iter().flat_map(|member| match member {
            Member::Field(field) => std::slice::from_ref(field),
            Member::Oneof(oneof) => &oneof.cases,
        });
        let fields = fields.filter(|field| matches!(field.kind, Kind::Encoded { .. }));
        names.extend(fields.map(|field| format!("{}.{}", message.full_name, field.proto_name)));
    }
    names
}

#[test]
fn packages_that_use_each_other_in_a_circle_are_mapped_where_fields_close_it() {
    let file = |name: &str, package: &str, imports: &[&str], text: &str| {
        let imports: String = imports.iter().map(|import| format!("import \"{import}\";")).collect();
        let text = format!("syntax = \"proto3\"; package {package}; {imports} {text}");
        (name.to_owned(), text)
    };
    let compile = |files: Vec<(String, String)>| {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        okra_codegen::compile::compile(&[folder.path().to_owned()], &[]).unwrap().pool
    };
    let pool = compile(vec![
        file("a.proto", "a", &[], "message Id { string id = 1; }"),
        file("b.proto", "b", &["a.proto"], "message User { repeated a.Id ids = 1; }"),
        file("c.proto", "c", &["b.proto"], "message Team { map<string, b.User> users = 1; }"),
        file("s.proto", "a", &["c.proto"], "service S { rpc Get(c.Team) returns (c.Team); }"),
    ]);
    let schema = Schema::new(&pool, &["a.S"]).unwrap();
    assert_eq!(encoded(&schema), ["c.Team.users"]);
    assert_deployable(&schema);
    // The same whatever is asked for, and in both directions.
    let pool = compile(vec![
        file("a1.proto", "a", &[], "message Id { string id = 1; }"),
        file("b.proto", "b", &["a1.proto"], "message User { a.Id id = 1; }"),
        file("a2.proto", "a", &["a1.proto", "b.proto"], "message All { b.User user = 1; Id id = 2; }"),
        file("c.proto", "c", &["a2.proto", "b.proto"], "service S { rpc Get(b.User) returns (b.User); }"),
        file("d.proto", "d", &["a2.proto", "b.proto"], "service S { rpc Get(a.All) returns (b.User); }"),
    ]);
    let fields = |services: &[&str]| {
        let schema = Schema::new(&pool, services).unwrap();
        assert_deployable(&schema);
        encoded(&schema)
    };
    assert_eq!(fields(&["d.S"]).len(), 1);
    assert_eq!(fields(&["c.S", "d.S"]), fields(&["d.S"]));

    // Enums and what methods take cannot be encoded.
    let pool = compile(vec![
        file("a.proto", "a", &[], "enum Id { NONE = 0; }"),
        file("b.proto", "b", &["a.proto"], "message User { a.Id id = 1; }"),
        file("s.proto", "a", &["b.proto"], "service S { rpc Get(b.User) returns (b.User); }"),
    ]);
    let error = Schema::new(&pool, &["a.S"]).unwrap_err();
    insta::assert_snapshot!(error, @"the packages use each other in a circle, which WIT packages cannot: `a` uses `b` by method `Get` of service `a.S`, `b` uses `a` by field `id` of message `b.User`");
    let SchemaError::PackageCycle { circle } = error else { panic!() };
    assert_eq!(circle.len(), 2);

    // A cycle of messages is cut, and that may cut the circle of their packages.
    let pool = compile(vec![
        file("a.proto", "a", &[], "message A { string id = 1; } message Unused { string id = 1; }"),
        file("b.proto", "b", &["a.proto"], "message B { a.A a = 1; } service S { rpc Get(B) returns (a.A); }"),
        file("c.proto", "a", &["b.proto"], "message NotReached { b.B b = 1; }"),
    ]);
    assert_deployable(&Schema::new(&pool, &["b.S"]).unwrap());
}

#[test]
fn versions_that_tools_take_for_one_are_refused() {
    let file = |version: &str| FileDescriptorProto {
        name: Some(format!("{version}.proto")),
        package: Some(format!("shop.billing.{version}")),
        syntax: Some("proto3".to_owned()),
        message_type: vec![message("M", vec![scalar("a", 1)])],
        service: vec![service("S", &[("Get", &format!(".shop.billing.{version}.M"))])],
        ..Default::default()
    };
    let map = |versions: &[&str]| {
        let pool = pool(versions.iter().map(|version| file(version)).collect());
        let services: Vec<_> = versions.iter().map(|version| format!("shop.billing.{version}.S")).collect();
        Schema::new(&pool, &services)
    };
    let error = map(&["v1", "v1p1"]).unwrap_err();
    insta::assert_snapshot!(error, @"packages `shop.billing.v1` and `shop.billing.v1p1` both become the WIT package `shop:billing@1`");
    assert_deployable(&map(&["v1", "v1p1beta1", "v1alpha", "v2", "v0", "v0p1", "v0p2"]).unwrap());
}

#[test]
fn too_many_fields_are_refused() {
    let fields = |count: usize| -> String { (1..=count).map(|number| format!("bool f{number} = {number};")).collect() };
    let of = |text: &str| map(&format!("{text} service S {{ rpc Get(M) returns (M); }}"));
    assert_deployable(&of(&format!("message M {{ {} }}", fields(MAX_MEMBERS))).unwrap());
    let error = of(&format!("message M {{ {} }}", fields(MAX_MEMBERS + 1))).unwrap_err();
    insta::assert_snapshot!(error, @"message `M` has 10001 fields, and a component can have at most 10000");

    assert_deployable(&of(&format!("message M {{ oneof o {{ {} }} }}", fields(MAX_MEMBERS))).unwrap());
    let error = of(&format!("message M {{ oneof o {{ {} }} }}", fields(MAX_MEMBERS + 1))).unwrap_err();
    insta::assert_snapshot!(error, @"oneof `M.o` has 10001 cases, and a component can have at most 10000");

    let values = |count: usize| -> String { (0..count).map(|number| format!("V{number} = {number};")).collect() };
    let open = |count: usize| of(&format!("enum E {{ {} }} message M {{ E e = 1; }}", values(count)));
    assert_deployable(&open(MAX_MEMBERS - 1).unwrap());
    insta::assert_snapshot!(open(MAX_MEMBERS).unwrap_err(), @"enum `E` has 10001 cases, and a component can have at most 10000");
}

#[test]
fn too_many_methods_are_refused() {
    let methods =
        |count: usize| -> String { (0..count).map(|index| format!("rpc R{index}(M) returns (M);")).collect() };
    let of = |count| map(&format!("message M {{ bool a = 1; }} service S {{ {} }}", methods(count)));
    assert_deployable(&of(MAX_METHODS).unwrap());
    insta::assert_snapshot!(of(MAX_METHODS + 1).unwrap_err(), @"service `S` has 1001 methods, and a component can have at most 1000");
}

#[test]
fn too_many_services_and_packages_are_refused() {
    // Each package has all interfaces that it can have.
    let file = |index: usize| FileDescriptorProto {
        name: Some(format!("{index}.proto")),
        package: Some(format!("p{index}")),
        syntax: Some("proto3".to_owned()),
        message_type: vec![message("M", vec![field("again", 1, Type::Message, Some(&format!(".p{index}.M")))])],
        service: vec![service("S", &[("Get", &format!(".p{index}.M"))])],
        ..Default::default()
    };
    let map = |count: usize| {
        let services: Vec<_> = (0..count).map(|index| format!("p{index}.S")).collect();
        Schema::new(&pool((0..count).map(file).collect()), &services)
    };
    assert_deployable(&map(MAX_INTERFACES / 2).unwrap());
    insta::assert_snapshot!(map(MAX_INTERFACES / 2 + 1).unwrap_err(), @"the project has 202 services and packages, and a component can have at most 200");
    // As many services as there can be, in one package.
    let text: String =
        (0..MAX_INTERFACES - 1).map(|index| format!("service S{index} {{ rpc Get(M) returns (M); }}")).collect();
    assert_deployable(&schema(&source(&format!("syntax = \"proto3\"; message M {{ bool a = 1; }} {text}")).unwrap()));
}

#[test]
fn names_that_are_too_long_are_refused() {
    let of = |name: &str| map(&format!("message M {{ string {name} = 1; }} service S {{ rpc Get(M) returns (M); }}"));
    assert_deployable(&of(&"n".repeat(MAX_NAME)).unwrap());
    let error = of(&"n".repeat(MAX_NAME + 1)).unwrap_err();
    assert!(matches!(error, SchemaError::LongName { limit: MAX_NAME, .. }), "{error}");
    // Nothing but a suffix makes it too long.
    let long = "n".repeat(MAX_NAME - 5);
    let fields: Vec<_> =
        (1..=2).map(|number| scalar(&format!("{long}{}", "_".repeat(number)), number as i32)).collect();
    let file = |fields| FileDescriptorProto { syntax: None, ..file(vec![message("M", fields)]) };
    assert_deployable(&Schema::new(&pool(vec![file(fields)]), &["S"]).unwrap());
    let long = "n".repeat(MAX_NAME - 2);
    let fields = (1..=2).map(|number| scalar(&format!("{long}{}", "_".repeat(number)), number as i32));
    assert!(Schema::new(&pool(vec![file(fields.collect())]), &["S"]).is_ok());
    // Names of nested messages are joined.
    let name = "N".repeat(MAX_NAME / 2);
    let error = map(&format!(
        "message {name} {{ message {name} {{ bool a = 1; }} }} service S {{ rpc Get({name}) returns ({name}.{name}); }}"
    ));
    assert!(matches!(error, Err(SchemaError::LongName { .. })));
    // A package is a folder.
    let package = ["p".repeat(MAX_NAME / 2), "p".repeat(MAX_NAME / 2)].join(".");
    let file = FileDescriptorProto {
        package: Some(package.clone()),
        service: vec![service("S", &[("Get", &format!(".{package}.M"))])],
        ..self::file(vec![message("M", vec![scalar("a", 1)])])
    };
    let error = Schema::new(&pool(vec![file]), &[format!("{package}.S")]).unwrap_err();
    assert!(matches!(error, SchemaError::LongName { .. }), "{error}");
}

#[test]
fn names_that_all_clash_took_time_by_the_square() {
    // All of them become `n`.
    let name = |index: i32| format!("{}N{}", "_".repeat(index as usize % 100), "_".repeat(index as usize / 100));
    let fields = (0..MAX_MEMBERS as i32).map(|index| scalar(&name(index), index + 1)).collect();
    let file = FileDescriptorProto { syntax: None, ..file(vec![message("M", fields)]) };
    let schema = Schema::new(&pool(vec![file]), &["S"]).unwrap();
    let Member::Field(last) = schema.messages[0].members.last().unwrap() else { panic!() };
    assert_eq!(last.wit_name, format!("n{MAX_MEMBERS}"));
}

#[test]
fn names_that_no_file_has_are_refused() {
    for name in ["", "a b", "a\n}\nworld evil {", "9", "ä", "a-b", "a.b", ".", "%a", "\u{202e}a", "a\0"] {
        let refused = |file: FileDescriptorProto, what: &str, service: &str| {
            // What the pool refuses already is as well.
            let set = FileDescriptorSet { file: vec![file] }.encode_to_vec();
            let Ok(pool) = DescriptorPool::decode(set.as_slice()) else { return };
            let error = Schema::new(&pool, &[service]).unwrap_err();
            assert!(
                matches!(&error, SchemaError::Invalid { element, .. } if element.starts_with(what)),
                "{name:?}: {error}"
            );
            assert!(!error.to_string().contains(|char: char| char.is_control() || char == '\u{202e}'), "{error}");
        };
        let empty = || message("M", vec![scalar("a", 1)]);
        refused(file(vec![message("M", vec![scalar(name, 1)])]), "field", "S");
        let named = message(name, vec![scalar("a", 1)]);
        let holder = message("M", vec![field("a", 1, Type::Message, Some(&format!(".{name}")))]);
        refused(file(vec![named, holder]), "message", "S");
        let methods = service("S", &[(name, ".M")]);
        refused(FileDescriptorProto { service: vec![methods], ..file(vec![empty()]) }, "method", "S");
        let services = service(name, &[("Get", ".M")]);
        refused(FileDescriptorProto { service: vec![services], ..file(vec![empty()]) }, "service", name);
        let package = FileDescriptorProto {
            package: Some(format!("p.{name}")),
            service: vec![service("S", &[("Get", &format!(".p.{name}.M"))])],
            ..file(vec![empty()])
        };
        if name != "a.b" {
            refused(package, "package", &format!("p.{name}.S"));
        }
        let with_enum = |definition: EnumDescriptorProto| FileDescriptorProto {
            enum_type: vec![definition.clone()],
            ..file(vec![message("M", vec![field("e", 1, Type::Enum, Some(&format!(".{}", definition.name())))])])
        };
        refused(with_enum(enumeration(name, &["V"])), "enum", "S");
        refused(with_enum(enumeration("E", &["V", name])), "value", "S");
        let mut with_oneof = message("M", vec![scalar("a", 1)]);
        with_oneof.field[0].oneof_index = Some(0);
        with_oneof.oneof_decl = vec![OneofDescriptorProto { name: Some(name.to_owned()), options: None }];
        refused(file(vec![with_oneof]), "oneof", "S");
    }
}

#[test]
fn map_entries_without_a_value_panicked() {
    let entry = |fields: Vec<FieldDescriptorProto>| DescriptorProto {
        options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
        ..message("E", fields)
    };
    let repeated = |field: FieldDescriptorProto| FieldDescriptorProto { label: Some(Label::Repeated.into()), ..field };
    let of_entry = |name: &str, number| field(name, number, Type::Message, Some(".E"));
    let good = || vec![scalar("key", 1), scalar("value", 2)];
    let entries = [
        vec![],
        vec![scalar("key", 1)],
        vec![scalar("value", 2)],
        vec![field("key", 1, Type::Float, None), scalar("value", 2)],
        vec![field("key", 1, Type::Bytes, None), scalar("value", 2)],
        vec![field("key", 1, Type::Message, Some(".M")), scalar("value", 2)],
        vec![repeated(scalar("key", 1)), scalar("value", 2)],
        vec![scalar("key", 1), repeated(scalar("value", 2))],
        // Entries in entries, of which one would never end.
        vec![scalar("key", 1), of_entry("value", 2)],
        vec![scalar("key", 1), repeated(of_entry("value", 2))],
    ];
    for fields in entries {
        let file = file(vec![message("M", vec![repeated(of_entry("map", 1))]), entry(fields)]);
        let error = Schema::new(&pool(vec![file]), &["S"]).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{error}");
    }
    let file = |fields| file(vec![message("M", fields), entry(good())]);
    assert_deployable(&Schema::new(&pool(vec![file(vec![repeated(of_entry("map", 1))])]), &["S"]).unwrap());
    // Entries that no map holds were taken for the first of all messages.
    let error = Schema::new(&pool(vec![file(vec![of_entry("single", 1)])]), &["S"]).unwrap_err();
    insta::assert_snapshot!(error, @"the descriptors are damaged: field `M.single` has the map entry `E`, which no `map` has");
    let method = FileDescriptorProto { service: vec![service("S", &[("Get", ".E")])], ..file(vec![scalar("a", 1)]) };
    insta::assert_snapshot!(Schema::new(&pool(vec![method]), &["S"]).unwrap_err(), @"the descriptors are damaged: method `S.Get` takes or returns the entry of a map");
}

#[test]
fn messages_declared_in_a_map_entry_were_taken_for_another() {
    let inner = DescriptorProto {
        options: Some(MessageOptions { map_entry: Some(true), ..Default::default() }),
        nested_type: vec![message("Inner", vec![scalar("text", 1)])],
        ..message("E", vec![scalar("key", 1), scalar("value", 2)])
    };
    let holder = message("M", vec![field("inner", 1, Type::Message, Some(".E.Inner"))]);
    let schema = Schema::new(&pool(vec![file(vec![holder, inner])]), &["S"]).unwrap();
    assert!(schema.messages.iter().any(|message| message.full_name == "E.Inner"));
    assert_deployable(&schema);
}

#[test]
fn well_known_messages_with_other_fields_are_refused() {
    let map = |name: &str, fields: Vec<FieldDescriptorProto>| {
        let definition = FileDescriptorProto {
            name: Some("mine.proto".to_owned()),
            package: Some("google.protobuf".to_owned()),
            message_type: vec![message(name, fields)],
            ..Default::default()
        };
        let user = message("M", vec![field("known", 1, Type::Message, Some(&format!(".google.protobuf.{name}")))]);
        let user = FileDescriptorProto { dependency: vec!["mine.proto".to_owned()], ..file(vec![user]) };
        Schema::new(&pool(vec![definition, user]), &["S"])
    };
    let bytes = |name, number| field(name, number, Type::Bytes, None);
    for (name, fields) in [
        ("Any", vec![]),
        ("Any", vec![scalar("type_url", 1)]),
        ("Any", vec![scalar("type_url", 1), scalar("value", 2)]),
        ("Any", vec![scalar("type_url", 2), bytes("value", 1)]),
        ("Any", vec![scalar("type_url", 1), bytes("value", 2), scalar("more", 3)]),
        ("Empty", vec![scalar("something", 1)]),
        ("Int64Value", vec![scalar("value", 1)]),
        ("ListValue", vec![field("values", 1, Type::Message, Some(".google.protobuf.ListValue"))]),
        ("Timestamp", vec![scalar("seconds", 1), scalar("nanos", 2)]),
    ] {
        let error = map(name, fields).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{name}: {error}");
    }
    insta::assert_snapshot!(map("Empty", vec![scalar("a", 1)]).unwrap_err(), @"the descriptors are damaged: message `google.protobuf.Empty` has other fields than in `google/protobuf/empty.proto` of protobuf");
    // The fields may be declared in another file and order. Other names of the package are free.
    assert_deployable(&map("Any", vec![bytes("value", 2), scalar("type_url", 1)]).unwrap());
    assert_deployable(&map("Mine", vec![scalar("a", 1)]).unwrap());
}

#[test]
fn repeated_fields_of_a_oneof_are_refused() {
    for label in [Label::Repeated, Label::Required] {
        let case = FieldDescriptorProto { label: Some(label.into()), oneof_index: Some(0), ..scalar("a", 1) };
        let oneof = OneofDescriptorProto { name: Some("o".to_owned()), options: None };
        let message = DescriptorProto { oneof_decl: vec![oneof], ..message("M", vec![case]) };
        let file = FileDescriptorProto { syntax: None, ..file(vec![message]) };
        let error = Schema::new(&pool(vec![file]), &["S"]).unwrap_err();
        assert!(matches!(error, SchemaError::Invalid { .. }), "{error}");
    }
}

#[test]
fn comments_cannot_leave_their_line() {
    let evil = "*/ } interface evil { /*\n@since(version = 1.0.0)\n/// more\r} world evil {}\u{2028}\u{85}\u{202e}\u{2066}\u{7f}\0\u{149}\n\n\n";
    let mut file = file(vec![message("M", vec![scalar("a", 1)])]);
    let paths = [vec![4, 0], vec![4, 0, 2, 0], vec![6, 0], vec![6, 0, 2, 0]];
    file.source_code_info = Some(prost_types::SourceCodeInfo {
        location: paths
            .map(|path| prost_types::source_code_info::Location {
                path,
                span: vec![0, 0, 0],
                leading_comments: Some(evil.to_owned()),
                ..Default::default()
            })
            .to_vec(),
    });
    let schema = Schema::new(&pool(vec![file]), &["S"]).unwrap();
    let (resolve, _) = parse(&everything(&schema));
    assert!(resolve.interfaces.iter().all(|(_, interface)| interface.name.as_deref() != Some("evil")));
    assert_deployable(&schema);
    insta::assert_snapshot!(common::text(&everything(&schema)));
}

#[test]
fn an_unknown_service_is_told_without_listing_thousands() {
    let text: String = (0..2000).map(|index| format!("service S{index} {{}}")).collect();
    let pool = source(&format!("syntax = \"proto3\"; {text}")).unwrap().pool;
    let error = Schema::new(&pool, &["\u{1b}[2JT".repeat(100_000)]).unwrap_err().to_string();
    assert!(error.len() < 20_000 && error.contains("and 1950 more"), "{error}");
    assert!(!error.contains('\u{1b}'), "{error}");
}

fn pool(files: Vec<FileDescriptorProto>) -> DescriptorPool {
    DescriptorPool::decode(FileDescriptorSet { file: files }.encode_to_vec().as_slice()).unwrap()
}

/// A file with messages and the service `S` of the message `M`.
fn file(message_type: Vec<DescriptorProto>) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some("test.proto".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type,
        service: vec![service("S", &[("Get", ".M")])],
        ..Default::default()
    }
}

fn message(name: &str, field: Vec<FieldDescriptorProto>) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), field, ..Default::default() }
}

fn field(name: &str, number: i32, of: Type, type_name: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(of.into()),
        type_name: type_name.map(str::to_owned),
        json_name: Some(format!("f{number}")),
        ..Default::default()
    }
}

fn scalar(name: &str, number: i32) -> FieldDescriptorProto {
    field(name, number, Type::String, None)
}

fn enumeration(name: &str, values: &[&str]) -> EnumDescriptorProto {
    let values = values.iter().zip(0..).map(|(name, number)| EnumValueDescriptorProto {
        name: Some((*name).to_owned()),
        number: Some(number),
        options: None,
    });
    EnumDescriptorProto { name: Some(name.to_owned()), value: values.collect(), ..Default::default() }
}

/// A service whose methods take and return a message.
fn service(name: &str, methods: &[(&str, &str)]) -> ServiceDescriptorProto {
    let methods = methods.iter().map(|(name, message)| MethodDescriptorProto {
        name: Some((*name).to_owned()),
        input_type: Some((*message).to_owned()),
        output_type: Some((*message).to_owned()),
        ..Default::default()
    });
    ServiceDescriptorProto { name: Some(name.to_owned()), method: methods.collect(), options: None }
}
