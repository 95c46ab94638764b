"""The SDK from its sources, and the Python that is generated for the mapping's corpus.

The environment says where the programs are: OKRA is the binary.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_tools import protoc

ROOT = Path(__file__).parents[3]
SDK = ROOT / "guest-sdk/python/src"
sys.path.insert(0, str(SDK))
sys.path.insert(0, str(ROOT / "tests/clients"))

FILES = ["names", "plain", "proto2", "recursion", "scalars", "shapes", "wellknown", "imports/two", "imports/three"]


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A project with the generated code of the whole corpus."""
    project = ROOT / "tests/guests/corpus/python"
    subprocess.run([os.environ["OKRA"], "generate", project], check=True, stdout=subprocess.DEVNULL)
    return project


@pytest.fixture(scope="session")
def google(tmp_path_factory, corpus: Path):
    """The message classes of google.protobuf by their full names."""
    out = tmp_path_factory.mktemp("stubs")
    protos = ROOT / "guest-sdk/codegen/tests/corpus"
    files = [f"{name}.proto" for name in FILES] + ["imports/one.proto"]
    includes = [f"-I{protos}", f"-I{Path(protoc.__file__).parent / '_proto'}"]
    assert protoc.main(["protoc", *includes, f"--python_out={out}", *files]) == 0
    sys.path.insert(0, str(out))
    sys.path.insert(0, str(corpus))
    for name in FILES:
        __import__(name.replace("/", ".") + "_pb2")
    pool = descriptor_pool.Default()
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
