//! Services with exactly one instance.

use std::time::Duration;

use futures_util::future::join_all;
use okra::call::{Code, Deadline};
use okra::config::Isolation;
use okra::runtime::PoolCounts;

use super::host::TestHost;

const SERVICE: &str = "test.faults.v1.Faults";
const COUNT: &str = "test.faults.v1.Faults/Count";
const SLEEP: &str = "test.faults.v1.Faults/Sleep";

async fn host() -> TestHost {
    TestHost::running("tests/guests/faults", |run| {
        run.isolation = Isolation::Singleton;
        run.queue = 60;
        run.idle = Duration::from_millis(1);
    })
    .await
}

async fn count(host: &TestHost) -> u32 {
    let answer = host.call(COUNT, "{}").await.unwrap();
    answer.trim_matches(|char: char| !char.is_ascii_digit()).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_calls_reach_one_instance_in_turn() {
    let host = host().await;
    let mut answers = join_all((0..60).map(|_| count(&host))).await;
    answers.sort_unstable();
    assert_eq!(answers, (1..=60).collect::<Vec<_>>());
    assert_eq!(host.runtime.counts(SERVICE).await.unwrap(), PoolCounts { lent: 0, idle: 1, waiting: 0 });
}

#[tokio::test]
async fn a_caller_that_leaves_took_the_memory_of_the_instance_with_it() {
    let host = host().await;
    assert_eq!(count(&host).await, 1);
    let (context, request) = host.prepare(SLEEP, "{}");
    let hasty = context.clone().with_deadline(Deadline::after(Duration::from_millis(5)));
    let failure = host.runtime.handler().unary(hasty, request.clone()).await.unwrap_err();
    assert_eq!(failure.status.code, Code::DeadlineExceeded);
    assert_eq!(count(&host).await, 2);
    let call = host.runtime.handler().unary(context, request);
    assert!(tokio::time::timeout(Duration::from_millis(5), call).await.is_err());
    assert_eq!(count(&host).await, 3);
}

#[tokio::test]
async fn the_instance_stays_however_long_no_call_comes() {
    let host = host().await;
    assert_eq!(count(&host).await, 1);
    // The pool is swept each second.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(count(&host).await, 2);
}

#[tokio::test]
async fn a_call_that_comes_back_is_refused_with_its_chain() {
    let host = TestHost::running("tests/guests/chain", |run| run.isolation = Isolation::Singleton).await;
    let hit = async |left: u32| host.call("test.chain.v1.Ping/Hit", &format!(r#"{{"left":{left}}}"#)).await;
    hit(0).await.unwrap();
    let status = hit(1).await.unwrap_err().status;
    assert_eq!(status.code, Code::FailedPrecondition);
    let expected = "`test.chain.v1.Pong/Hit`: the call comes back to the singleton `chain`, whose one instance is busy with \
                    the call of `test.chain.v1.Ping` that it is part of (test.chain.v1.Ping -> test.chain.v1.Pong)";
    assert!(status.message.starts_with(expected), "{status}");
    hit(0).await.unwrap();
}
