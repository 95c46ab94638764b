//! A guest that does everything wrong: each call ends with the right status, and the service goes on.

use std::time::Duration;

use okra::call::{Code, Deadline, Failure};
use okra::pool::Counts;

use super::host::TestHost;

const SERVICE: &str = "test.faults.v1.Faults";

fn path(method: &str) -> String {
    format!("{SERVICE}/{method}")
}

async fn host() -> TestHost {
    TestHost::with(&["tests/guests/faults"]).await
}

/// The service answers, and nothing is lent or waited for.
async fn is_whole(host: &TestHost) {
    let answer = host.call(&path("Echo"), r#"{"text":"still here"}"#).await.expect("the service goes on");
    assert_eq!(answer, r#"{"text":"still here"}"#);
    let counts = host.runtime.counts(SERVICE).await.unwrap();
    assert_eq!((counts.lent, counts.waiting), (0, 0));
}

async fn fails(host: &TestHost, method: &str) -> Failure {
    host.call(&path(method), r#"{"text":"on purpose"}"#).await.expect_err("the call fails")
}

#[tokio::test]
async fn a_recursive_message_goes_through_a_guest() {
    let host = host().await;
    let request = r#"{"text":"a","parts":[{"text":"b","parts":[{"text":"c"}]},{"text":"猫"}]}"#;
    assert_eq!(host.call(&path("Echo"), request).await.unwrap(), request);
}

#[tokio::test]
async fn a_panic_ends_the_call_and_its_instance_only() {
    let host = host().await;
    let failure = fails(&host, "Panic").await;
    assert_eq!(failure.status.code, Code::Internal);
    assert!(failure.status.message.contains("trapped"), "{}", failure.status);
    is_whole(&host).await;
}

#[tokio::test]
async fn a_stack_overflow_is_named() {
    let host = host().await;
    let failure = fails(&host, "OverflowStack").await;
    assert_eq!(failure.status.code, Code::Internal);
    is_whole(&host).await;
}

#[tokio::test]
async fn a_guest_that_spins_runs_out_of_cpu_time() {
    let host = host().await;
    let failure = fails(&host, "Spin").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    assert!(failure.status.message.contains("CPU time"), "{}", failure.status);
    is_whole(&host).await;
}

#[tokio::test]
async fn a_guest_that_allocates_without_end_is_stopped() {
    let host = host().await;
    let failure = fails(&host, "Allocate").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    assert!(failure.status.message.contains("16777216 bytes of memory"), "{}", failure.status);
    is_whole(&host).await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let host = host().await;
    let failure = fails(&host, "AnswerTooMuch").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    is_whole(&host).await;
}

#[tokio::test]
async fn an_error_keeps_its_details_and_metadata_and_the_instance_serves_on() {
    let host = host().await;
    let failure = fails(&host, "Fail").await;
    assert_eq!(failure.status.code, Code::FailedPrecondition);
    assert_eq!(failure.status.message, "on purpose");
    let detail = failure.status.details.first().unwrap();
    assert_eq!(
        (detail.type_url.as_str(), detail.value.as_slice()),
        ("type.googleapis.com/test.Detail", &[1, 2, 3][..])
    );
    assert_eq!(failure.status.metadata.get("x-why"), Some(&b"because"[..]));
    assert_eq!(host.runtime.counts(SERVICE).await.unwrap(), Counts { lent: 0, idle: 1, waiting: 0 });
}

#[tokio::test]
async fn an_instance_is_used_again() {
    let host = host().await;
    host.call(&path("Count"), "{}").await.unwrap();
    assert_eq!(host.call(&path("Count"), "{}").await.unwrap(), r#"{"calls":2}"#);
}

#[tokio::test]
async fn the_context_of_the_call_is_seen() {
    let host = host().await;
    let (mut context, request) = host.prepare(&path("Tell"), "{}");
    context.metadata.add("x-first", b"1").unwrap();
    context.metadata.add("x-second-bin", &[0, 255]).unwrap();
    let reply = host.runtime.call(context, request).await.unwrap();
    let expected = r#"{"service":"test.faults.v1.Faults","method":"Tell","metadata":["x-first","x-second-bin"],"hasDeadline":true}"#;
    assert_eq!(host.json(&path("Tell"), &reply), expected);
}

#[tokio::test]
async fn what_the_handler_says_beside_the_answer_is_kept() {
    let host = host().await;
    let (context, request) = host.prepare(&path("Say"), r#"{"text":"a"}"#);
    let reply = host.runtime.call(context, request).await.unwrap();
    assert_eq!(reply.headers.get("x-header-bin"), Some(&b"a"[..]));
    assert_eq!(reply.trailers.get("x-trailer"), Some(&b"said"[..]));
}

#[tokio::test]
async fn the_deadline_ends_a_call_at_work() {
    let host = host().await;
    let (mut context, request) = host.prepare(&path("Spin"), "{}");
    context.deadline = Deadline::after(Duration::from_millis(30));
    let failure = host.runtime.call(context, request).await.unwrap_err();
    assert_eq!(failure.status.code, Code::DeadlineExceeded);
    is_whole(&host).await;
}

#[tokio::test]
async fn a_cancelled_call_is_dropped() {
    let host = host().await;
    let (context, request) = host.prepare(&path("Spin"), "{}");
    let cancellation = context.cancellation.clone();
    let (answer, ()) = tokio::join!(host.runtime.call(context, request), async { cancellation.cancel() });
    assert_eq!(answer.unwrap_err().status.code, Code::Cancelled);
    is_whole(&host).await;
}

#[tokio::test]
async fn more_calls_than_may_wait_are_refused_and_the_others_served() {
    let host = host().await;
    // Two instances and one place in the queue.
    let spin = path("Spin");
    let calls = (0..4).map(|_| host.call(&spin, "{}"));
    let answers = futures_util::future::join_all(calls).await;
    let refused = answers.iter().filter(|answer| {
        answer.as_ref().is_err_and(|failure| failure.status.message.contains("all 2 instances are at work"))
    });
    assert_eq!(refused.count(), 1);
    is_whole(&host).await;
}

#[tokio::test]
async fn malformed_requests_never_reach_the_guest() {
    let host = host().await;
    for wire in [&b"\x0a\x05hi"[..], b"\x0a\x02\xff\xfe", b"\x08\x01"] {
        let (context, _) = host.prepare(&path("Count"), "{}");
        let failure = host.runtime.call(context, wire.to_vec().into()).await.unwrap_err();
        assert_eq!(failure.status.code, Code::Internal, "{}", failure.status);
    }
    assert_eq!(host.call(&path("Count"), "{}").await.unwrap(), r#"{"calls":1}"#);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let host = host().await;
    let (mut context, request) = host.prepare(&path("Echo"), "{}");
    context.method = "Ecko".into();
    assert_eq!(host.runtime.call(context, request).await.unwrap_err().status.code, Code::Unimplemented);
}
