"""A seed means the same patient on every processor."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.drawings import drawings

KEPT = Path(__file__).with_name("drawings.json")
NUMPY = importlib.import_module("numpy._core._multiarray_umath")
ROOT = Path(__file__).parents[2]
AVX512 = [name for name in NUMPY.__cpu_dispatch__ if name == "X86_V4" or name.startswith("AVX512")]
PLAIN = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,AVX",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-AVX",
}


def drawn_without(features: list[str], others: dict[str, str]) -> dict[str, str]:
    """Return what a process draws whose libraries leave these instructions of the processor alone."""
    if not any(NUMPY.__cpu_features__.get(name) for name in features):
        pytest.skip(f"this processor has none of {features}: nothing can be left alone")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.lab.drawings"],
        cwd=ROOT,
        env={**os.environ, **others, "NPY_DISABLE_CPU_FEATURES": " ".join(features)},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_seeds_draw_what_another_processor_drew() -> None:
    """The file was written on a processor with AVX-512."""
    assert drawings() == json.loads(KEPT.read_text())


def test_seeds_draw_the_same_without_avx_512() -> None:
    assert drawn_without(AVX512, {}) == json.loads(KEPT.read_text())


def test_seeds_draw_the_same_on_a_plain_processor() -> None:
    assert drawn_without(list(NUMPY.__cpu_dispatch__), PLAIN) == json.loads(KEPT.read_text())
