//! Whatever descriptors there are: they are refused, or their WIT is that of a component.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "random/descriptors.rs"]
mod descriptors;

use std::collections::HashSet;

use common::{component, everything, parse, services, text};
use okra_codegen::mapping::SchemaError;
use okra_codegen::names::escaped;
use okra_codegen::schema::{Member, Schema};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorSet;

use descriptors::{choices, descriptors, hostile_descriptors};

fn pool(set: &FileDescriptorSet) -> Result<DescriptorPool, prost_reflect::DescriptorError> {
    DescriptorPool::decode(set.encode_to_vec().as_slice())
}

/// Names within a scope differ.
fn assert_unique(names: impl Iterator<Item = String>, scope: &str) {
    let mut seen = HashSet::new();
    for name in names {
        assert!(seen.insert(name.clone()), "{name} is twice in {scope}");
    }
}

fn assert_names_are_unique(schema: &Schema) {
    for (index, package) in schema.packages.iter().enumerate() {
        let messages = || schema.messages.iter().filter(|message| message.package == index);
        let oneofs = messages().flat_map(|message| &message.members).filter_map(|member| match member {
            Member::Oneof(oneof) => Some(oneof.type_name.clone()),
            Member::Field(_) => None,
        });
        let enums = schema.enums.iter().filter(|definition| definition.package == index);
        let types = messages().map(|message| message.wit_name.clone()).chain(oneofs);
        assert_unique(types.chain(enums.map(|definition| definition.wit_name.clone())), &package.proto);
        let services = schema.services.iter().filter(|service| service.package == index);
        let own = [package.types_interface.clone(), package.streams_interface.clone()];
        assert_unique(services.map(|service| service.wit_name.clone()).chain(own), &package.proto);
    }
    for message in &schema.messages {
        let members = message.members.iter().map(|member| match member {
            Member::Field(field) => field.wit_name.clone(),
            Member::Oneof(oneof) => oneof.wit_name.clone(),
        });
        assert_unique(members, &message.full_name);
        for member in &message.members {
            if let Member::Oneof(oneof) = member {
                assert_unique(oneof.cases.iter().map(|case| case.wit_name.clone()), &oneof.proto_name);
            }
        }
    }
    for definition in &schema.enums {
        let cases = definition.cases.iter().map(|case| case.wit_name.clone());
        assert_unique(cases.chain(definition.unrecognized.clone()), &definition.full_name);
    }
    for service in &schema.services {
        assert_unique(service.methods.iter().map(|method| method.wit_name.clone()), &service.full_name);
    }
    assert_unique(schema.packages.iter().map(|package| package.interface("")), "the schema");
}

/// What is generated for some services is part of what is generated for all.
fn assert_part(part: &Schema, all: &Schema) {
    let all = everything(all);
    for file in everything(part) {
        let of_all = all.iter().find(|found| found.path == file.path);
        // The folder has more to its name when there are more packages to tell it from.
        let header = |text: &str| text.lines().nth(1).map(str::to_owned);
        let of_all = of_all.or_else(|| all.iter().find(|found| header(&found.text) == header(&file.text))).unwrap();
        if file.path.ends_with("world.wit") {
            continue;
        }
        let mut lines: HashSet<&str> = of_all.text.lines().collect();
        // `use` lines list what is used.
        let used: Vec<_> = of_all.text.lines().flat_map(uses).collect();
        lines.extend(used.iter().map(String::as_str));
        for line in file.text.lines() {
            let found = match uses(line) {
                none if none.is_empty() => lines.contains(line),
                items => items.iter().all(|item| lines.contains(item.as_str())),
            };
            assert!(found, "`{line}` of {} is not in\n{}", file.path.display(), of_all.text);
        }
    }
}

/// Each use of a line such as `use types.{a, b as c};`.
fn uses(line: &str) -> Vec<String> {
    let Some((from, items)) = line.trim().strip_prefix("use ").and_then(|line| line.split_once(".{")) else {
        return Vec::new();
    };
    items.trim_end_matches("};").split(", ").map(|item| format!("{from}: {item}")).collect()
}

fn check(set: &FileDescriptorSet) {
    let Ok(pool) = pool(set) else { return };
    let services = services(&pool);
    let schema = match Schema::new(&pool, &services) {
        Ok(schema) => schema,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "{message:?}");
            return;
        }
    };
    let files = everything(&schema);
    assert_names_are_unique(&schema);
    let again = self::pool(set).unwrap();
    assert_eq!(files, everything(&Schema::new(&again, &services).unwrap()), "differs the second time");
    let (resolve, world) = parse(&files);
    component(&resolve, world).unwrap_or_else(|error| panic!("{error}\n{}", text(&files)));
    let names: HashSet<_> = resolve.interfaces.iter().filter_map(|(id, _)| resolve.id_of(id)).collect();
    for service in &schema.services {
        let name = schema.service_interface(service);
        assert!(names.contains(&name), "{name} is not in {names:?}");
        let one = Schema::new(&pool, &[&service.full_name]).unwrap();
        assert_part(&one, &schema);
    }
    for message in schema.messages.iter().filter(|message| message.in_wit) {
        assert!(text(&files).contains(&format!(" {} {{", escaped(&message.wit_name))), "{}", message.full_name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_mapped_is_a_component(choices in choices()) {
        let set = descriptors(&choices);
        prop_assert!(pool(&set).is_ok(), "{:?}", pool(&set));
        check(&set);
    }

    #[test]
    fn what_nobody_would_write_is_refused_or_a_component(choices in choices()) {
        check(&hostile_descriptors(&choices));
    }
}

#[test]
fn most_random_descriptors_are_mapped() {
    let mut runner = TestRunner::deterministic();
    let mut mapped = 0;
    for _ in 0..100 {
        let set = descriptors(&choices().new_tree(&mut runner).unwrap().current());
        let pool = pool(&set).unwrap();
        match Schema::new(&pool, &services(&pool)) {
            Ok(_) => mapped += 1,
            Err(error) => {
                assert!(matches!(error, SchemaError::PackageClash { .. } | SchemaError::PackageCycle { .. }), "{error}")
            }
        }
    }
    assert!(mapped > 50, "{mapped} of 100");
}
