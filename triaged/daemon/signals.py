"""What signals mean to a process of the daemon: to end, or to read the configuration again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

_END: Final = b"\0"


@contextmanager
def stopping_on_signals(reload: threading.Event | None = None) -> Iterator[threading.Event]:
    """Give an event that SIGINT and SIGTERM set, and put the earlier handlers back afterwards.

    SIGHUP sets `reload`, where that is given; but where the terminal of this process is gone, that too means to end.

    A handler only writes to a pipe: `Event.set` takes a lock, which the code that a second signal interrupts may hold.
    """
    stop = threading.Event()
    heard, told = os.pipe()
    os.set_blocking(told, False)
    had_terminal = os.isatty(0)

    def ask(number: int, _frame: FrameType | None) -> None:
        with suppress(BlockingIOError):
            os.write(told, bytes([number]))

    def listen() -> None:
        while number := os.read(heard, 1):
            if number == _END:
                return
            if number[0] != signal.SIGHUP or reload is None or (had_terminal and not os.isatty(0)):
                stop.set()
            else:
                reload.set()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    numbers = [signal.SIGINT, signal.SIGTERM, *([] if reload is None else [signal.SIGHUP])]
    earlier = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.set_blocking(told, True)
        os.write(told, _END)
        listener.join()
        os.close(told)
        os.close(heard)
