//! Generates the native server's side of `proto/bench/echo/v1/echo.proto`; its messages are in `src/messages.rs`.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, message: &str| {
        Method::builder()
            .name(name.to_ascii_lowercase())
            .route_name(name)
            .input_type(format!("crate::messages::{message}"))
            .output_type(format!("crate::messages::{message}"))
            .codec_path("tonic_prost::ProstCodec")
    };
    let streaming =
        |name: &str, request: &str| method(name, request).output_type("crate::messages::Blob").server_streaming();
    let echo = Service::builder()
        .package("bench.echo.v1")
        .name("Echo")
        .method(method("Small", "Note").build())
        .method(method("Items", "Basket").build())
        .method(method("Bytes", "Blob").build())
        .method(streaming("Talk", "Blob").client_streaming().build())
        .method(streaming("Feed", "FeedRequest").build())
        .build();
    Builder::new().build_client(false).compile(&[echo]);
    println!("cargo::rerun-if-changed=build.rs");
}
