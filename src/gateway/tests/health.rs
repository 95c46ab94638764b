//! Health checks.

use crate::gateway::tests::*;

async fn check(channel: Channel, service: &str) -> Result<ServingStatus, Status> {
    let request = HealthCheckRequest { service: service.to_owned() };
    Ok(HealthClient::new(channel).check(request).await?.into_inner().status())
}

#[tokio::test]
async fn it_is_told_of_each_service_and_of_all() {
    let server = Server::start().await;
    let channel = server.channel().await;
    assert_eq!(check(channel.clone(), "").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check(channel.clone(), "greeter.v1.Greeter").await.unwrap(), ServingStatus::Serving);
    assert_eq!(check(channel, "greeter.v1.Nobody").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn watchers_follow_deploys_until_the_shutdown() {
    let mut server = Server::start().await;
    let request = HealthCheckRequest { service: "greeter.v1.Greeter".to_owned() };
    let mut watch = HealthClient::new(server.channel().await).watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut down = Catalog::default();
    down.add(greeter().get_service_by_name("greeter.v1.Greeter").unwrap(), ServiceHealth::NotServing);
    server.fake.catalog.send_replace(Arc::new(down));
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    server.fake.catalog.send_replace(Arc::new(catalog()));
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(server.stopped().await, ShutdownReport { finished: 1, cut: vec![] });
}

#[tokio::test]
async fn a_service_that_is_gone_is_unknown_again() {
    let server = Server::start().await;
    let request = HealthCheckRequest { service: "greeter.v1.Greeter".to_owned() };
    let channel = server.channel().await;
    let mut watch = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    server.fake.catalog.send_replace(Arc::default());
    assert!(watch.next().await.is_none());
    assert_eq!(check(channel, "greeter.v1.Greeter").await.unwrap_err().code(), Code::NotFound);
}
