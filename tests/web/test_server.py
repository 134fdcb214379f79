"""Listening and stopping, on real sockets of this machine."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.web.scene import Scene
from triaged.errors import ConfigError
from triaged.web.server import listening_socket, run


def _answer(url: str) -> bytes:
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bytes(response.read())
        except OSError:
            if time.monotonic() > deadline:
                raise


def test_it_answers_until_it_is_told_to_stop(scene: Scene) -> None:
    port, stop = free_port(), threading.Event()
    serving = threading.Thread(
        target=run, args=(scene.app(),), kwargs={"host": "127.0.0.1", "port": port, "stop": stop}
    )
    serving.start()
    try:
        assert json.loads(_answer(f"http://127.0.0.1:{port}/health"))["status"] == "ok"
    finally:
        stop.set()
        serving.join(20)
    assert not serving.is_alive()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_a_taken_port_is_an_error_that_names_key_and_port(scene: Scene, tmp_path: Path) -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"web\.port: expected a free address .* found 127\.0\.0\.1:{port}: .*in use"
        ):
            run(scene.app(), host="127.0.0.1", port=port, stop=threading.Event())


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"web\.host.* found 192\.0\.2\.1:8080"):
        listening_socket("192.0.2.1", 8080)
