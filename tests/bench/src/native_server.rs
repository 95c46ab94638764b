//! A server of `bench.echo.v1.Echo` as tonic's generated code makes it.

mod generated {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "tonic wrote it")]
    include!(concat!(env!("OUT_DIR"), "/bench.echo.v1.Echo.rs"));
}

use std::io::Write as _;
use std::pin::Pin;

use miette::IntoDiagnostic as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use crate::messages::{Basket, Blob, FeedRequest, Note};
use generated::echo_server::{Echo, EchoServer};

struct Service;

#[tonic::async_trait]
impl Echo for Service {
    async fn small(&self, request: Request<Note>) -> Result<Response<Note>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn items(&self, request: Request<Basket>) -> Result<Response<Basket>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn bytes(&self, request: Request<Blob>) -> Result<Response<Blob>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type TalkStream = Streaming<Blob>;

    async fn talk(&self, request: Request<Streaming<Blob>>) -> Result<Response<Streaming<Blob>>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type FeedStream = Pin<Box<dyn Stream<Item = Result<Blob, Status>> + Send>>;

    async fn feed(&self, request: Request<FeedRequest>) -> Result<Response<Self::FeedStream>, Status> {
        let FeedRequest { count, size } = request.into_inner();
        let blobs = (0..count).map(move |_| Ok(Blob { data: vec![0; size as usize] }));
        Ok(Response::new(Box::pin(tokio_stream::iter(blobs))))
    }
}

/// Serves until the process is killed. Where it listens is on standard error.
#[tokio::main]
pub(crate) async fn serve() -> miette::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.into_diagnostic()?;
    let address = listener.local_addr().into_diagnostic()?;
    // In the words of `okra serve`.
    writeln!(std::io::stderr(), "listening on http://{address}").into_diagnostic()?;
    // The generated service without tonic's router around it: nothing that one service does not need.
    let serve = Server::builder().serve_with_incoming(EchoServer::new(Service), connections(listener));
    serve.await.into_diagnostic()
}

/// Connections without Nagle's delay, as tonic's own listener and OKRA accept them.
fn connections(listener: TcpListener) -> impl Stream<Item = std::io::Result<tokio::net::TcpStream>> {
    TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        stream.set_nodelay(true)?;
        Ok(stream)
    })
}
