"""The web's clients against `okra serve`: Connect's in Node, Python and Chromium, grpc-web's there, and curl.

The environment says where the programs are: NODE is a folder with the packages of `node/package.json`, CHROMIUM the
browser.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import PROTOS, ROOT, SERVED, Server
from connectrpc.client import ConnectClientSync
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo
from grpc_tools import protoc

NODE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def open_address(tmp_path_factory):
    """A server that pages of any origin may call."""
    config = tmp_path_factory.mktemp("config") / "server.toml"
    config.write_text('[cors]\norigins = ["*"]\n')
    server = Server(*SERVED, "--config", str(config))
    yield server.address
    server.stop()


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory):
    file = tmp_path_factory.mktemp("descriptors") / "set.bin"
    includes = [f"-I{ROOT / root}" for root in PROTOS] + [f"-I{Path(protoc.__file__).parent / '_proto'}"]
    includes.append(f"-I{ROOT / 'guest-sdk/codegen/proto'}")
    files = [file for files in PROTOS.values() for file in files]
    assert protoc.main(["protoc", *includes, f"--descriptor_set_out={file}", "--include_imports", *files]) == 0
    return file


def node(*arguments) -> dict:
    """Runs a script, which prints what is wrong by protocol and case."""
    done = subprocess.run(["node", *map(str, arguments)], cwd=NODE, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def in_node(open_address, descriptors):
    return node("node.mjs", open_address, descriptors)


@pytest.fixture(scope="module")
def in_browser(open_address, descriptors):
    return node("browser.mjs", os.environ["CHROMIUM"], open_address, descriptors)


def check(results: dict, cases: int):
    assert len(results) == cases
    assert {name: wrong for name, wrong in results.items() if wrong} == {}


@pytest.mark.parametrize("codec", ["proto", "json"])
@pytest.mark.parametrize(
    ("protocol", "cases"), [("connect-h1", 10), ("connect-h2", 11), ("grpc", 11), ("grpc-web-h1", 10), ("grpc-web-h2", 11)]
)
def test_connect_node(in_node, protocol, codec, cases):
    check(in_node[f"{protocol}-{codec}"], cases)


@pytest.mark.parametrize("codec", ["proto", "json"])
@pytest.mark.parametrize("protocol", ["connect", "grpc-web"])
def test_connect_web_in_chromium(in_browser, protocol, codec):
    check(in_browser[f"{protocol}-{codec}"], 8)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_grpc_web_in_chromium(in_browser, form):
    check(in_browser[f"google-grpc-web-{form}"], 3)


def test_page_in_chromium(in_browser):
    check(in_browser["page"], 4)


@pytest.mark.parametrize("json", [False, True])
def test_connect_python(address, stubs, json):
    messages, _ = stubs("greeter")
    hello = MethodInfo(
        name="Hello",
        service_name="greeter.v1.Greeter",
        input=messages.HelloRequest,
        output=messages.HelloReply,
        idempotency_level=IdempotencyLevel.UNKNOWN,
    )
    with ConnectClientSync(f"http://{address}", proto_json=json) as client:
        reply = client.execute_unary(request=messages.HelloRequest(name="Ada"), method=hello)
        assert reply.message == "Hello, Ada!"
        with pytest.raises(ConnectError) as caught:
            client.execute_unary(request=messages.HelloRequest(), method=hello)
        assert caught.value.code == Code.INVALID_ARGUMENT


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl(address, version):
    def curl(path: str, body: str) -> tuple[int, dict]:
        command = ["curl", "--silent", version, "--write-out", "\n%{http_code}", "--json", body]
        done = subprocess.run([*command, f"http://{address}{path}"], capture_output=True, text=True, timeout=30, check=True)
        answer, status = done.stdout.rsplit("\n", 1)
        return int(status), json.loads(answer)

    assert curl("/greeter.v1.Greeter/Hello", '{"name":"Ada"}') == (200, {"message": "Hello, Ada!"})
    status, error = curl("/shop.billing.v1.Billing/CreateInvoice", "{}")
    assert (status, error["code"]) == (400, "invalid_argument")
    assert error["details"][0]["type"] == "google.rpc.BadRequest"
    assert "fieldViolations" in error["details"][0]["debug"]
