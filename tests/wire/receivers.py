"""Small receivers on this machine: HL7 over MLLP with python-hl7's own acknowledgements, and HTTP; they do as told."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import hl7

START, END = b"\x0b", b"\x1c\x0d"


def acknowledged(message: hl7.Message, code: str = "AA", text: str = "") -> bytes:
    """Return the acknowledgement that python-hl7 writes, with a text in MSA-3, in its frame."""
    answer = str(message.create_ack(code)).rstrip("\r")
    return START + (f"{answer}|{text}" if text else answer).encode() + b"\r" + END


@dataclass
class MllpServer:
    """Keeps what came; `answers` says for each message what is written back, piece by piece. None: closes at once."""

    answers: Callable[[hl7.Message], list[bytes] | None] = lambda message: [acknowledged(message)]
    messages: list[hl7.Message] = field(default_factory=list)
    address: tuple[str, int] = ("", 0)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass
class Post:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Keeps what came and answers with a status; `hangs` keeps the answer back until the test ends."""

    status: int = 200
    location: str = ""
    hangs: bool = False
    posts: list[Post] = field(default_factory=list)
    address: tuple[str, int] = ("", 0)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def mllp(server: MllpServer, tls: ssl.SSLContext | None = None) -> Iterator[MllpServer]:
    """Listen while the block runs."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            try:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                self._answer(connection)
            except OSError:
                pass  # the sender hung up, or does not trust us: the test looks at what the sender says
            finally:
                connection.close()

        def _answer(self, connection: socket.socket) -> None:
            received = b""
            while END not in received:
                part = connection.recv(65_536)
                if not part:
                    return
                received += part
            message = hl7.parse(received.removeprefix(START).removesuffix(END).decode("utf-8").rstrip("\r"))
            server.messages.append(message)
            answers = server.answers(message)
            for piece in answers or ():
                connection.sendall(piece)
            if answers is not None:
                server.released.wait(20)

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), server.released) as address:
        server.address = address
        yield server


@contextmanager
def http(server: HttpServer, tls: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """Listen while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.posts.append(Post(self.path, dict(self.headers), body))
            if server.hangs:
                server.released.wait(20)
                return
            self.send_response(server.status)
            if server.location:
                self.send_header("Location", server.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    with _served(listening, server.released) as address:
        server.address = address
        yield server


@contextmanager
def _served(listening: socketserver.TCPServer, released: threading.Event) -> Iterator[tuple[str, int]]:
    listening.daemon_threads = True  # type: ignore[attr-defined]
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield "127.0.0.1", listening.server_address[1]
    finally:
        released.set()
        listening.shutdown()
        thread.join()
        listening.server_close()
