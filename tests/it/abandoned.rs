//! Streams that clients open and abandon, over the wire: counted until nothing of them is left.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use okra::config::Address;
use okra::runtime::PoolCounts;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::host::TestHost;
use super::streams::STREAMS;

const STREAMS_OPENED: usize = 10_000;
const AT_ONCE: usize = 50;

async fn connect(address: &Address) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address.uri().authority().unwrap().as_str()).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    requests
}

/// Opens streams, some with a message, and lets go of them; hyper ends a connection on which too many are reset.
async fn abandon(address: &Address, number: usize) {
    for _ in 0..number / AT_ONCE {
        let mut requests = connect(address).await;
        let mut open = Vec::new();
        for stream in 0..AT_ONCE {
            let request =
                Request::post(format!("{address}/{STREAMS}/Double")).header("content-type", "application/grpc");
            requests = requests.ready().await.unwrap();
            let (response, mut body) = requests.send_request(request.body(()).unwrap(), false).unwrap();
            if stream % 2 == 0 {
                body.send_data(Bytes::from_static(b"\0\0\0\0\x02\x08\x01"), false).unwrap();
            }
            open.push((response, body));
        }
    }
}

/// Waits until the pool is whole and no more than so many tasks live.
async fn settled(host: &TestHost, tasks: usize) {
    for _ in 0..1000 {
        let PoolCounts { lent, waiting, .. } = host.runtime.counts(STREAMS).await.unwrap();
        if (lent, waiting) == (0, 0) && Handle::current().metrics().num_alive_tasks() <= tasks {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let tasks_left = Handle::current().metrics().num_alive_tasks();
    panic!("{:?}, and {tasks_left} tasks instead of {tasks}", host.runtime.counts(STREAMS).await);
}

/// Memory of this process, in KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4
}

#[tokio::test]
async fn ten_thousand_streams_abandoned_over_the_wire_leave_no_instance_task_or_byte() {
    let host = TestHost::with(&["tests/guests/streams"]).await;
    let address = host.listen().await;
    tokio::task::yield_now().await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    // The first ones bring what stays: instances, and room that is used again.
    abandon(&address, STREAMS_OPENED / 10).await;
    settled(&host, tasks).await;
    // Memory that a stream keeps is there after every round; that of other tests in this process is not.
    let mut grown = usize::MAX;
    for _ in 0..5 {
        let before = resident();
        abandon(&address, STREAMS_OPENED).await;
        settled(&host, tasks).await;
        grown = grown.min(resident().saturating_sub(before));
        if grown < STREAMS_OPENED / 10 {
            return;
        }
    }
    panic!("{grown} KiB more than before, after each {STREAMS_OPENED} streams");
}
