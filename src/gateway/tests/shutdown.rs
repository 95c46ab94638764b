use crate::gateway::tests::*;

#[tokio::test]
async fn calls_in_flight_finish_and_no_others_begin() {
    let mut server = Server::start().await;
    let address = server.address;
    let channel = server.channel().await;
    let calling = tokio::spawn(call(channel, "Held", request("Ada")));
    server.began.recv().await.unwrap();
    server.stop();
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.release();
    assert_eq!(calling.await.unwrap().unwrap().into_inner(), text("held"));
    assert_eq!(server.stopped().await, ShutdownReport { finished: 1, cut: vec![] });
}

#[tokio::test]
async fn what_outlasts_the_grace_is_cut_and_named() {
    let mut server =
        Server::with(GatewaySettings { grace: Duration::from_millis(100), ..GatewaySettings::default() }).await;
    let waiting = tokio::spawn(call(server.channel().await, "Wait", request("Ada")));
    let holding = tokio::spawn(call(server.channel().await, "Held", request("Ada")));
    server.began.recv().await.unwrap();
    server.began.recv().await.unwrap();
    server.stop();
    server.release();
    assert!(holding.await.unwrap().is_ok());
    let status = waiting.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "the server shut down before the call was over");
    assert_eq!(server.stopped().await, ShutdownReport { finished: 1, cut: vec!["greeter.v1.Greeter/Wait".to_owned()] });
}

#[tokio::test]
async fn idle_connections_and_silent_ones_do_not_delay_it() {
    let mut server = Server::start().await;
    let channel = server.channel().await;
    call(channel.clone(), "Echo", request("Ada")).await.unwrap();
    let _silent = server.tcp().await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.stop();
    let began = Instant::now();
    assert_eq!(server.stopped().await, ShutdownReport::default());
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_connection_is_told_to_go_away_before_its_call_is_over() {
    let mut server = Server::start().await;
    let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = post(&server, "/greeter.v1.Greeter/Held").body(()).unwrap();
    let (response, mut stream) = sender.clone().ready().await.unwrap().send_request(request.clone(), false).unwrap();
    stream.send_data(Bytes::from(framed(&text("Ada"))), true).unwrap();
    server.began.recv().await.unwrap();
    server.stop();
    let refused = async {
        loop {
            let mut sender = match sender.clone().ready().await {
                Ok(sender) => sender,
                Err(error) => break error,
            };
            if let Err(error) = sender.send_request(request.clone(), true) {
                break error;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(2), refused).await.unwrap();
    server.release();
    assert_eq!(read(response.await.unwrap()).await.status().code(), Code::Ok);
    timeout(Duration::from_secs(2), connection).await.unwrap().unwrap().unwrap();
    assert!(server.stopped().await.cut.is_empty());
}
