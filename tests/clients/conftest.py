"""`okra serve` with the example and test services, and stubs that protoc makes of their .proto files.

The environment says where the programs are: OKRA is the binary, GRPCURL is grpcurl.
"""

import importlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
SERVED = [
    "examples/hello",
    "examples/shop/users",
    "examples/shop/billing",
    "examples/shop/recommendations",
    "examples/chat",
    "tests/guests/faults",
    "tests/guests/raw",
    "tests/guests/streams",
]
PROTOS = {
    "examples/hello/proto": ["greeter/v1/greeter.proto"],
    "examples/shop/proto": ["shop/users/v1/users.proto", "shop/billing/v1/billing.proto"],
    "tests/guests/faults/proto": ["test/faults/v1/faults.proto"],
    "tests/guests/raw/proto": ["test/raw/v1/raw.proto"],
    "tests/guests/streams/proto": ["test/streams/v1/streams.proto"],
    "examples/chat/proto": ["chat/v1/chat.proto"],
    "guest-sdk/codegen/tests/corpus": [
        *("names.proto", "plain.proto", "proto2.proto", "recursion.proto", "scalars.proto", "shapes.proto"),
        *("wellknown.proto", "imports/one.proto", "imports/two.proto", "imports/three.proto"),
    ],
    "tests/guests/corpus/proto": ["keywords.proto", "test/mirror/v1/mirror.proto"],
}


class Server:
    """A running `okra serve` on a port of its own."""

    def __init__(self, *paths: str):
        command = [os.environ["OKRA"], "serve", *paths, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.log = []
        address = queue.SimpleQueue()
        # Read to its end: a server whose log nobody takes stands still.
        self.reader = threading.Thread(target=self.read_log, args=(address,), daemon=True)
        self.reader.start()
        self.address = address.get(timeout=900)
        if self.address is None:
            raise RuntimeError("okra serve did not come up:\n" + "".join(self.log))

    def read_log(self, address: queue.SimpleQueue):
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"listening on http://(\S+)", line):
                address.put(found[1])
        address.put(None)

    def stop(self) -> str:
        """Ends it as an operator would. Its log."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.reader.join()
        log = "".join(self.log)
        assert self.process.returncode == 0, log
        return log


@pytest.fixture(scope="session")
def address():
    server = Server(*SERVED)
    yield server.address
    server.stop()


@pytest.fixture
def channel(address):
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """The generated modules by the name of their file: `stubs("greeter")` gives messages and stub."""
    out = tmp_path_factory.mktemp("stubs")
    for root, files in PROTOS.items():
        folders = [ROOT / root, *(ROOT / other for other in PROTOS if other != root)]
        arguments = [f"-I{folder}" for folder in [*folders, Path(protoc.__file__).parent / "_proto"]]
        assert protoc.main(["protoc", *arguments, f"--python_out={out}", f"--grpc_python_out={out}", *files]) == 0
    # Python has a package `test` of its own; one with this file goes before it.
    for folder in out.rglob("*/"):
        (folder / "__init__.py").touch()
    sys.path.insert(0, str(out))
    modules = {}
    for file in (file for files in PROTOS.values() for file in files):
        module = file.removesuffix(".proto").replace("/", ".")
        modules[Path(file).stem] = tuple(importlib.import_module(module + suffix) for suffix in ("_pb2", "_pb2_grpc"))
    return modules.__getitem__
