"""Compares two images in a process of its own, which may die of what it decodes without harm to the receiver."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

_TIMEOUT_S = 4.0
"""For a turn, and then for the comparison: the sender waits for its answer meanwhile."""
_one_at_a_time = threading.Lock()


def is_same_image(one: Path, other: Path) -> bool:
    """Tell whether two files differ only by their transfer syntax; what takes too long, or dies, does not count so."""
    if not _one_at_a_time.acquire(timeout=_TIMEOUT_S):
        return False
    try:
        command = [sys.executable, "-m", "triaged.dicom.sameness", str(one), str(other)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    finally:
        _one_at_a_time.release()
    return done.returncode == 0
