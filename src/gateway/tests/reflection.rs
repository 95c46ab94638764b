use crate::gateway::tests::*;

async fn ask(channel: Channel, question: MessageRequest) -> Result<MessageResponse, Status> {
    let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let mut answers =
        ServerReflectionClient::new(channel).server_reflection_info(tokio_stream::once(request)).await?.into_inner();
    Ok(answers.message().await?.unwrap().message_response.unwrap())
}

async fn file(channel: Channel, question: MessageRequest) -> Vec<u8> {
    match ask(channel, question).await.unwrap() {
        MessageResponse::FileDescriptorResponse(files) => files.file_descriptor_proto[0].clone(),
        other => panic!("{other:?}"),
    }
}

async fn services(channel: Channel) -> Vec<String> {
    match ask(channel, MessageRequest::ListServices(String::new())).await.unwrap() {
        MessageResponse::ListServicesResponse(list) => list.service.into_iter().map(|service| service.name).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_lists_what_is_served_and_itself() {
    let server = Server::start().await;
    let own =
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    let channel = server.channel().await;
    assert_eq!(services(channel.clone()).await, [&["greeter.v1.Greeter"][..], &own].concat());
    server.fake.catalog.send_replace(Arc::default());
    assert_eq!(services(channel).await, own);
}

#[tokio::test]
async fn it_tells_the_file_of_a_symbol_with_its_custom_options() {
    let server = Server::start().await;
    let channel = server.channel().await;
    let wanted = greeter().get_file_by_name("greeter/v1/greeter.proto").unwrap().encode_to_vec();
    for symbol in ["greeter.v1.Greeter", "greeter.v1.Greeter.Hello", "greeter.v1.HelloRequest.Gift"] {
        let question = MessageRequest::FileContainingSymbol(symbol.to_owned());
        assert_eq!(file(channel.clone(), question).await, wanted, "{symbol}");
    }
    assert!(wanted.windows(4).any(|bytes| bytes == b"kept"));
    let question = MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned());
    file(channel.clone(), question).await;
    let question = MessageRequest::FileByFilename("google/protobuf/timestamp.proto".to_owned());
    file(channel.clone(), question).await;
    let question = MessageRequest::FileContainingSymbol("greeter.v1.Nobody".to_owned());
    assert_eq!(ask(channel, question).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn v1alpha_answers_as_v1_does() {
    use tonic_reflection::pb::v1alpha;
    let server = Server::start().await;
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    match answers.message().await.unwrap().unwrap().message_response.unwrap() {
        v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list) => {
            assert_eq!(list.service.len(), 4);
        }
        other => panic!("{other:?}"),
    }
}

/// Two packages bring different files of one name, and each service must be told with its own.
#[tokio::test]
async fn files_of_one_name_are_told_apart() {
    let package = |name: &str, field: &str| {
        compile(&[
            (
                "service.proto",
                &format!(
                    "syntax = \"proto3\"; package {name}; import \"types.proto\";
                     service S {{ rpc Get(Type) returns (Type); }}"
                ),
            ),
            ("types.proto", &format!("syntax = \"proto3\"; package {name}; message Type {{ string {field} = 1; }}")),
        ])
    };
    let mut served = Catalog::default();
    served.add(package("one", "a").get_service_by_name("one.S").unwrap(), ServiceHealth::Serving);
    served.add(package("two", "b").get_service_by_name("two.S").unwrap(), ServiceHealth::Serving);
    let server = Server::start().await;
    server.fake.catalog.send_replace(Arc::new(served));
    let channel = server.channel().await;
    for (service, field) in [("one", "a"), ("two", "b")] {
        let mut pool = prost_reflect::DescriptorPool::new();
        let question = MessageRequest::FileContainingSymbol(format!("{service}.S"));
        let main = prost_types::FileDescriptorProto::decode(&*file(channel.clone(), question).await).unwrap();
        for import in &main.dependency {
            let question = MessageRequest::FileByFilename(import.clone());
            pool.decode_file_descriptor_proto(&*file(channel.clone(), question).await).unwrap();
        }
        pool.add_file_descriptor_proto(main).unwrap();
        let message = pool.get_message_by_name(&format!("{service}.Type")).unwrap();
        assert!(message.get_field_by_name(field).is_some());
    }
}

/// One who calls a service carries an older file of it.
#[tokio::test]
async fn a_service_is_told_by_the_package_that_serves_it() {
    let users = |methods: &str| {
        format!(
            "syntax = \"proto3\"; package users; message U {{}} service Users {{ rpc Get(U) returns (U); {methods} }}"
        )
    };
    let billing = "syntax = \"proto3\"; package a; import \"users.proto\";
                   service Billing { rpc Get(users.U) returns (users.U); }";
    let caller = compile(&[("billing.proto", billing), ("users.proto", &users(""))]);
    let provider = compile(&[("users.proto", &users("rpc New(U) returns (U);"))]);
    let mut served = Catalog::default();
    served.add(caller.get_service_by_name("a.Billing").unwrap(), ServiceHealth::Serving);
    served.add(provider.get_service_by_name("users.Users").unwrap(), ServiceHealth::Serving);
    let server = Server::start().await;
    server.fake.catalog.send_replace(Arc::new(served));
    let question = MessageRequest::FileContainingSymbol("users.Users".to_owned());
    let file = file(server.channel().await, question).await;
    let file = prost_types::FileDescriptorProto::decode(&*file).unwrap();
    assert_eq!(file.service[0].method.len(), 2);
}
