"""Calls with streams, by Python's own gRPC client."""

import queue

import grpc
import pytest


@pytest.fixture(params=["StreamsStub", "OnwardStub"])
def both(request, channel, stubs):
    """The service itself, and the one that answers by calling it."""
    messages, services = stubs("streams")
    return messages, getattr(services, request.param)(channel)


@pytest.fixture
def streams(channel, stubs):
    messages, services = stubs("streams")
    return messages, services.StreamsStub(channel)


def values(call) -> list[int]:
    return [message.value for message in call]


def test_a_stream_of_responses(both):
    messages, stub = both
    assert values(stub.Count(messages.Number(value=500))) == list(range(1, 501))


def test_a_stream_of_requests(both):
    messages, stub = both
    assert stub.Sum(messages.Number(value=n) for n in range(500)).value == sum(range(500))
    assert stub.Sum(iter(())).value == 0


def test_both_sides_in_turn(both):
    messages, stub = both
    requests = queue.SimpleQueue()
    responses = stub.Double(iter(requests.get, None))
    for n in range(100):
        requests.put(messages.Number(value=n))
        assert next(responses).value == 2 * n
    requests.put(None)
    assert list(responses) == []


def test_a_conversation(channel, stubs):
    messages, services = stubs("chat")
    said = [messages.Line(text="I am late.")]
    heard = services.ChatStub(channel).Talk(iter(said))
    assert [line.text for line in heard] == [
        "Why do you think that you are late?",
        "You said 1 things. Goodbye.",
    ]


def test_metadata_and_an_error_behind_messages(streams):
    messages, stub = streams
    call = stub.Break(messages.Number(value=7))
    assert ("x-early", "header") in call.initial_metadata()
    assert [next(call).value, next(call).value] == [7, 8]
    with pytest.raises(grpc.RpcError):
        next(call)
    assert (call.code(), call.details()) == (grpc.StatusCode.ABORTED, "on purpose")
    assert ("x-end", "trailer") in call.trailing_metadata()


def test_a_stream_without_messages(streams):
    messages, stub = streams
    call = stub.Nothing(messages.Number())
    assert list(call) == []
    assert ("x-early", "header") in call.initial_metadata()
    assert ("x-end", "trailer") in call.trailing_metadata()


def test_requests_that_nobody_reads(streams):
    messages, stub = streams
    assert values(stub.Shout(messages.Number(value=n) for n in range(2000))) == [1, 2, 3]
    assert stub.Until(messages.Number(value=n) for n in range(2000)).value == 11


def test_a_client_that_leaves(both):
    messages, stub = both
    for _ in range(50):
        call = stub.Count(messages.Number(value=2**63))
        assert next(call).value == 1
        call.cancel()
    assert values(stub.Count(messages.Number(value=3))) == [1, 2, 3]


def test_the_deadline_of_a_stream(streams):
    messages, stub = streams
    requests = queue.SimpleQueue()
    call = stub.Double(iter(requests.get, None), timeout=0.2)
    requests.put(messages.Number(value=4))
    assert next(call).value == 8
    with pytest.raises(grpc.RpcError):
        next(call)
    requests.put(None)
    assert call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_guest_that_panics_in_a_stream(streams):
    messages, stub = streams
    call = stub.Panic(iter([messages.Number()]))
    assert next(call).value == 1
    with pytest.raises(grpc.RpcError):
        next(call)
    assert call.code() == grpc.StatusCode.INTERNAL
    assert values(stub.Count(messages.Number(value=2))) == [1, 2]
