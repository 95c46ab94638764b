//! A guest that does everything wrong: each call ends with the right status, and the service goes on.

use std::time::Duration;

use okra::call::{CallFailure, Code, Deadline};
use okra::runtime::PoolCounts;

use super::host::TestHost;

const SERVICE: &str = "test.faults.v1.Faults";

fn path(method: &str) -> String {
    format!("{SERVICE}/{method}")
}

guests! {
    rust: "tests/guests/faults", python: "tests/guests/faults-python", go: "tests/guests/faults-go";
    a_recursive_message_goes_through_a_guest
    a_panic_ends_the_call_and_its_instance_only
    a_stack_overflow_is_named
    a_guest_that_spins_runs_out_of_cpu_time
    a_guest_that_allocates_without_end_is_stopped
    an_answer_over_the_limit_is_refused
    an_error_keeps_its_details_and_metadata_and_the_instance_serves_on
    an_instance_is_used_again
    the_context_of_the_call_is_seen
    what_the_handler_says_beside_the_answer_is_kept
    the_deadline_ends_a_call_at_work
    a_cancelled_call_is_dropped
    more_calls_than_may_wait_are_refused_and_the_others_served
    malformed_requests_never_reach_the_guest
    an_unknown_method_is_unimplemented
    a_handler_that_ends_the_program_ends_its_call_only
    what_is_no_text_may_be_printed
    a_handler_may_sleep
}

guests! {
    python_alone: "tests/guests/faults-python";
    threads_are_refused
}

async fn host(guest: &str) -> TestHost {
    TestHost::with(&[guest]).await
}

/// The service answers, and nothing is lent or waited for. A guest that computes is dropped when its slice ends.
async fn is_whole(host: &TestHost) {
    let answer = host.call(&path("Echo"), r#"{"text":"still here"}"#).await.expect("the service goes on");
    assert_eq!(answer, r#"{"text":"still here"}"#);
    for _ in 0..500 {
        let counts = host.runtime.counts(SERVICE).await.unwrap();
        if (counts.lent, counts.waiting) == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("instances are still lent: {:?}", host.runtime.counts(SERVICE).await);
}

async fn fails(host: &TestHost, method: &str) -> CallFailure {
    host.call(&path(method), r#"{"text":"on purpose"}"#).await.expect_err("the call fails")
}

async fn a_recursive_message_goes_through_a_guest(guest: &str) {
    let host = host(guest).await;
    let request = r#"{"text":"a","parts":[{"text":"b","parts":[{"text":"c"}]},{"text":"猫"}]}"#;
    assert_eq!(host.call(&path("Echo"), request).await.unwrap(), request);
}

async fn a_panic_ends_the_call_and_its_instance_only(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "Panic").await;
    assert_eq!(failure.status.code, Code::Internal);
    // What the handler said is for the log.
    assert!(!failure.status.message.contains("on purpose"), "{}", failure.status);
    is_whole(&host).await;
}

async fn a_stack_overflow_is_named(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "OverflowStack").await;
    assert_eq!(failure.status.code, Code::Internal);
    is_whole(&host).await;
}

async fn a_guest_that_spins_runs_out_of_cpu_time(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "Spin").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    assert!(failure.status.message.contains("CPU time"), "{}", failure.status);
    is_whole(&host).await;
}

async fn a_guest_that_allocates_without_end_is_stopped(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "Allocate").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    assert!(failure.status.message.contains("bytes of memory"), "{}", failure.status);
    is_whole(&host).await;
}

async fn an_answer_over_the_limit_is_refused(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "AnswerTooMuch").await;
    assert_eq!(failure.status.code, Code::ResourceExhausted);
    is_whole(&host).await;
}

async fn a_handler_that_ends_the_program_ends_its_call_only(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "Exit").await;
    assert_eq!(failure.status.code, Code::Internal, "{}", failure.status);
    is_whole(&host).await;
}

async fn what_is_no_text_may_be_printed(guest: &str) {
    let host = host(guest).await;
    for _ in 0..3 {
        host.call(&path("Print"), "{}").await.unwrap();
    }
    is_whole(&host).await;
}

async fn threads_are_refused(guest: &str) {
    let host = host(guest).await;
    for _ in 0..3 {
        // Those of Go take turns, and have none but while a call is served.
        let answer = host.call(&path("StartThreads"), "{}").await.unwrap();
        assert!([r#"{"text":"refused"}"#, r#"{"text":"started"}"#].contains(&&*answer), "{answer}");
    }
    is_whole(&host).await;
}

async fn a_handler_may_sleep(guest: &str) {
    let host = host(guest).await;
    host.call(&path("Sleep"), "{}").await.unwrap();
    is_whole(&host).await;
}

async fn an_error_keeps_its_details_and_metadata_and_the_instance_serves_on(guest: &str) {
    let host = host(guest).await;
    let failure = fails(&host, "Fail").await;
    assert_eq!(failure.status.code, Code::FailedPrecondition);
    assert_eq!(failure.status.message, "on purpose");
    let detail = failure.status.details.first().unwrap();
    assert_eq!(
        (detail.type_url.as_str(), detail.value.as_slice()),
        ("type.googleapis.com/test.Detail", &[1, 2, 3][..])
    );
    assert_eq!(failure.status.metadata.get("x-why"), Some(&b"because"[..]));
    assert_eq!(host.runtime.counts(SERVICE).await.unwrap(), PoolCounts { lent: 0, idle: 1, waiting: 0 });
}

async fn an_instance_is_used_again(guest: &str) {
    let host = host(guest).await;
    host.call(&path("Count"), "{}").await.unwrap();
    assert_eq!(host.call(&path("Count"), "{}").await.unwrap(), r#"{"calls":2}"#);
}

async fn the_context_of_the_call_is_seen(guest: &str) {
    let host = host(guest).await;
    let (mut context, request) = host.prepare(&path("Tell"), "{}");
    context.metadata.add("x-first", b"1").unwrap();
    context.metadata.add("x-second-bin", &[0, 255]).unwrap();
    let reply = host.runtime.handler().unary(context, request).await.unwrap();
    let expected = r#"{"service":"test.faults.v1.Faults","method":"Tell","metadata":["x-first","x-second-bin"],"hasDeadline":true}"#;
    assert_eq!(host.json(&path("Tell"), &reply), expected);
}

async fn what_the_handler_says_beside_the_answer_is_kept(guest: &str) {
    let host = host(guest).await;
    let (context, request) = host.prepare(&path("Say"), r#"{"text":"a"}"#);
    let reply = host.runtime.handler().unary(context, request).await.unwrap();
    assert_eq!(reply.headers.get("x-header-bin"), Some(&b"a"[..]));
    assert_eq!(reply.trailers.get("x-trailer"), Some(&b"said"[..]));
}

async fn the_deadline_ends_a_call_at_work(guest: &str) {
    let host = host(guest).await;
    let (mut context, request) = host.prepare(&path("Spin"), "{}");
    context.deadline = Deadline::after(Duration::from_millis(30));
    let failure = host.runtime.handler().unary(context, request).await.unwrap_err();
    assert_eq!(failure.status.code, Code::DeadlineExceeded);
    is_whole(&host).await;
}

async fn a_cancelled_call_is_dropped(guest: &str) {
    let host = host(guest).await;
    let (context, request) = host.prepare(&path("Spin"), "{}");
    let cancellation = context.cancellation.clone();
    let (answer, ()) = tokio::join!(host.runtime.handler().unary(context, request), async { cancellation.cancel() });
    assert_eq!(answer.unwrap_err().status.code, Code::Cancelled);
    is_whole(&host).await;
}

async fn more_calls_than_may_wait_are_refused_and_the_others_served(guest: &str) {
    let host = host(guest).await;
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

async fn malformed_requests_never_reach_the_guest(guest: &str) {
    let host = host(guest).await;
    for wire in [&b"\x0a\x05hi"[..], b"\x0a\x02\xff\xfe", b"\x08\x01"] {
        let (context, _) = host.prepare(&path("Count"), "{}");
        let failure = host.runtime.handler().unary(context, wire.to_vec().into()).await.unwrap_err();
        assert_eq!(failure.status.code, Code::Internal, "{}", failure.status);
    }
    assert_eq!(host.call(&path("Count"), "{}").await.unwrap(), r#"{"calls":1}"#);
}

async fn an_unknown_method_is_unimplemented(guest: &str) {
    let host = host(guest).await;
    let (mut context, request) = host.prepare(&path("Echo"), "{}");
    context.method = "Ecko".into();
    assert_eq!(host.runtime.handler().unary(context, request).await.unwrap_err().status.code, Code::Unimplemented);
}
