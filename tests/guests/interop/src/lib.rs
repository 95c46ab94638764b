//! `grpc.testing.TestService`, as gRPC's interop client expects it:
//! <https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md>

okra_guest::generate!();

use std::thread::sleep;
use std::time::Duration;

use okra_guest::{Code, Error, context};
use test_service::{
    EchoStatus, Empty, Payload, PayloadType, SimpleRequest, SimpleResponse, StreamingInputCallRequestReader,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallRequestReader,
    StreamingOutputCallResponse, StreamingOutputCallResponseWriter, TestOrcaReport, TestService,
};

struct Service;

impl TestService for Service {
    fn empty_call(request: Empty) -> Result<Empty, Error> {
        Ok(request)
    }

    fn unary_call(request: SimpleRequest) -> Result<SimpleResponse, Error> {
        echo_metadata()?;
        if let Some(report) = &request.orca_per_query_report {
            context::add_trailer("endpoint-load-metrics-bin", load_report(report))?;
        }
        fail_if_asked(request.response_status)?;
        let payload = Some(payload(request.response_type, request.response_size)?);
        let server_id = if request.fill_server_id { "interop".to_owned() } else { String::new() };
        Ok(SimpleResponse { payload, server_id, ..Default::default() })
    }

    fn streaming_output_call(
        request: StreamingOutputCallRequest,
        responses: &StreamingOutputCallResponseWriter,
    ) -> Result<(), Error> {
        answer(request, responses)
    }

    fn streaming_input_call(requests: &StreamingInputCallRequestReader) -> Result<StreamingInputCallResponse, Error> {
        let mut size = 0;
        for request in requests {
            size += request?.payload.map_or(0, |payload| payload.body.len());
        }
        let aggregated_payload_size = size.try_into().map_err(|_| Error::out_of_range("more than an int32 counts"))?;
        Ok(StreamingInputCallResponse { aggregated_payload_size })
    }

    fn full_duplex_call(
        requests: &StreamingOutputCallRequestReader,
        responses: &StreamingOutputCallResponseWriter,
    ) -> Result<(), Error> {
        echo_metadata()?;
        for request in requests {
            let mut request = request?;
            fail_if_asked(request.response_status.take())?;
            answer(request, responses)?;
        }
        Ok(())
    }

    fn half_duplex_call(
        requests: &StreamingOutputCallRequestReader,
        responses: &StreamingOutputCallResponseWriter,
    ) -> Result<(), Error> {
        let requests = requests.into_iter().collect::<Result<Vec<_>, _>>()?;
        requests.into_iter().try_for_each(|request| answer(request, responses))
    }
}

fn answer(request: StreamingOutputCallRequest, responses: &StreamingOutputCallResponseWriter) -> Result<(), Error> {
    for parameters in request.response_parameters {
        sleep(Duration::from_micros(parameters.interval_us.try_into().unwrap_or(0)));
        let payload = Some(payload(request.response_type, parameters.size)?);
        responses.write(&StreamingOutputCallResponse { payload })?;
    }
    Ok(())
}

fn payload(kind: PayloadType, size: i32) -> Result<Payload, Error> {
    let size = size.try_into().map_err(|_| Error::invalid_argument(format!("no payload has {size} bytes")))?;
    match kind {
        PayloadType::Compressable => Ok(Payload { type_: kind, body: vec![0; size] }),
        PayloadType::Unrecognized(number) => Err(Error::invalid_argument(format!("there is no payload type {number}"))),
    }
}

fn echo_metadata() -> Result<(), Error> {
    let metadata = context::metadata();
    if let Some(value) = metadata.get("x-grpc-test-echo-initial") {
        context::add_header("x-grpc-test-echo-initial", value)?;
    }
    if let Some(value) = metadata.get("x-grpc-test-echo-trailing-bin") {
        context::add_trailer("x-grpc-test-echo-trailing-bin", value)?;
    }
    Ok(())
}

fn fail_if_asked(status: Option<EchoStatus>) -> Result<(), Error> {
    match status {
        Some(status) if status.code != 0 => Err(Error::new(code(status.code), status.message)),
        _ => Ok(()),
    }
}

fn code(number: i32) -> Code {
    match number {
        1 => Code::Cancelled,
        3 => Code::InvalidArgument,
        4 => Code::DeadlineExceeded,
        5 => Code::NotFound,
        _ => Code::Unknown,
    }
}

/// `xds.data.orca.v3.OrcaLoadReport`, which is no message of the service.
fn load_report(report: &TestOrcaReport) -> Vec<u8> {
    let double = |number: u8, value: f64| [&[number << 3 | 1], &value.to_le_bytes()[..]].concat();
    let mut encoded = [double(1, report.cpu_utilization), double(2, report.memory_utilization)].concat();
    for (number, map) in [(4, &report.request_cost), (5, &report.utilization)] {
        for (name, value) in map {
            let entry = [&[1 << 3 | 2, name.len() as u8], name.as_bytes(), &double(2, *value)].concat();
            encoded.extend([number << 3 | 2, entry.len() as u8]);
            encoded.extend(entry);
        }
    }
    encoded
}

okra_guest::export!(Service);
