"""Python's own gRPC client against `okra serve`."""

import concurrent.futures
import functools
import time

import grpc
import pytest
from conftest import Server
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status


@pytest.fixture
def faults(channel, stubs):
    messages, services = stubs("faults")
    return messages, services.FaultsStub(channel)


def fails(call, *args, **kwargs) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(*args, **kwargs)
    return caught.value


def eventually(call, code: grpc.StatusCode):
    """Makes the call until it fails no more with `code`, for 10 s at most."""
    until = time.monotonic() + 10
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() != code or time.monotonic() > until:
                raise
            time.sleep(0.01)


def test_unary(channel, stubs):
    messages, services = stubs("greeter")
    reply = services.GreeterStub(channel).Hello(messages.HelloRequest(name="Ada"))
    assert reply.message == "Hello, Ada!"


def test_a_component_calls_another(channel, stubs):
    messages, services = stubs("billing")
    invoice = services.BillingStub(channel).GetInvoice(messages.GetInvoiceRequest(invoice_id="i-1"))
    assert invoice.user.user_id == "u-3"
    assert invoice.total.amount == 1_993_750
    assert dict(invoice.labels) == {"order": "4711"}


def test_error_details(channel, stubs):
    messages, services = stubs("billing")
    error = fails(services.BillingStub(channel).CreateInvoice, messages.CreateInvoiceRequest())
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    (detail,) = rpc_status.from_call(error).details
    wrong = error_details_pb2.BadRequest()
    assert detail.Unpack(wrong)
    assert {violation.field for violation in wrong.field_violations} == {"user_id", "lines", "payment"}


def test_metadata_both_ways(faults):
    messages, stub = faults
    sent = (("x-first", "1"), ("x-second-bin", b"\x00\xff"))
    seen = stub.Tell(messages.Payload(), metadata=sent)
    assert [name for name in seen.metadata if name.startswith("x-")] == ["x-first", "x-second-bin"]
    error = fails(stub.Fail, messages.Payload(text="on purpose"))
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "on purpose")
    assert ("x-why", "because") in error.trailing_metadata()


def test_headers_and_trailers_of_a_call_that_succeeds(faults):
    messages, stub = faults
    _, call = stub.Say.with_call(messages.Payload(text="\u732b"))
    assert ("x-header-bin", "\u732b".encode()) in call.initial_metadata()
    assert ("x-trailer", "said") in call.trailing_metadata()


def test_the_deadline_of_the_client(faults):
    messages, stub = faults
    assert stub.Tell(messages.Payload(), timeout=5).has_deadline
    assert fails(stub.Spin, messages.Payload(), timeout=0.05).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_cancelled_call_leaves_the_service_whole(faults):
    messages, stub = faults
    for _ in range(20):
        call = stub.Spin.future(messages.Payload())
        call.cancel()
    echo = functools.partial(stub.Echo, messages.Payload(text="whole"), timeout=10)
    # A guest that computes goes on for a moment after its call was cancelled, and so long the service is full.
    assert eventually(echo, grpc.StatusCode.RESOURCE_EXHAUSTED).text == "whole"


def test_a_guest_that_breaks_does_not_break_the_others(faults, channel, stubs):
    messages, stub = faults
    greetings, greeter = stubs("greeter")
    hello = greeter.GreeterStub(channel).Hello
    for method, code in [
        (stub.Panic, grpc.StatusCode.INTERNAL),
        (stub.OverflowStack, grpc.StatusCode.INTERNAL),
        (stub.Spin, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (stub.Allocate, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (stub.AnswerTooMuch, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ]:
        assert fails(method, messages.Payload()).code() == code
        assert hello(greetings.HelloRequest(name="Ada")).message == "Hello, Ada!"
        assert stub.Echo(messages.Payload(text="whole")).text == "whole"


def test_a_recursive_message(faults):
    messages, stub = faults
    tree = messages.Payload(text="root", parts=[messages.Payload(text="leaf")] * 3)
    assert stub.Echo(tree) == tree


def test_gzip(faults):
    messages, stub = faults
    text = "long " * 10_000
    assert stub.Echo(messages.Payload(text=text), compression=grpc.Compression.Gzip).text == text


def test_a_message_over_the_limit(faults):
    messages, stub = faults
    error = fails(stub.Echo, messages.Payload(text="x" * (5 << 20)))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_unknown_methods_and_services(channel):
    for path, word in [("/greeter.v1.Greeter/Hullo", "Hullo"), ("/greeter.v1.Greater/Hello", "greeter.v1.Greater")]:
        error = fails(channel.unary_unary(path), b"")
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED
        assert word in error.details()


def test_malformed_messages(channel):
    hello = channel.unary_unary("/greeter.v1.Greeter/Hello")
    for wire in [b"\x0a\x05hi", b"\x0a\x02\xff\xfe", b"\x08\x01"]:
        error = fails(hello, wire)
        assert error.code() == grpc.StatusCode.INTERNAL
        assert "greeter.v1.HelloRequest" in error.details()


def test_many_callers(channel, stubs):
    messages, services = stubs("greeter")
    hello = services.GreeterStub(channel).Hello
    with concurrent.futures.ThreadPoolExecutor(32) as callers:
        replies = list(callers.map(lambda n: hello(messages.HelloRequest(name=str(n))).message, range(500)))
    assert replies == [f"Hello, {n}!" for n in range(500)]


def test_reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"greeter.v1.Greeter", "shop.users.v1.Users", "test.raw.v1.Echo"} <= set(database.get_services())
    service = descriptor_pool.DescriptorPool(database).FindServiceByName("shop.billing.v1.Billing")
    assert [method.name for method in service.methods] == [
        "CreateInvoice",
        "GetInvoice",
        "ListInvoices",
        "ImportInvoices",
    ]


def test_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ["", "greeter.v1.Greeter", "shop.billing.v1.Billing"]:
        assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
    error = fails(stub.Check, health_pb2.HealthCheckRequest(service="no.such.Service"))
    assert error.code() == grpc.StatusCode.NOT_FOUND


def test_a_raw_service(channel, stubs):
    messages, services = stubs("raw")
    stub = services.EchoStub(channel)
    assert stub.Upper(messages.Text(text="ada")).text == "ADA"
    error = fails(stub.Lower, messages.Text(text="ADA"))
    assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "/test.raw.v1.Echo/Lower is not there")


def test_shutdown_finishes_what_runs(stubs):
    server = Server("tests/guests/faults")
    messages, services = stubs("faults")
    with grpc.insecure_channel(server.address) as channel:
        stub = services.FaultsStub(channel)
        stub.Echo(messages.Payload())
        running = stub.Spin.future(messages.Payload())
        # On the same connection, so it comes after; once it is answered, the other runs.
        stub.Echo(messages.Payload())
        log = server.stop()
        assert running.exception().code() == grpc.StatusCode.RESOURCE_EXHAUSTED, "it ran to its own end"
    assert "shut down" in log
