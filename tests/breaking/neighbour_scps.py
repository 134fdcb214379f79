"""Destinations and subscribers as they are in hospitals: in this process, and each behaves as it is told.

Every one keeps what it took and when. Must not know who sends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import AllStoragePresentationContexts

SUCCESS, WARNING, OUT_OF_RESOURCES = 0x0000, 0xB000, 0xA700


@dataclass(slots=True)
class Neighbour:
    """A C-STORE SCP; `answer` gets the number of a request, and the association it may abort, and returns a status."""

    name: str
    port: int
    answer: Callable[[int, Any], int] = lambda number, association: SUCCESS
    took: dict[str, float] = field(default_factory=dict)
    """When each instance was taken for the first time, by the monotonic clock."""
    times: Counter[str] = field(default_factory=Counter)
    """How often each instance was taken."""
    studies: dict[str, str] = field(default_factory=dict)
    """Of which study each instance is."""
    _requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
        entity = ApplicationEntity(self.name.upper())
        entity.supported_contexts = AllStoragePresentationContexts
        server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        assert server is not None
        try:
            yield
        finally:
            server.shutdown()

    def as_destination(self) -> dict[str, Any]:
        """Return it as `config.yaml` names it."""
        return {
            "name": self.name,
            "ae_title": self.name.upper(),
            "host": "127.0.0.1",
            "port": self.port,
            "objects": ["sc", "sr", "seg"],
        }

    def _store(self, event: Any) -> int:
        with self._lock:
            self._requests += 1
            number = self._requests
        status = self.answer(number, event.assoc)
        if status in (SUCCESS, WARNING):
            uid = str(event.request.AffectedSOPInstanceUID)
            self.took.setdefault(uid, time.monotonic())
            self.times[uid] += 1
            self.studies[uid] = str(event.dataset.StudyInstanceUID)
        return status


def slowly(number: int, association: Any) -> int:
    """Take everything, after a long second."""
    time.sleep(1.0)
    return SUCCESS


def aborting(number: int, association: Any) -> int:
    """Abort the association in the middle of every third object."""
    if number % 3 == 0:
        association.abort()
        return OUT_OF_RESOURCES
    return SUCCESS


def refusing(number: int, association: Any) -> int:
    """Refuse one in ten, for now."""
    return OUT_OF_RESOURCES if number % 10 == 1 else SUCCESS


def warning(number: int, association: Any) -> int:
    """Take everything with a warning: data elements were coerced."""
    return WARNING


@dataclass(slots=True)
class Hook:
    """A webhook's receiver; `answer` gets the number of the request and returns a status, after however long."""

    port: int
    answer: Callable[[int], int] = lambda number: 200
    took: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""
        hook, numbers = self, iter(range(1, 1_000_000))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.answer(next(numbers))
                if status == 200:
                    hook.took.append(time.monotonic())
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
