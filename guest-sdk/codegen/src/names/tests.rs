#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn identifiers_become_kebab_case() {
    let cases = [
        ("name", "name"),
        ("Invoice", "invoice"),
        ("createInvoice", "create-invoice"),
        ("CreateInvoice", "create-invoice"),
        ("customer_name", "customer-name"),
        ("STATE_DRAFT", "state-draft"),
        ("HTTPServer", "http-server"),
        ("HTTP2Server", "http2-server"),
        ("SHA256Sum", "sha256-sum"),
        ("getV2API", "get-v2api"),
        ("v2API", "v2-api"),
        ("E2ETest", "e2e-test"),
        ("IPv4", "i-pv4"),
        ("Outer.Inner", "outer-inner"),
        ("address_2", "address2"),
        ("address_2_b", "address2-b"),
        ("a_1_2", "a12"),
        ("__private", "private"),
        ("trailing__", "trailing"),
        ("two__words", "two-words"),
        ("_1st", "x1st"),
        ("_", "x"),
        ("", "x"),
        ("größe", "gr-e"),
    ];
    for (proto, wit) in cases {
        assert_eq!(kebab(proto), wit, "{proto}");
    }
}

#[test]
fn keywords_get_a_percent_sign() {
    assert_eq!(escaped("list"), "%list");
    assert_eq!(escaped("error-context"), "%error-context");
    assert_eq!(escaped("lists"), "lists");
}

#[test]
fn a_name_that_comes_again_is_numbered_and_a_single_name_stays() {
    let names = ["a", "a", "a2", "a", "b"].map(str::to_owned);
    assert_eq!(unique(names), ["a", "a3", "a2", "a4", "b"]);
}

#[test]
fn the_prefix_of_an_enum_is_removed_when_a_name_remains() {
    let cases = [
        ("State", "STATE_DRAFT", "DRAFT"),
        ("State", "state_draft", "draft"),
        ("State", "DRAFT", "DRAFT"),
        ("State", "STATEMENT", "STATEMENT"),
        ("State", "STATE", "STATE"),
        ("State", "STATE_", "STATE_"),
        ("State", "STATE__DRAFT", "STATE__DRAFT"),
        ("Version", "VERSION_1", "VERSION_1"),
        ("HttpCode", "HTTP_CODE_OK", "OK"),
        ("HTTPCode", "HTTP_CODE_OK", "OK"),
        ("HttpCode", "HTTPCODE_OK", "OK"),
        ("V1_State", "V1_STATE_ON", "ON"),
    ];
    for (enumeration, value, remains) in cases {
        assert_eq!(without_enum_prefix(enumeration, value), remains, "{value} of {enumeration}");
    }
}

#[test]
fn packages_get_a_namespace_a_name_and_a_version() {
    let cases = [
        ("shop.billing.v1", "shop:billing@1.0.0"),
        ("shop.billing.v1beta1", "shop:billing@1.0.0-beta1"),
        ("shop.billing.v1alpha", "shop:billing@1.0.0-alpha"),
        ("shop.billing.v2p1beta3", "shop:billing@2.1.0-beta3"),
        ("shop.billing.v2p1", "shop:billing@2.1.0"),
        ("shop.billing.v1test2", "shop:billing@1.0.0-test2"),
        ("shop.billing", "shop:billing@0.0.0"),
        ("shop.billing.v0", "shop:billing@0.0.0"),
        ("shop.billing.v01", "shop:billing-v01@0.0.0"),
        ("shop.billing.v1gamma", "shop:billing-v1gamma@0.0.0"),
        ("shop.billing.v1beta01", "shop:billing-v1beta01@0.0.0"),
        ("shop.billing.v1p", "shop:billing-v1p@0.0.0"),
        ("shop.billing.v99999999999999999999", "shop:billing-v99999999999999999999@0.0.0"),
        ("shop.v1.billing", "shop:v1-billing@0.0.0"),
        ("a.b.c.v1", "a:b-c@1.0.0"),
        ("greeter.v1", "proto:greeter@1.0.0"),
        ("greeter", "proto:greeter@0.0.0"),
        ("my_shop.HTTPApi.v1", "my-shop:http-api@1.0.0"),
        ("v1", "proto:default@1.0.0"),
        ("", "proto:default@0.0.0"),
    ];
    for (proto, wit) in cases {
        let PackageName { namespace, name, version } = package(proto);
        assert_eq!(format!("{namespace}:{name}@{version}"), wit, "{proto}");
    }
}

/// The rule of the component model, in its strict form.
fn is_wit_name(name: &str) -> bool {
    name.split('-').all(|word| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

proptest! {
    #[test]
    fn any_identifier_becomes_a_name_and_a_name_stays(identifier in "[A-Za-z0-9_]{0,24}|\\PC{0,8}") {
        let name = kebab(&identifier);
        prop_assert!(is_wit_name(&name), "{name}");
        prop_assert_eq!(kebab(&name), name);
    }

    #[test]
    fn names_become_unique_whatever_they_are(names in proptest::collection::vec("[ab]2{0,3}", 0..40)) {
        let made = unique(names.clone());
        prop_assert_eq!(made.len(), names.len());
        let distinct: HashSet<_> = made.iter().collect();
        prop_assert_eq!(distinct.len(), names.len());
        for (index, (name, made)) in names.iter().zip(&made).enumerate() {
            prop_assert!(is_wit_name(made));
            let first = names.iter().position(|other| other == name) == Some(index);
            prop_assert_eq!(first, name == made, "the first of equal names stays, the others do not");
        }
        prop_assert_eq!(&unique(made.clone()), &made);
    }

    #[test]
    fn any_package_has_a_wit_package(proto in "([a-zA-Z_][a-z0-9_]{0,4}\\.){0,3}(v[0-9]{1,2}(p[0-9])?(alpha|beta|x)?[0-9]?)?") {
        let PackageName { namespace, name, version } = package(&proto);
        prop_assert!(is_wit_name(&namespace) && is_wit_name(&name), "{namespace}:{name}");
        let text = format!("package {}:{}@{version};", escaped(&namespace), escaped(&name));
        prop_assert!(wit_parser::UnresolvedPackageGroup::parse("package.wit", &text).is_ok(), "{}", text);
    }
}
