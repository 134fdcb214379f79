"""A store of objects that tests talk to over HTTP: moto behind a door that can be told to fail.

It stands for the protocol alone. How fast it is says nothing of S3, nor does it sync anything. moto checks no
signatures: that a store refuses an unknown key is acted by the door.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from triaged.spool.objects import BucketOptions
from triaged.spool.s3 import S3

ACCESS_KEY, SECRET_KEY = "AKIATRIAGEDTESTS", "a/secret+that=nobody.sees"
Environ = dict[str, Any]
Fault = Callable[[Environ], bool]
"""Tells whether a request meets a fault."""

_numbers = itertools.count()


def puts(environ: Environ) -> bool:
    """Tell a put of an object."""
    return str(environ["REQUEST_METHOD"]) == "PUT"


def always(environ: Environ) -> bool:
    """Meet every request."""
    return True


@dataclass
class Door:
    """What comes before the store: `refused` requests get `refusal`, of `unanswered` ones the answer is lost once done.

    `denies` is the code by which every request is answered; `requests` are those that came, as method and path.
    """

    application: Any
    refused: Fault = field(default=lambda _: False)
    unanswered: Fault = field(default=lambda _: False)
    refusal: str = "503 Slow Down"
    denies: str = ""
    overwrites: bool = False
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        is_known = f"Credential={ACCESS_KEY}/" in environ.get("HTTP_AUTHORIZATION", "")
        if code := self.denies or ("" if is_known else "InvalidAccessKeyId"):
            content = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))]
            start_response("403 Forbidden", headers)
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else content]
        if self.overwrites:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if self.refused(environ):
            start_response(self.refusal, [("Content-Length", "0")])
            return []
        answer: Iterable[bytes] = self.application(environ, start_response)
        if self.unanswered(environ):
            list(answer)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        return answer

    def works_again(self) -> None:
        """Answer everything, with the right key."""
        self.refused = self.unanswered = lambda _: False
        self.refusal, self.denies, self.overwrites = "503 Slow Down", "", False


@dataclass(frozen=True)
class ObjectStore:
    """A store that listens at `endpoint`."""

    endpoint: str
    door: Door

    def new_bucket(self) -> BucketOptions:
        """Make a bucket that nobody has used, and return how it is reached."""
        keys = f"triaged-{next(_numbers)}", ACCESS_KEY, SECRET_KEY
        options = BucketOptions(*keys, "us-east-1", self.endpoint, key_prefix="", ca_file=None, timeout_s=5.0)
        S3(options)._client.create_bucket(Bucket=options.bucket)
        return options


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Let a store listen at a free port of this machine."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    door = Door(DomainDispatcherApplication(create_backend_app))
    server: BaseWSGIServer = make_server("127.0.0.1", 0, door, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="object store", daemon=True)
    thread.start()
    try:
        yield ObjectStore(f"http://127.0.0.1:{server.server_port}", door)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
