"""The short form of the moving ground: the spool unmounted, roles stopped, a broken edit, a clock that is set."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest


def test_the_ground_may_move() -> None:
    """In a process of its own, which has its own mounts."""
    if shutil.which("storescu") is None:
        pytest.skip("DCMTK is not installed")
    command = [sys.executable, "-m", "tests.breaking.ground", "--short", "--seed", "7", "--minutes", "3"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "healed after" in run.stdout, run.stdout
