"""The application on the network of this machine, for as long as a test needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from triaged.web.server import listening_socket, run


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application and give its address."""
    with listening_socket("127.0.0.1", 0) as probe:
        port = int(probe.getsockname()[1])
    stop = threading.Event()
    serving = threading.Thread(target=run, args=(app,), kwargs={"host": "127.0.0.1", "port": port, "stop": stop})
    serving.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        serving.join(30)
    assert not serving.is_alive(), "open pages keep the server from ending"
