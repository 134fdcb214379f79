"""How much memory this process held at most, from a moment on."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

_RESET: Final = Path("/proc/self/clear_refs")
_STATUS: Final = Path("/proc/self/status")


def forget_peak() -> None:
    """Let the peak begin anew, where the system can (Linux); elsewhere it stays that of the whole run."""
    try:
        _RESET.write_text("5")
    except OSError:
        return


def peak_mib() -> float:
    """Return the peak of resident memory since `forget_peak`, in MiB."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        lines = []
    peaks = [float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
    return peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
