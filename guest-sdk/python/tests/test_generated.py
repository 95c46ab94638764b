"""What is generated, and the SDK, as their readers' tools see them."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SDK

PROJECTS = ["examples/shop/recommendations"]


def run(*command: str | Path, at: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", *command], cwd=at, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_generated_code_passes_mypy(corpus: Path, tmp_path: Path) -> None:
    environment = ["--strict", "--cache-dir", str(tmp_path), "--python-version", "3.11"]
    run("mypy", *environment, "gen", SDK / "okra", at=corpus)


def test_the_generated_code_and_the_sdk_are_formatted_as_black_does(corpus: Path) -> None:
    run("black", "--check", "--quiet", corpus / "gen", SDK, at=corpus)


@pytest.mark.parametrize("project", PROJECTS)
def test_the_examples_pass_their_tests_and_mypy(project: str, tmp_path: Path) -> None:
    run("pytest", "--quiet", "-p", "no:cacheprovider", at=ROOT / project)
    run("mypy", "--cache-dir", tmp_path, ".", at=ROOT / project)
