"""The corpus of the mapping through guests of each language: random messages come back as they went.

A guest takes every message apart into its own types and puts it together again, so whatever a language cannot hold, or
holds under a wrong name, is seen here.
"""

import math

import grpc
import pytest
from conftest import Server
from random_messages import Maker, differences

GUESTS = ["tests/guests/corpus/python", "tests/guests/corpus/go", "tests/guests/corpus/rust"]
SERVICE = "test.mirror.v1.Mirror"
MESSAGES = 60


@pytest.fixture(scope="module", params=GUESTS)
def mirror(request, stubs):
    messages, services = stubs("mirror")
    server = Server(request.param)
    with grpc.insecure_channel(server.address) as channel:
        yield messages.DESCRIPTOR.services_by_name["Mirror"], services.MirrorStub(channel)
    server.stop()


def made(method, seed: int):
    return Maker(seed).fill(method.input_type._concrete_class())


def test_random_messages_come_back_as_they_went(mirror):
    service, stub = mirror
    for method in service.methods:
        if method.client_streaming:
            continue
        for seed in range(MESSAGES):
            sent = made(method, seed)
            came = getattr(stub, method.name)(sent)
            assert list(differences(sent, came)) == [], f"{method.name}, seed {seed}: {sent}"


def test_random_streams_come_back_as_they_went(mirror):
    service, stub = mirror
    for method in service.methods:
        if not method.client_streaming:
            continue
        sent = [made(method, seed) for seed in range(MESSAGES)]
        came = list(getattr(stub, method.name)(iter(sent)))
        assert len(came) == len(sent), method.name
        for seed, pair in enumerate(zip(sent, came)):
            assert list(differences(*pair)) == [], f"{method.name}, seed {seed}: {pair[0]}"


def test_numbers_that_are_none_come_back(mirror, stubs):
    _, stub = mirror
    scalars = stubs("scalars")[0]
    came = stub.Scalars(scalars.Scalars(a_double=math.nan, a_float=math.nan))
    assert math.isnan(came.a_double) and math.isnan(came.a_float)


def test_a_deep_message_comes_back(mirror, stubs):
    _, stub = mirror
    recursion = stubs("recursion")[0]
    sent = recursion.Node(name="0")
    for depth in range(1, 40):
        sent = recursion.Node(name=str(depth), next=sent, children=[recursion.Node(name="child")])
    assert stub.Node(sent) == sent
