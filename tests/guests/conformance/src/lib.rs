//! The service that the conformance suite of Connect, gRPC and gRPC-Web calls. What a handler does stands in the request.
//!
//! See <https://github.com/connectrpc/conformance>, from which the .proto files are.

okra_guest::generate!();

mod encode;

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use conformance_service::{
    BidiStreamRequest, BidiStreamRequestReader, BidiStreamResponse, BidiStreamResponseWriter, ClientStreamRequestReader,
    ClientStreamResponse, ConformancePayload, ConformancePayloadConnectGetInfo, ConformancePayloadRequestInfo,
    ConformanceService, Error as ErrorDefinition, Header, IdempotentUnaryRequest, IdempotentUnaryResponse,
    ServerStreamRequest, ServerStreamResponse, ServerStreamResponseWriter, StreamResponseDefinition, UnaryRequest,
    UnaryResponse, UnaryResponseDefinition, UnaryResponseDefinitionResponse, UnimplementedRequest, UnimplementedResponse,
};
use encode::Encode;
use okra_guest::well_known::Any;
use okra_guest::{Code, Error, context};

struct Conformance;

impl ConformanceService for Conformance {
    fn unary(request: UnaryRequest) -> Result<UnaryResponse, Error> {
        let requests = vec![any("UnaryRequest", &request)];
        Ok(UnaryResponse { payload: Some(answer(request.response_definition, requests)?) })
    }

    fn idempotent_unary(request: IdempotentUnaryRequest) -> Result<IdempotentUnaryResponse, Error> {
        let requests = vec![any("IdempotentUnaryRequest", &request)];
        Ok(IdempotentUnaryResponse { payload: Some(answer(request.response_definition, requests)?) })
    }

    fn client_stream(requests: &ClientStreamRequestReader) -> Result<ClientStreamResponse, Error> {
        let mut received = Vec::new();
        let mut definition = None;
        for request in requests {
            let request = request?;
            if received.is_empty() {
                definition = request.response_definition.clone();
            }
            received.push(any("ClientStreamRequest", &request));
        }
        Ok(ClientStreamResponse { payload: Some(answer(definition, received)?) })
    }

    fn server_stream(request: ServerStreamRequest, responses: &ServerStreamResponseWriter) -> Result<(), Error> {
        let received = vec![any("ServerStreamRequest", &request)];
        let definition = request.response_definition.unwrap_or_default();
        say(&definition.response_headers, &definition.response_trailers)?;
        let mut info = Some(info(received));
        for data in definition.response_data {
            wait(definition.response_delay_ms);
            let payload = Some(ConformancePayload { data, request_info: info.take() });
            responses.write(&ServerStreamResponse { payload })?;
        }
        end(definition.error, info)
    }

    fn bidi_stream(requests: &BidiStreamRequestReader, responses: &BidiStreamResponseWriter) -> Result<(), Error> {
        let Some(first) = requests.read()? else { return Ok(()) };
        let mut received = vec![any("BidiStreamRequest", &first)];
        let BidiStreamRequest { response_definition, full_duplex, .. } = first;
        let definition = response_definition.unwrap_or_default();
        say(&definition.response_headers, &definition.response_trailers)?;
        let StreamResponseDefinition { response_data, response_delay_ms, error, .. } = definition;
        let silent = response_data.is_empty();
        let mut data = response_data.into_iter();
        if !full_duplex {
            for request in requests {
                received.push(any("BidiStreamRequest", &request?));
            }
        }
        // In the first response is all that is known, in those that follow what came since.
        let mut known = Some(info(received));
        let respond = |data: Vec<u8>, known: Option<ConformancePayloadRequestInfo>| {
            wait(response_delay_ms);
            responses.write(&BidiStreamResponse { payload: Some(ConformancePayload { data, request_info: known }) })
        };
        if full_duplex {
            while let Some(data) = data.next() {
                respond(data, known.take())?;
                let Some(request) = requests.read()? else { break };
                let requests = vec![any("BidiStreamRequest", &request)];
                known = Some(ConformancePayloadRequestInfo { requests, ..Default::default() });
            }
        }
        for data in data {
            respond(data, known.take())?;
        }
        end(error, known.filter(|_| silent))
    }

    fn unimplemented(_: UnimplementedRequest) -> Result<UnimplementedResponse, Error> {
        Err(Error::unimplemented("this method is not implemented, on purpose"))
    }
}

/// The answer of a method with one response.
fn answer(definition: Option<UnaryResponseDefinition>, requests: Vec<Any>) -> Result<ConformancePayload, Error> {
    let info = info(requests);
    let Some(definition) = definition else {
        return Ok(ConformancePayload { data: Vec::new(), request_info: Some(info) });
    };
    say(&definition.response_headers, &definition.response_trailers)?;
    wait(definition.response_delay_ms);
    let data = match definition.response {
        Some(UnaryResponseDefinitionResponse::Error(error)) => return Err(failure(error, Some(info))),
        Some(UnaryResponseDefinitionResponse::ResponseData(data)) => data,
        None => Vec::new(),
    };
    Ok(ConformancePayload { data, request_info: Some(info) })
}

fn wait(milliseconds: u32) {
    if milliseconds > 0 {
        thread::sleep(Duration::from_millis(milliseconds.into()));
    }
}

/// Sends headers and trailers.
fn say(headers: &[Header], trailers: &[Header]) -> Result<(), Error> {
    for (headers, add) in [(headers, add_header as Add), (trailers, add_trailer)] {
        for header in headers {
            for value in &header.value {
                let value = match header.name.ends_with("-bin") {
                    true => STANDARD_NO_PAD.decode(value.trim_end_matches('=')).unwrap_or_default(),
                    false => value.clone().into_bytes(),
                };
                add(&header.name, &value)?;
            }
        }
    }
    Ok(())
}

type Add = fn(&str, &[u8]) -> Result<(), okra_guest::InvalidMetadata>;

fn add_header(name: &str, value: &[u8]) -> Result<(), okra_guest::InvalidMetadata> {
    context::add_header(name, value)
}

fn add_trailer(name: &str, value: &[u8]) -> Result<(), okra_guest::InvalidMetadata> {
    context::add_trailer(name, value)
}

/// What is known of the call and the requests that it brought.
fn info(requests: Vec<Any>) -> ConformancePayloadRequestInfo {
    let mut request_headers: Vec<Header> = Vec::new();
    for (name, value) in context::metadata().iter() {
        let value = match name.ends_with("-bin") {
            true => STANDARD_NO_PAD.encode(value),
            false => String::from_utf8_lossy(value).into_owned(),
        };
        match request_headers.iter_mut().find(|header| header.name == name) {
            Some(header) => header.value.push(value),
            None => request_headers.push(Header { name: name.to_owned(), value: vec![value] }),
        }
    }
    let query = context::get_query().map(|query| ConformancePayloadConnectGetInfo {
        query_params: form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| Header { name: name.into_owned(), value: vec![value.into_owned()] })
            .collect(),
    });
    ConformancePayloadRequestInfo {
        request_headers,
        timeout_ms: context::timeout().and_then(|timeout| timeout.as_millis().try_into().ok()),
        requests,
        connect_get_info: query,
    }
}

/// How a stream ends. What was not told in a response is told in the details of the error.
fn end(error: Option<ErrorDefinition>, info: Option<ConformancePayloadRequestInfo>) -> Result<(), Error> {
    error.map_or(Ok(()), |error| Err(failure(error, info)))
}

fn failure(error: ErrorDefinition, info: Option<ConformancePayloadRequestInfo>) -> Error {
    let code = Code::ALL.into_iter().find(|code| code.number() == encode::code(error.code)).unwrap_or(Code::Unknown);
    let details = error.details.into_iter().chain(info.map(|info| any("ConformancePayload.RequestInfo", &info)));
    details.fold(Error::new(code, error.message.unwrap_or_default()), |error, detail| {
        error.with_detail(detail.type_url, detail.value)
    })
}

fn any(name: &str, message: &impl Encode) -> Any {
    Any { type_url: format!("type.googleapis.com/connectrpc.conformance.v1.{name}"), value: message.encode() }
}

okra_guest::export!(Conformance);
