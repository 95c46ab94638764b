"""grpcurl, a client in Go, against `okra serve`: all that it knows it has from reflection."""

import json
import os
import subprocess


def call(address, method, data, *flags) -> subprocess.CompletedProcess:
    command = [os.environ["GRPCURL"], "-plaintext", *flags, "-d", data, address, method]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def ask(address, *words) -> str:
    command = [os.environ["GRPCURL"], "-plaintext", address, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_services_are_listed(address):
    services = ask(address, "list").split()
    assert {"greeter.v1.Greeter", "shop.billing.v1.Billing", "grpc.health.v1.Health"} <= set(services)


def test_a_method_is_described(address):
    text = ask(address, "describe", "greeter.v1.Greeter.Hello")
    assert "rpc Hello ( .greeter.v1.HelloRequest ) returns ( .greeter.v1.HelloReply );" in text


def test_unary(address):
    ran = call(address, "greeter.v1.Greeter/Hello", '{"name":"Ada"}')
    assert json.loads(ran.stdout) == {"message": "Hello, Ada!"}, ran.stderr


def test_an_error_with_details(address):
    ran = call(address, "shop.billing.v1.Billing/CreateInvoice", "{}")
    assert "InvalidArgument" in ran.stderr
    assert "google.rpc.BadRequest" in ran.stderr


def test_metadata(address):
    ran = call(address, "test.faults.v1.Faults/Say", '{"text":"a"}', "-v", "-H", "x-mine: 1")
    assert "x-header-bin: YQ" in ran.stdout and "x-trailer: said" in ran.stdout, ran.stdout + ran.stderr


def test_a_deadline(address):
    ran = call(address, "test.faults.v1.Faults/Spin", "{}", "-max-time", "0.05")
    assert "DeadlineExceeded" in ran.stderr


def test_health(address):
    ran = call(address, "grpc.health.v1.Health/Check", '{"service":"greeter.v1.Greeter"}')
    assert json.loads(ran.stdout) == {"status": "SERVING"}, ran.stderr
