//! gRPC-Web: tonic-web turns requests and responses into those of gRPC and back. <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>

use std::convert::Infallible;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::call::Codec;
use crate::gateway::call::body::PartedBody;

/// The bytes of a response that become base64 at once: a multiple of three, so that no padding is needed between the parts.
const BASE64_PART_BYTES: usize = 48 << 10;

/// The framing of a gRPC-Web request and its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrpcWebFormat {
    /// Whether both are in base64.
    pub(crate) text: bool,
    pub(crate) codec: Codec,
}

impl GrpcWebFormat {
    /// Serves a request by `grpc`, which serves gRPC.
    pub(crate) async fn serve_as_grpc<F>(
        self,
        mut request: Request<Body>,
        grpc: impl FnMut(Request<Body>) -> F,
    ) -> Response<Body>
    where
        F: Future<Output = Response<Body>>,
    {
        // tonic-web knows these two types, and answers in the one that `accept` names.
        let plain = HeaderValue::from_static(match self.text {
            false => "application/grpc-web",
            true => "application/grpc-web-text",
        });
        request.headers_mut().insert(CONTENT_TYPE, plain.clone());
        request.headers_mut().insert(ACCEPT, plain);
        let mut grpc = grpc;
        let service = service_fn(move |request| {
            let answer = grpc(request);
            let is_text = self.text;
            async move {
                let response = answer.await;
                // A part becomes base64 at once.
                let parted = |body| Body::new(PartedBody::new(body, BASE64_PART_BYTES));
                Ok::<_, Infallible>(if is_text { response.map(parted) } else { response })
            }
        });
        let answered = GrpcWebLayer::new().layer(service).oneshot(request).await;
        let mut response = answered.unwrap_or_else(|never| match never {});
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static(match (self.text, self.codec) {
                (false, Codec::Proto) => "application/grpc-web+proto",
                (false, Codec::Json) => "application/grpc-web+json",
                (true, Codec::Proto) => "application/grpc-web-text+proto",
                (true, Codec::Json) => "application/grpc-web-text+json",
            }),
        );
        response
    }
}
