"""Tells systemd how the daemon is, as sd_notify(3) describes: by datagrams to a socket that systemd names."""

from __future__ import annotations

import contextlib
import os
import socket


class Systemd:
    """What started this process and wants to know how it is; `address` is empty where nobody does."""

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._said = ""

    @classmethod
    def of_this_process(cls) -> Systemd:
        """Return the one that the environment names; the roles do not inherit it: they have nothing to say."""
        return cls(os.environ.pop("NOTIFY_SOCKET", ""))

    @property
    def listens(self) -> bool:
        """Tell whether somebody wants to know."""
        return bool(self._address)

    def ready(self) -> None:
        """Say that every role serves."""
        self._tell("READY=1")

    def starting(self, seconds: int) -> None:
        """Ask for so much more time to start."""
        self._tell(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}")

    def alive(self) -> None:
        """Say that the supervisor looks after its roles; WatchdogSec ends a service that does not say so."""
        self._tell("WATCHDOG=1")

    def status(self, words: str) -> None:
        """Set the line that `systemctl status` shows."""
        if words != self._said:
            self._said = words
            self._tell(f"STATUS={' '.join(words.split())[:500]}")

    def stopping(self) -> None:
        """Say that the daemon ends because it was asked to."""
        self._tell("STOPPING=1")

    def _tell(self, words: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),  # nobody listens any more: no reason to stop receiving
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as notify,
        ):
            notify.sendto(words.encode(), self._address)
