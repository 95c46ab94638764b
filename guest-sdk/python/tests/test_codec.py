"""The encodings of messages are those of google.protobuf: random messages of the mapping's corpus go through both."""

import importlib
import json
import math

import okra
import pytest
from google.protobuf import json_format as google_json
from google.protobuf.message import DecodeError
from okra import _wire, grpc, json_format
from random_messages import Maker, differences

SEEDS = 80
TYPES = {
    "corpus.scalars.v1.Scalars": "gen.corpus.scalars.v1",
    "corpus.shapes.v1alpha.Shapes": "gen.corpus.shapes.v1alpha",
    "corpus.shapes.v1alpha.Outer": "gen.corpus.shapes.v1alpha",
    "corpus.known.v2p1beta3.Known": "gen.corpus.known.v2p1beta3",
    "type.list.record.v1beta1.Everything": "gen.type.list.record.v1beta1",
    "corpus.recursion.Node": "gen.corpus.recursion",
    "corpus.recursion.Pair": "gen.corpus.recursion",
    "proto2only.Legacy": "gen.proto2only",
    "proto2only.Clashing": "gen.proto2only",
    "a.b.c.v2.Item": "gen.a.b.c.v2",
    "Bare": "gen",
}


def ours(name: str):
    """The class of the SDK."""
    importlib.import_module(TYPES[name])
    from okra import _fields

    return _fields.find(name)


@pytest.mark.parametrize("name", TYPES)
def test_random_messages_are_decoded_and_encoded_as_google_does(name: str, google) -> None:
    kind, own = google(name), ours(name)
    for seed in range(SEEDS):
        sent = Maker(seed).fill(kind())
        message = own.FromString(sent.SerializeToString())
        written = message.SerializeToString()
        assert message.ByteSize() == len(written)
        assert list(differences(sent, kind.FromString(written))) == [], f"seed {seed}: {sent}"
        # Merged with itself: lists are joined, the rest stays.
        merged = own.FromString(sent.SerializeToString() * 2)
        message.MergeFrom(own.FromString(written))
        assert repr(merged) == repr(message)
        expected = kind.FromString(sent.SerializeToString() * 2)
        assert list(differences(expected, kind.FromString(merged.SerializeToString()))) == [], f"seed {seed}"


OPTIONS = [
    {},
    {"preserving_proto_field_name": True},
    {"use_integers_for_enums": True},
    {"always_print_fields_with_no_presence": True},
]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options), "none"))
def test_random_messages_have_the_json_of_google(name: str, options: dict, google) -> None:
    kind, own = google(name), ours(name)
    for seed in range(SEEDS):
        sent = Maker(seed).fill(kind())
        message = own.FromString(sent.SerializeToString())
        try:
            expected = google_json.MessageToJson(sent, **options)
        except (google_json.Error, ValueError, TypeError) as error:
            # Such as a path of a field mask that is not in snake_case.
            with pytest.raises(ValueError):
                print(json_format.MessageToJson(message, **options), error)
            continue
        written = json_format.MessageToJson(message, **options)
        assert json.loads(written) == json.loads(expected), f"seed {seed}"
        if name == "proto2only.Clashing" and "preserving_proto_field_name" in options:
            # A name that one field has in JSON and another one in its file.
            continue
        parsed = google_json.Parse(expected, kind())
        read = json_format.Parse(expected, own())
        assert list(differences(parsed, kind.FromString(read.SerializeToString()))) == [], f"seed {seed}: {expected}"


@pytest.mark.parametrize("name", TYPES)
def test_damaged_bytes_are_refused_or_read_as_google_does(name: str, google) -> None:
    kind, own = google(name), ours(name)
    for seed in range(SEEDS * 5):
        maker = Maker(seed)
        data = bytearray(maker.fill(kind()).SerializeToString())
        for _ in range(maker.random.choice([1, 1, 2, 5])):
            if data:
                place = maker.random.randrange(len(data))
                if maker.random.random() < 0.5:
                    data[place] = maker.random.randrange(256)
                else:
                    del data[place:]
        try:
            expected = kind.FromString(bytes(data))
        except DecodeError:
            with pytest.raises(okra.DecodeError):
                own.FromString(bytes(data))
            continue
        if not expected.IsInitialized():
            with pytest.raises(okra.DecodeError, match="required"):
                own.FromString(bytes(data))
            continue
        try:
            message = own.FromString(bytes(data))
        except okra.DecodeError as error:
            # proto2 lets strings have any bytes.
            assert "UTF-8" in str(error), f"seed {seed}: {data.hex()}"
            continue
        came = kind.FromString(message.SerializeToString())
        # google.protobuf leaves out entries of maps that have unknown fields, as protobuf's other implementations do not.
        found = [it for it in differences(expected, came) if ": keys {" not in it and " items, came " not in it]
        assert found == [], f"seed {seed}: {data.hex()}"


def test_messages_that_the_sdk_has_as_values_are_messages_here(google) -> None:
    known = importlib.import_module("gen.corpus.known.v2p1beta3.pb2").Known()
    assert known.string.value == "" and not known.HasField("string")
    known.string.value = "a"
    known.int32.value = 0
    known.mask.paths.append("b")
    known.struct["c"] = 1.0
    known.any.Pack(grpc.timestamp_pb2.Timestamp(seconds=5))
    assert known.HasField("string") and known.HasField("int32") and not known.HasField("bool")
    came = google("corpus.known.v2p1beta3.Known").FromString(known.SerializeToString())
    assert (came.string.value, came.HasField("int32"), list(came.mask.paths)) == ("a", True, ["b"])
    assert came.struct["c"] == 1.0 and came.any.type_url.endswith("google.protobuf.Timestamp")
    assert known.any.Is(grpc.timestamp_pb2.Timestamp.DESCRIPTOR)


def test_a_second_name_of_a_number_is_read_in_json_and_not_written(google) -> None:
    scalars = ours("corpus.scalars.v1.Scalars")
    read = json_format.ParseDict({"by_truth": {"true": "FLAVOR_SUGARY"}}, scalars())
    assert "FLAVOR_SWEET" in json_format.MessageToJson(read)


def test_depth_is_limited_in_both_encodings(google) -> None:
    node = ours("corpus.recursion.Node")
    for depth, is_read in [(100, True), (101, False)]:
        data = b""
        for _ in range(depth - 1):
            data = b"\x12" + _wire.varint(len(data)) + data
        text = '{"next": ' * (depth - 1) + "{}" + "}" * (depth - 1)
        for read in (lambda: node.FromString(data), lambda: json_format.Parse(text, node())):
            if is_read:
                assert read().HasField("next")
            else:
                with pytest.raises(ValueError, match="more than 100 deep"):
                    read()
    circle = node()
    circle.next = circle
    with pytest.raises(okra.EncodeError, match="more than 100 deep"):
        circle.SerializeToString()
