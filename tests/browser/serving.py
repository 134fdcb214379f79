"""The application on the network of this machine, for as long as a test needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from tests.ports import free_port
from triaged.web.server import run


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application and give its address."""
    port, stop = free_port(), threading.Event()
    serving = threading.Thread(target=run, args=(app,), kwargs={"host": "127.0.0.1", "port": port, "stop": stop})
    serving.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        serving.join(30)
    assert not serving.is_alive(), "open pages keep the server from ending"
