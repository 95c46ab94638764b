"""The SDK from its sources, and the Python that is generated for the mapping's corpus.

The environment says where the programs are: OKRA is the binary.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SDK = ROOT / "guest-sdk/python/src"
sys.path.insert(0, str(SDK))
sys.path.insert(0, str(ROOT / "tests/clients"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """A project with the generated code of the whole corpus."""
    project = ROOT / "tests/guests/corpus/python"
    subprocess.run([os.environ["OKRA"], "generate", project], check=True, stdout=subprocess.DEVNULL)
    return project
