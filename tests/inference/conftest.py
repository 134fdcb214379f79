"""Gives each test a small model package of its own."""

from pathlib import Path

import pytest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")
    from .packages import write_package

    write_package(tmp_path)
    return tmp_path


@pytest.fixture
def manifest_text(package: Path) -> str:
    return (package / "manifest.yaml").read_text()
