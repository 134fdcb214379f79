"""The application on the network of this machine, for as long as a test needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from tests.ports import free_port
from triaged.web.limits import Limits
from triaged.web.server import run


@contextmanager
def served(app: FastAPI, limits: Limits | None = None, *, port: int | None = None) -> Iterator[str]:
    """Serve an application, at any port unless one is given, and give its address."""
    port, stop = port or free_port(), threading.Event()
    ready = threading.Event()
    how = {"started": ready.set, "host": "127.0.0.1", "port": port, "stop": stop, "limits": limits}
    serving = threading.Thread(target=run, args=(app,), kwargs=how)
    serving.start()
    assert ready.wait(30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        serving.join(30)
    assert not serving.is_alive(), "open pages keep the server from ending"
