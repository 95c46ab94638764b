"""Handlers that were written for grpcio, away from a component."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import okra
import okra.testing
import pytest
from conftest import ROOT
from okra import grpc


@pytest.fixture(scope="module")
def ported() -> Path:
    """The guest with the handlers; what it exports is in `okra._service.exported`."""
    project = ROOT / "tests/guests/grpcio"
    subprocess.run([os.environ["OKRA"], "generate", project], check=True, stdout=subprocess.DEVNULL)
    for name in [name for name in sys.modules if name.split(".")[0] == "gen"]:
        del sys.modules[name]
    sys.path.insert(0, str(project))
    yield project
    sys.path.remove(str(project))
    for name in [name for name in sys.modules if name.split(".")[0] == "gen"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def shop(ported: Path):
    """The messages of a shop, as protoc's generator names them."""
    return importlib.import_module("gen.ported.shop.v1.pb2")


def test_the_stub_of_a_servicer_calls_it(ported: Path) -> None:
    service = importlib.import_module("service")
    assert service
    exported = okra._service.exported
    pb2, services = (importlib.import_module(f"gen.ported.hello.v1.{name}") for name in ("pb2", "pb2_grpc"))
    with okra.testing.fake(*exported), grpc.insecure_channel("anywhere:50051") as channel:
        stub = services.GreeterStub(channel)
        assert stub.SayHello(pb2.HelloRequest(name="Ada")).message == "Hello, Ada!"
        assert len(list(stub.SayHelloStreamReply(pb2.HelloRequest(name="Ada")))) == 3
        with pytest.raises(grpc.RpcError) as failed:
            stub.SayHello(pb2.HelloRequest(name="twice"))
        status = grpc.rpc_status.from_call(failed.value)
        assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        quota = grpc.error_details_pb2.QuotaFailure()
        assert status.details[0].Unpack(quota) and quota.violations[0].subject == "name: twice"
        routes, pb2 = (importlib.import_module(f"gen.ported.routes.v1.{name}") for name in ("pb2_grpc", "pb2"))
        points = [pb2.Point(latitude=1), pb2.Point(latitude=2)]
        assert routes.RouteGuideStub(channel).RecordRoute(iter(points)).point_count == 2


def test_a_message_within_a_message_is_there_once_something_is_set(shop) -> None:
    order = shop.Order()
    assert order.pickup.store == "" and not order.HasField("pickup")
    order.pickup.store = "main"
    assert order.WhichOneof("delivery") == "pickup"
    order.address = "here"
    assert order.WhichOneof("delivery") == "address" and not order.HasField("pickup")
    order.ClearField("address")
    assert order.WhichOneof("delivery") is None
    order.pickup.SetInParent()
    assert order.HasField("pickup")
    order.placed.GetCurrentTime()
    assert order.placed.seconds > 0
    item = order.items.add()
    item.cost.units = 5
    assert order.items[0].cost.units == 5


def test_the_constructor_takes_messages_dicts_and_names_of_enums(shop) -> None:
    order = shop.Order(
        items=[shop.Item(quantity=1), {"quantity": 2, "cost": {"currency": "CURRENCY_EUR"}}],
        labels={"a": "b"},
        pickup=shop.Pickup(store="main"),
        order_id=None,
    )
    assert [item.quantity for item in order.items] == [1, 2]
    assert order.items[1].cost.currency == shop.CURRENCY_EUR == shop.Currency.Value("CURRENCY_EUR")
    assert shop.Currency.Name(1) == "CURRENCY_EUR" and shop.Currency.CURRENCY_USD == 2
    assert (order.labels["a"], order.pickup.store) == ("b", "main")
    copied = shop.Order()
    copied.CopyFrom(order)
    assert copied == order and copied.items[0] is not order.items[0]
    assert shop.Order.FromString(order.SerializeToString()) == order
    assert shop.Order.ITEMS_FIELD_NUMBER == 2 and shop.Order.DESCRIPTOR.full_name == "ported.shop.v1.Order"
    for wrong in [lambda: shop.Order(nothing=1), lambda: setattr(order, "nothing", 1)]:
        with pytest.raises((ValueError, AttributeError)):
            wrong()
    with pytest.raises(TypeError):
        order.order_id = 5
    with pytest.raises(ValueError):
        order.items[0].quantity = 2**31
    with pytest.raises(AttributeError):
        order.pickup = shop.Pickup()
    assert str(shop.Item(product_id="a", cost=shop.Money(currency=1))) == (
        'product_id: "a"\ncost {\n  currency: CURRENCY_EUR\n}\n'
    )
