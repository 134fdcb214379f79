"""Ports for servers that tests start, chosen by the system and kept from others until the server listens."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of this machine that nobody listens on, and that the system gives to nobody else for a minute.

    A connection over it has just ended, so it is in the state TIME-WAIT (RFC 9293, 3.3.2): the system does not choose
    it for others, while a server that sets SO_REUSEADDR, as all of ours do, may listen on it.
    """
    with socket.socket() as probe:
        probe.bind(("", 0))  # free at every address: Orthanc listens on all, and senders of tests come from several
        port = int(probe.getsockname()[1])
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1)
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()  # who closes first keeps the port in TIME-WAIT
            client.recv(1)
    return port
