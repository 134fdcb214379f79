"""A model that is loaded and run calls nobody and leaves no file: watched in a namespace without network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_PROJECT = Path(__file__).parents[2]
_MODEL = """
import sys, time
{first}
import numpy as np
from pathlib import Path
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.package import load_of_kind
networks = load_of_kind(CT_MULTITASK, Path(sys.argv[1]), "cpu", 1)
print(networks.lung_probability(np.zeros((1, 8, 8), np.float32)).shape)
time.sleep({rest_s})
"""
_QUANTISING = "import triaged.lab.packages.quantise"
_FOREIGN = re.compile(r"\bconnect\(\d+, \{sa_family=(?!AF_UNIX|AF_LOCAL)[^}]*|\bsend(?:to|msg|mmsg)\([^)]*AF_INET[^)]*")
_CALLS = "connect,sendto,sendmsg,sendmmsg,openat,open,creat,mkdir,mkdirat"


@pytest.fixture
def alone() -> list[str]:
    """What begins a command that runs in a network namespace of its own, under `strace`."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace, which deploy/test installs")
    namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    probe = subprocess.run([*namespace, "strace", "-f", "-qq", "-o", "/dev/null", "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip(f"network namespaces or tracing are not permitted here: {probe.stderr.decode().strip()}")
    return [*namespace, "strace", "-f", "-qq", "-e", f"trace={_CALLS}"]


def _watched(alone: list[str], tmp_path: Path, program: str, *arguments: str) -> tuple[list[str], list[str]]:
    """Return whom a program called and which files it made, with a home and temporary folder of its own."""
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    command = [*alone, "-o", str(trace), sys.executable, "-c", program, *arguments]
    ended = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    lines = trace.read_text("utf-8", "replace").splitlines()
    calls = [found.group() for line in lines if (found := _FOREIGN.search(line))]
    made = [line for line in lines if re.search(r"O_CREAT|\bmkdir(at)?\(|\bcreat\(", line) and "/dev/null" not in line]
    return calls, made + [str(path) for path in home.rglob("*")]


def test_a_model_that_is_run_calls_nobody_and_makes_no_file(alone: list[str], tmp_path: Path, package: Path) -> None:
    calls, made = _watched(alone, tmp_path, _MODEL.format(first="", rest_s=1), str(package))
    assert calls == []
    assert made == []


def test_making_an_8_bit_variant_begins_in_silence_too(alone: list[str], tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    calls, made = _watched(alone, tmp_path, _QUANTISING)
    assert calls == []
    assert made == []


def test_the_watch_sees_what_the_library_does_by_itself(alone: list[str], tmp_path: Path, package: Path) -> None:
    """So that the silence above is not a watch that is deaf; the day on which this fails, the variable may go."""
    loud = "import onnxruntime"
    _, made = _watched(alone, tmp_path, _MODEL.format(first=loud, rest_s=0), str(package))
    assert any("deviceid" in line for line in made)
