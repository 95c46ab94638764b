//! The gateway with real bytes, in front of a fake handler.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod budgets;
mod cancellation;
mod compression;
mod connect;
mod deadlines;
mod depth;
mod flow;
mod health;
mod limits;
mod log;
mod manners;
mod page;
mod reflection;
mod rest;
mod rest_bodies;
mod rest_conformance;
mod rest_origins;
mod rest_protobuf;
mod rest_routes;
mod rest_values;
mod routes;
mod shutdown;
mod streaming;
mod tls;
mod unary;
mod web;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::codec::{CompressionEncoding, Streaming};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::gateway::catalog::{Catalog, ServiceHealth};
use crate::gateway::fake::{Server, catalog, compile, greeter, text};
use crate::gateway::settings::GatewaySettings;
use crate::gateway::{ShutdownReport, listen};
use crate::grpc::BytesCodec;

async fn call(
    channel: Channel,
    method: &str,
    request: tonic::Request<Bytes>,
) -> Result<tonic::Response<Bytes>, Status> {
    unary(Grpc::new(channel), &format!("/greeter.v1.Greeter/{method}"), request).await
}

async fn unary(
    mut grpc: Grpc<Channel>,
    path: &str,
    request: tonic::Request<Bytes>,
) -> Result<tonic::Response<Bytes>, Status> {
    grpc.ready().await.unwrap();
    grpc.unary(request, PathAndQuery::try_from(path).unwrap(), BytesCodec).await
}

fn request(name: &str) -> tonic::Request<Bytes> {
    tonic::Request::new(text(name))
}

/// The response to a call made by hand.
#[derive(Debug)]
struct Raw {
    head: http::response::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Raw {
    /// The status, wherever it is.
    fn status(&self) -> Status {
        Status::from_header_map(self.trailers.as_ref().unwrap_or(&self.head.headers)).unwrap()
    }
}

fn post(server: &Server, path: &str) -> http::request::Builder {
    Request::post(format!("http://{}{path}", server.address))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
}

/// Sends a request with this body, on a connection of its own.
async fn raw(server: &Server, request: Request<()>, body: Bytes) -> Raw {
    let (response, _stream) = open_on(&connection(server).await, request, &body, true).await;
    read(response.await.unwrap()).await
}

type Open = (h2::client::ResponseFuture, h2::SendStream<Bytes>);

/// Opens a stream and sends this much of the request, on a connection of its own.
async fn open(server: &Server, request: Request<()>, body: &[u8]) -> Open {
    open_on(&connection(server).await, request, body, false).await
}

async fn connection(server: &Server) -> h2::client::SendRequest<Bytes> {
    let (sender, connection) = h2::client::handshake(server.tcp().await).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Opens a stream on a connection that is there.
async fn open_on(sender: &h2::client::SendRequest<Bytes>, request: Request<()>, body: &[u8], end: bool) -> Open {
    let mut sender = sender.clone().ready().await.unwrap();
    let (response, mut stream) = sender.send_request(request, false).unwrap();
    stream.send_data(Bytes::copy_from_slice(body), end).unwrap();
    (response, stream)
}

async fn read(response: Response<h2::RecvStream>) -> Raw {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.unwrap();
        stream.flow_control().release_capacity(data.len()).unwrap();
        body.extend(data);
    }
    Raw { head, body: body.into(), trailers: stream.trailers().await.unwrap() }
}

/// Calls a method that streams.
async fn stream<S>(channel: Channel, method: &str, requests: S) -> Result<tonic::Response<Streaming<Bytes>>, Status>
where
    S: tokio_stream::Stream<Item = Bytes> + Send + 'static,
{
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/greeter.v1.Greeter/{method}")).unwrap();
    grpc.streaming(tonic::Request::new(requests), path, BytesCodec).await
}

/// A message with its five bytes before it.
fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    framed
}
