use crate::gateway::tests::*;

async fn refused(server: &Server, path: &str) -> String {
    let status = unary(Grpc::new(server.channel().await), path, request("Ada")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    status.message().to_owned()
}

#[tokio::test]
async fn what_is_not_served_is_named_with_what_may_have_been_meant() {
    let server = Server::start().await;
    let cases = [
        (
            "/greeter.v1.Greter/Hello",
            "service `greeter.v1.Greter` is not served here; did you mean `greeter.v1.Greeter`?",
        ),
        ("/shop.v1.Users/Get", "service `shop.v1.Users` is not served here"),
        ("/greeter.v1.Greeter/Helo", "service `greeter.v1.Greeter` has no method `Helo`; did you mean `Hello`?"),
        ("/greeter.v1.Greeter/Remove", "service `greeter.v1.Greeter` has no method `Remove`"),
        ("/greeter.v1.Greeter/Hello/x", "service `greeter.v1.Greeter` has no method `Hello/x`"),
        ("/", "`/` is no method: expected a path of the form /SERVICE/METHOD"),
    ];
    for (path, message) in cases {
        assert!(refused(&server, path).await.starts_with(message), "{path}: {}", refused(&server, path).await);
    }
}

#[tokio::test]
async fn a_deploy_changes_what_is_served_at_once() {
    let server = Server::start().await;
    server.fake.catalog.send_replace(Arc::default());
    assert_eq!(refused(&server, "/greeter.v1.Greeter/Hello").await, "service `greeter.v1.Greeter` is not served here");
    server.fake.catalog.send_replace(Arc::new(catalog()));
    call(server.channel().await, "Hello", request("Ada")).await.unwrap();
}
