//! Services that call each other in one process: the examples of the shop.

use std::time::Duration;

use okra::call::Code;
use okra::runtime::DeployError;

use super::host::{TestHost, package};

const USERS: &str = "examples/shop/users";
const BILLING: &str = "examples/shop/billing";
const RECOMMENDATIONS: &str = "examples/shop/recommendations";
const GET_INVOICE: &str = "shop.billing.v1.Billing/GetInvoice";

#[tokio::test]
async fn a_component_calls_another_by_its_typed_import() {
    let host = TestHost::with(&[USERS, BILLING]).await;
    host.runtime.check_imports().unwrap();
    let invoice = host.call(GET_INVOICE, r#"{"invoiceId":"i-1"}"#).await.unwrap();
    let user = host.call("shop.users.v1.Users/GetUser", r#"{"userId":"u-3"}"#).await.unwrap();
    assert!(invoice.contains(&user), "{invoice} has {user} in it");
}

#[tokio::test]
async fn the_error_of_a_callee_comes_with_its_code() {
    let host = TestHost::with(&[USERS, BILLING]).await;
    let request = r#"{"userId":"u-99","lines":[{"text":"Tea","quantity":1,"unitPrice":{"currency":"EUR","amount":"1"}}],"card":{"lastDigits":"4242"}}"#;
    let failure = host.call("shop.billing.v1.Billing/CreateInvoice", request).await.unwrap_err();
    assert_eq!(failure.status.code, Code::NotFound, "{}", failure.status);
    assert!(failure.status.message.contains("u-99"), "{}", failure.status);
}

#[tokio::test]
async fn a_callee_that_nobody_serves_is_found_at_start_and_unavailable_after() {
    let host = TestHost::with(&[BILLING]).await;
    let missing = host.runtime.check_imports().unwrap_err();
    assert_eq!(missing.to_string(), "not served: `shop.users.v1.Users`, which `billing` calls");
    let failure = host.call(GET_INVOICE, r#"{"invoiceId":"i-1"}"#).await.unwrap_err();
    assert_eq!(failure.status.code, Code::Unavailable);
    assert!(failure.status.message.contains("shop.users.v1.Users"), "{}", failure.status);
}

#[tokio::test]
async fn a_service_is_served_once() {
    let mut host = TestHost::with(&[USERS]).await;
    let error = host.deploy(&package(USERS)).await.unwrap_err();
    assert!(matches!(error, DeployError::Taken { service } if service == "shop.users.v1.Users"));
}

#[tokio::test]
async fn many_calls_at_once_leave_both_pools_whole() {
    let host = TestHost::with(&[USERS, BILLING]).await;
    let calls = (0..200).map(|_| host.call(GET_INVOICE, r#"{"invoiceId":"i-1"}"#));
    let answers = futures_util::future::join_all(calls).await;
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    // More than may wait are refused, and nothing else happens to anybody.
    assert!(refused.clone().all(|failure| failure.status.code == Code::ResourceExhausted));
    assert!(refused.count() < 100);
    for service in ["shop.users.v1.Users", "shop.billing.v1.Billing"] {
        let counts = host.runtime.counts(service).await.unwrap();
        assert_eq!((counts.lent, counts.waiting), (0, 0), "{service}");
    }
}

#[tokio::test]
async fn invoices_come_one_by_one_and_go_in_as_a_stream() {
    let host = TestHost::with(&[USERS, BILLING]).await;
    let (listed, _) = host.stream("shop.billing.v1.Billing/ListInvoices", &[r#"{"userId":"u-3","limit":2}"#]).await;
    let ids: Vec<_> = listed.iter().map(|invoice| invoice.get(..19).unwrap()).collect();
    assert_eq!(ids, [r#"{"invoiceId":"i-3","#, r#"{"invoiceId":"i-2","#]);
    assert!(listed[0].contains(r#""userId":"u-3""#), "{}", listed[0]);

    let good = r#"{"userId":"u-1","lines":[{"text":"Tea","quantity":1,"unitPrice":{"currency":"EUR","amount":"1"}}],"card":{"lastDigits":"4242"}}"#;
    let (imported, outcome) = host.stream("shop.billing.v1.Billing/ImportInvoices", &[good, "{}", good]).await;
    outcome.unwrap();
    let told = r#"{"made":2,"refused":[{"index":1,"reason":"INVALID_ARGUMENT: "#;
    assert!(imported[0].starts_with(told), "{}", imported[0]);
}

#[tokio::test]
async fn python_reads_a_stream_of_rust_as_far_as_it_needs() {
    let host = TestHost::with(&[USERS, BILLING, RECOMMENDATIONS]).await;
    host.runtime.check_imports().unwrap();
    let path = "shop.recommendations.v1.Recommendations/Recommend";
    let (found, outcome) = host.stream(path, &[r#"{"userId":"u-3","limit":1}"#]).await;
    outcome.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    // The invoices that were not read are nobody's any more.
    for service in ["shop.billing.v1.Billing", "shop.recommendations.v1.Recommendations"] {
        while host.runtime.counts(service).await.unwrap().lent > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
