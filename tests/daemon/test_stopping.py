"""Signals end a program that waits for them, also when another comes while the first is being heard."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import signal
from triaged.daemon.signals import stopping_on_signals

with stopping_on_signals() as stop:
    with stop._cond:  # what code of `Event` holds that a signal may interrupt
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert stop.wait(10)
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""


def test_a_signal_that_interrupts_the_event_itself_does_not_block_for_ever() -> None:
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout) == (0, "True\n"), ended.stderr
