use crate::gateway::tests::*;

#[tokio::test]
async fn a_reset_cancels_the_call_and_only_it() {
    let mut server = Server::start().await;
    let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
    tokio::spawn(connection);
    let request = post(&server, "/greeter.v1.Greeter/Wait").body(()).unwrap();
    let (first, mut stream) = sender.clone().ready().await.unwrap().send_request(request.clone(), false).unwrap();
    stream.send_data(Bytes::from(framed(&text("a"))), true).unwrap();
    let first_context = server.began.recv().await.unwrap();
    let (_second, mut other) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    other.send_data(Bytes::from(framed(&text("b"))), true).unwrap();
    let second_context = server.began.recv().await.unwrap();
    stream.send_reset(h2::Reason::CANCEL);
    drop(first);
    timeout(Duration::from_secs(2), first_context.cancellation.cancelled()).await.unwrap();
    assert!(!second_context.cancellation.is_cancelled());
}

#[tokio::test]
async fn a_closed_connection_cancels_its_calls() {
    let mut server = Server::start().await;
    let channel = server.channel().await;
    let calling = tokio::spawn(call(channel, "Wait", request("Ada")));
    let context = server.began.recv().await.unwrap();
    calling.abort();
    timeout(Duration::from_secs(2), context.cancellation.cancelled()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_was_answered_is_not_cancelled() {
    let mut server = Server::start().await;
    call(server.channel().await, "Echo", request("Ada")).await.unwrap();
    assert!(!server.began.recv().await.unwrap().cancellation.is_cancelled());
}
