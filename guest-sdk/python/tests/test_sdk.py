"""The SDK away from a component."""

import datetime

import okra
import okra.testing
import pytest


class State(okra.Enum):
    STATE_UNSPECIFIED = 0
    STATE_OPEN = 1


def test_an_enum_keeps_numbers_without_a_name() -> None:
    unknown = State(99)
    assert (unknown, unknown.value, unknown.name) == (99, 99, "99")
    assert isinstance(unknown, State) and unknown != State.STATE_OPEN
    assert State(1) is State.STATE_OPEN
    with pytest.raises(ValueError):
        State(2**31)


def test_errors_have_a_class_for_each_code() -> None:
    error = okra.Error.of(okra.Code.NOT_FOUND, "no user", metadata=[("x", "y")])
    assert type(error) is okra.NotFound
    assert (str(error), error.metadata.get("x")) == ("NOT_FOUND: no user", "y")
    assert {okra.Error.of(code).code for code in okra.Code} == set(okra.Code)


def test_metadata_keeps_order_and_duplicates() -> None:
    metadata = okra.Metadata([("A", "1"), ("b-bin", b"\xff"), ("a", "2")])
    assert metadata.get_all("a") == [b"1", b"2"]
    assert (metadata.get("a"), metadata.get_bytes("B-bin")) == ("1", b"\xff")
    assert metadata.get("c") is None and "c" not in metadata and "a" in metadata


def test_points_in_time_go_to_datetime_and_back() -> None:
    when = datetime.datetime(1815, 12, 10, 1, 2, 3, 456789, datetime.timezone.utc)
    stamp = okra.Timestamp.from_datetime(when)
    assert stamp.seconds < 0 and stamp.nanos == 456_789_000
    assert stamp.to_datetime() == when
    assert okra.Timestamp(5, 999).to_datetime().second == 5
    delta = datetime.timedelta(seconds=-1, microseconds=-500_000)
    assert okra.Duration.from_timedelta(delta) == okra.Duration(-1, -500_000_000)
    assert okra.Duration(-1, -500_000_000).to_timedelta() == delta


def test_details_are_written_as_protobuf_and_read() -> None:
    wrong = okra.details.BadRequest()
    wrong.violation("a", "bc")
    error = okra.InvalidArgument("wrong", details=[wrong, okra.Detail("x/y", b"")])
    assert error.details[0] == okra.Detail(
        "type.googleapis.com/google.rpc.BadRequest", b"\x0a\x07\x0a\x01a\x12\x02bc"
    )
    assert error.detail(okra.details.BadRequest) == wrong
    assert error.detail(okra.details.RetryInfo) is None
    info = okra.details.ErrorInfo("R", "D", {"k": "v"})
    assert okra.Detail.of(info).value == b"\x0a\x01R\x12\x01D\x1a\x06\x0a\x01k\x12\x01v"
    retry = okra.details.RetryInfo(okra.Duration(300, 5))
    assert okra.Detail.of(retry).value == b"\x0a\x05\x08\xac\x02\x10\x05"


def test_any_has_a_message_and_its_type() -> None:
    packed = okra.Any.packed(okra.Duration(1, 2))
    assert (packed.type_url, packed.TypeName()) == (
        "type.googleapis.com/google.protobuf.Duration",
        "google.protobuf.Duration",
    )
    assert packed.Is(okra.Duration) and packed.Is(okra.Duration.DESCRIPTOR)
    assert packed.unpacked(okra.Timestamp) is None and packed.unpacked(okra.Duration) == okra.Duration(1, 2)
    stamp = okra.Timestamp(9)
    assert not packed.Unpack(stamp) and stamp.seconds == 9
    duration = okra.Duration()
    assert packed.Unpack(duration) and duration.nanos == 2
    # JSON has the value of a well-known type beside the type.
    written = okra.json_format.MessageToDict(packed)
    assert written == {"@type": packed.type_url, "value": "1.000000002s"}
    assert okra.json_format.ParseDict(written, okra.Any()) == packed
    with pytest.raises(okra.json_format.ParseError, match="is not a message of this project"):
        okra.json_format.ParseDict({"@type": "type.googleapis.com/no.Such"}, okra.Any())


def test_a_value_that_a_field_cannot_have_is_named() -> None:
    wrong = okra.details.BadRequest([okra.details.BadRequest.FieldViolation(field=7)])
    with pytest.raises(okra.EncodeError) as error:
        wrong.SerializeToString()
    assert str(error.value) == "google.rpc.BadRequest.field_violations[0].field: expected str, got int"
    with pytest.raises(okra.EncodeError, match="google.protobuf.Duration.nanos: 2147483648 is out of range"):
        okra.Duration(0, 2**31).SerializeToString()


def test_methods_of_protobuf_see_the_fields_of_a_message() -> None:
    failure = okra.details.QuotaFailure.Violation(subject="a", future_quota_value=0)
    assert [field.name for field, _ in failure.ListFields()] == ["subject", "future_quota_value"]
    assert failure.HasField("future_quota_value")
    assert failure.WhichOneof("_future_quota_value") == "future_quota_value"
    with pytest.raises(ValueError, match="the absence of google.rpc.QuotaFailure.Violation.subject"):
        failure.HasField("subject")
    failure.ClearField("future_quota_value")
    other = okra.details.QuotaFailure.Violation(description="b", quota_dimensions={"x": "y"})
    failure.MergeFrom(other)
    assert failure == okra.details.QuotaFailure.Violation("a", "b", quota_dimensions={"x": "y"})
    failure.CopyFrom(other)
    assert failure == other and failure.quota_dimensions is not other.quota_dimensions


def test_json_is_refused_where_protobuf_refuses_it() -> None:
    parse = okra.json_format.Parse
    for text, message, reason in [
        ('{"seconds": 1}', okra.Timestamp(), "is not a timestamp"),
        ('"0000-01-01T00:00:00Z"', okra.Timestamp(), "is not a timestamp"),
        ('"315576000001s"', okra.Duration(), "out of range"),
        ('{"a": 1, "a": 2}', okra.details.Help(), "occurs twice"),
        ('{"quotaValue": "9223372036854775808"}', okra.details.QuotaFailure.Violation(), "out of the range of int64"),
        ('{"quotaValue": 0.5}', okra.details.QuotaFailure.Violation(), "expected an integer"),
        ('{"nothing": 1}', okra.details.Help(), "has no field `nothing`"),
        ('{"links": [null]}', okra.details.Help(), "null is not a value"),
        ('NaN', okra.DoubleValue(), "is not JSON"),
        ("1e999", okra.DoubleValue(), "out of the range of double"),
        ("3.5e38", okra.FloatValue(), "out of the range of float"),
        ("[" * 100_000, okra.ListValue(), "JSON"),
    ]:
        with pytest.raises(okra.json_format.ParseError, match=reason):
            parse(text, message)
    assert parse('{"nothing": 1}', okra.details.Help(), ignore_unknown_fields=True) == okra.details.Help()
    assert parse('"1.5e1"', okra.Int32Value()).value == 15
    assert okra.json_format.MessageToJson(okra.DoubleValue(float("-inf")), indent=None) == '"-Infinity"'
    with pytest.raises(okra.json_format.SerializeToJsonError):
        okra.json_format.MessageToJson(okra.Value(float("nan")))


class Echo(okra.Service):
    """As a generated service is, with a method of each shape."""

    __methods__ = {"/t.Echo/One": "one", "/t.Echo/Many": "many", "/t.Echo/Talk": "talk"}

    def one(self, request, context):
        context.add_trailer("x-seen", context.metadata.get("x-sent") or "nothing")
        return request

    def many(self, request, context):
        yield from range(request)

    def talk(self, requests, context):
        for request in requests:
            yield request * 2


def test_a_fake_answers_with_what_the_scope_says() -> None:
    with okra.testing.fake(Echo()):
        with okra.outgoing(metadata={"x-sent": "a"}) as scope:
            assert okra.calls.unary("/t.Echo/One", 7) == 7
        assert scope.trailers.get("x-seen") == "a"
        assert list(okra.calls.server_stream("/t.Echo/Many", 3)) == [0, 1, 2]
        with pytest.raises(okra.Unimplemented, match="nobody fakes `t.Other`"):
            okra.calls.unary("/t.Other/One", 1)
    with pytest.raises(RuntimeError, match="nobody to call"):
        okra.calls.unary("/t.Echo/One", 7)


def test_a_faked_call_takes_turns_and_says_when_both_wait() -> None:
    with okra.testing.fake(Echo()):
        call = okra.calls.stream("/t.Echo/Talk")
        call.write(1)
        assert call.read() == 2
        with pytest.raises(RuntimeError, match="waits for a request"):
            call.read()
        call = okra.calls.stream("/t.Echo/Talk")
        call.write(2)
        call.write(3)
        call.done_writing()
        assert list(call) == [4, 6] and call.read() is None


def test_metadata_that_the_host_would_refuse_is_refused() -> None:
    context = okra.testing.Context()
    for name, value in [("grpc-x", "a"), ("X Y", "a"), ("x", "\n"), ("content-type", "a")]:
        with pytest.raises(okra.InvalidMetadata):
            context.add_header(name, value)
    context.add_header("x-bin", b"\xff")
    assert context.headers.get_bytes("x-bin") == b"\xff"


def test_a_protocol_that_only_a_newer_host_knows_is_kept() -> None:
    assert okra.Protocol("rest") is okra.Protocol.REST
    newer = okra.Protocol("quic")
    assert isinstance(newer, okra.Protocol) and newer != okra.Protocol.GRPC
    assert (newer, newer.name, newer.value, str(newer)) == ("quic", "quic", "quic", "quic")
    assert {newer: 1}[okra.Protocol("quic")] == 1
    assert str(okra.Codec("json")) == "json"


def test_a_handler_under_test_sees_the_client_that_the_test_names() -> None:
    context = okra.testing.Context(caller="spiffe://shop/billing", client_certificate=b"\x30")
    assert (context.caller, context.client_certificate) == ("spiffe://shop/billing", b"\x30")
    assert okra.testing.Context().caller is None
