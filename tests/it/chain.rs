//! Services that call each other, and who may call whom.

use futures_util::future::join_all;
use okra::call::Code;
use okra::runtime::PoolCounts;

use super::host::TestHost;

const PING: &str = "test.chain.v1.Ping";

async fn host() -> TestHost {
    TestHost::with(&["tests/guests/chain"]).await
}

async fn hit(host: &TestHost, left: u32) -> Result<String, (Code, String)> {
    let answer = host.call("test.chain.v1.Ping/Hit", &format!(r#"{{"left":{left}}}"#)).await;
    answer.map_err(|failure| (failure.status.code, failure.status.message.clone()))
}

#[tokio::test]
async fn two_services_call_each_other_with_one_instance_each() {
    let host = host().await;
    assert_eq!(hit(&host, 2).await.unwrap(), r#"{"chain":["test.chain.v1.Ping","test.chain.v1.Pong"]}"#);
    let deepest = hit(&host, 32).await.unwrap();
    assert_eq!(deepest.matches("test.chain").count(), 32);
}

#[tokio::test]
async fn many_such_calls_at_once_all_end() {
    let host = host().await;
    let answers = join_all((0..40).map(|number| hit(&host, number % 20))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let PoolCounts { lent, waiting, .. } = host.runtime.counts(PING).await.unwrap();
    assert_eq!((lent, waiting), (0, 0));
}

#[tokio::test]
async fn a_chain_has_an_end_and_shows_itself() {
    let (code, message) = hit(&host().await, 33).await.unwrap_err();
    assert_eq!(code, Code::ResourceExhausted);
    assert!(message.contains("passed through 32 services: test.chain.v1.Ping -> test.chain.v1.Pong -> "), "{message}");
}

#[tokio::test]
async fn who_may_not_call_learns_which_line_would_allow_it() {
    let host = host().await;
    let refused = async |path: &str| {
        let status = host.call(path, r#"{"left":1}"#).await.unwrap_err().status;
        assert_eq!(status.code, Code::PermissionDenied, "{status}");
        status.message.clone()
    };
    assert_eq!(
        refused("test.chain.v1.Pong/Hide").await,
        "`test.chain.v1.Pong/Hide` may not be called by `clients`; this line in [allowed-callers] of `chain` would allow \
         it: \"test.chain.v1.Pong/Hide\" = [\"clients\"]"
    );
    assert!(refused("test.chain.v1.Pong/Peek").await.ends_with("= [\"test.chain.v1.Pong\"]"));
    // Pong has no rule but that for Hide: anybody may call it, itself too.
    host.call("test.chain.v1.Pong/Solo", r#"{"left":2}"#).await.unwrap();
    // Ping lets nobody in but clients and Pong.
    assert!(hit(&host, 1).await.is_ok());
}
