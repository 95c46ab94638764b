//! Guests that take as much as they can of everything: others are not delayed, and each limit holds.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use okra::call::{CallFailure, Code, Deadline};
use okra::config::Run;
use tokio::task::{JoinHandle, JoinSet};

use super::crafted::{Core, Crafted};
use super::host::TestHost;

const TAKE: &str = "test.greedy.v1.Greedy/Take";
const HOSTILE: &str = "test.withstand.v1.Hostile";

/// A service whose answers have records of 140 fields.
fn wide_proto() -> String {
    let mut proto = String::from(
        "syntax = \"proto3\";\npackage test.greedy.v1;\nservice Greedy { rpc Take(Request) returns (Table); }\n\
         message Request { uint32 way = 1; }\nmessage Table { repeated Row rows = 1; }\n\
         message Row { repeated Wide wide = 1; }\nmessage Wide {\n",
    );
    for number in 1..=140 {
        writeln!(proto, "uint32 field_{number} = {number};").unwrap();
    }
    proto + "}\n"
}

async fn greedy(run: Run) -> TestHost {
    let proto = wide_proto();
    let crafted = Crafted { run, ..Crafted::serving(&proto, &["test.greedy.v1.Greedy"]) };
    let mut host = TestHost::empty();
    host.deploy(&crafted.package(Core::Text(include_str!("greedy.wat")))).await.unwrap();
    host
}

async fn take(host: &TestHost, way: u32) -> Result<String, CallFailure> {
    host.call(TAKE, &format!(r#"{{"way":{way}}}"#)).await
}

/// Timers of this runtime, set again and again.
struct Timers {
    ends: Arc<AtomicBool>,
    timers: JoinHandle<Vec<Duration>>,
}

impl Timers {
    fn start() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = ends.clone();
        let timers = tokio::spawn(async move {
            let mut late = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let (began, time) = (Instant::now(), Duration::from_millis(2));
                tokio::time::sleep(time).await;
                late.push(began.elapsed().saturating_sub(time));
            }
            late
        });
        Self { ends, timers }
    }

    /// Nineteen of twenty were on time, by what a loaded machine can do.
    async fn were_on_time(self) {
        self.ends.store(true, Ordering::Relaxed);
        let mut late = self.timers.await.unwrap();
        late.sort();
        let (most, last) = (late[late.len() * 19 / 20], late[late.len() - 1]);
        assert!(most < Duration::from_millis(30), "{most:?} late, at most {last:?}, of {} timers", late.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_guests_delayed_timers_by_half_a_second() {
    let host = Arc::new(greedy(Run { cpu: Duration::from_secs(2), ..Run::default() }).await);
    let timers = Timers::start();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let host = host.clone();
        calls.spawn(async move {
            let (mut context, request) = host.prepare(TAKE, r#"{"way":2}"#);
            context.deadline = Deadline::after(Duration::from_secs(2));
            host.runtime.handler().unary(context, request).await.unwrap_err().status.code
        });
    }
    while let Some(code) = calls.join_next().await {
        assert!([Code::DeadlineExceeded, Code::ResourceExhausted].contains(&code.unwrap()));
    }
    timers.were_on_time().await;
    assert_eq!(take(&host, 0).await.unwrap(), "{}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_charged_for_its_own_cpu_time_whatever_else_runs() {
    let cpu = Duration::from_millis(500);
    let host = Arc::new(greedy(Run { cpu, ..Run::default() }).await);
    // More calls than processors: each of them waits most of the time.
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let host = host.clone();
        calls.spawn(async move { take(&host, 2).await.unwrap_err().status });
    }
    while let Some(status) = calls.join_next().await {
        assert_eq!(status.unwrap().message, "the call used more than its 500ms of CPU time");
    }
    let processors = std::thread::available_parallelism().unwrap().get() as u32;
    assert!(began.elapsed() > cpu * 8 / processors * 9 / 10, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_the_same_records_again_and_again_took_seconds_at_once() {
    let host = greedy(Run::default()).await;
    let timers = Timers::start();
    let status = take(&host, 1).await.unwrap_err().status;
    assert_eq!(status.code, Code::ResourceExhausted);
    assert!(status.message.contains("more than 67108864 fields"), "{status}");
    timers.were_on_time().await;
    assert_eq!(take(&host, 0).await.unwrap(), "{}");
}

#[tokio::test]
async fn a_short_call_that_was_cancelled_destroyed_its_instance() {
    let host = greedy(Run::default()).await;
    // The threads for long calls have the machine to share with those of other tests: one of many is enough.
    for _ in 0..200 {
        let (context, request) = host.prepare(TAKE, r#"{"way":3}"#);
        let call = host.runtime.handler().unary(context, request);
        let is_over = tokio::time::timeout(Duration::from_millis(1), call).await.is_ok();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let counts = host.runtime.counts("test.greedy.v1.Greedy").await.unwrap();
        if !is_over && counts.idle > 0 {
            assert_eq!(counts.lent, 0);
            return;
        }
    }
    panic!("all instances were lost: {:?}", host.runtime.counts("test.greedy.v1.Greedy").await);
}

async fn hostile(change: impl Fn(&mut Run)) -> TestHost {
    TestHost::running("tests/guests/hostile", change).await
}

async fn attack(host: &TestHost, method: &str) -> CallFailure {
    host.call(&format!("{HOSTILE}/{method}"), "{}").await.unwrap_err()
}

async fn is_whole(host: &TestHost) {
    host.call(&format!("{HOSTILE}/Echo"), r#"{"size":7}"#).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_million_lines_at_once_stopped_all_threads() {
    let host = hostile(|run| run.cpu = Duration::from_millis(300)).await;
    for method in ["PrintLines", "Log", "Random"] {
        let timers = Timers::start();
        let failure = attack(&host, method).await;
        assert!(failure.status.message.contains("CPU time"), "{method}: {}", failure.status);
        timers.were_on_time().await;
        is_whole(&host).await;
    }
}

#[tokio::test]
async fn scopes_without_end_were_kept_by_the_host() {
    let host = hostile(|_| {}).await;
    let failure = attack(&host, "MakeScopes").await;
    assert!([Code::Internal, Code::ResourceExhausted].contains(&failure.status.code), "{}", failure.status);
    is_whole(&host).await;
}
