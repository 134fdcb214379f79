"""The sockets that the receiver listens on, opened by the supervisor and handed to one receiver after the other.

So a receiver can be replaced while senders come: who connects in between waits for a moment and is not refused. A
receiver without a supervisor opens its own.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from triaged.config.network import DicomSection
from triaged.dimse.scp import listening_on
from triaged.errors import ConfigError

DOORS_VARIABLE: Final = "TRIAGED_DOORS"
"""Descriptors by address in JSON, in the environment of a receiver."""


class Doors:
    """The sockets of one daemon's receiver."""

    def __init__(self) -> None:
        self._open: dict[str, socket.socket] = {}

    def open(self, dicom: DicomSection) -> None:
        """Listen on every address of the settings beside those that are listened on already.

        Raises:
            ConfigError: one of them cannot be listened on; then none is that was not before.
        """
        opened: dict[str, socket.socket] = {}
        try:
            for host, port in _addresses(dicom):
                key = _key(host, port)
                if key not in self._open:
                    opened[key] = listening_on(host, port)
        except ConfigError:
            _close(opened)
            raise
        self._open |= opened

    def keep_only(self, dicom: DicomSection) -> None:
        """Stop listening on what is not an address of the settings."""
        wanted = {_key(host, port) for host, port in _addresses(dicom)}
        _close({key: self._open.pop(key) for key in list(self._open) if key not in wanted})

    @property
    def descriptors(self) -> Sequence[int]:
        """Return what a receiver has to inherit."""
        return [each.fileno() for each in self._open.values()]

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what tells a receiver which of them is which."""
        return {DOORS_VARIABLE: json.dumps({key: each.fileno() for key, each in self._open.items()})}

    def close(self) -> None:
        """Stop listening; receivers that run keep theirs."""
        _close(self._open)
        self._open = {}


def inherited_or_new(host: str, port: int) -> socket.socket:
    """Return the socket of an address that a supervisor handed to this process, else a new one.

    Raises:
        ConfigError: it cannot be listened on.
    """
    descriptor = json.loads(os.environ.get(DOORS_VARIABLE, "{}")).get(_key(host, port))
    if descriptor is None:
        return listening_on(host, port)
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def _addresses(dicom: DicomSection) -> list[tuple[str, int]]:
    plain = [(dicom.host, dicom.port)] if dicom.tls.certificate is None or dicom.tls.plain else []
    return [*plain, *([] if dicom.tls.certificate is None else [(dicom.host, dicom.tls.port)])]


def _key(host: str, port: int) -> str:
    return f"{host} {port}"


def _close(sockets: Mapping[str, socket.socket]) -> None:
    for each in sockets.values():
        each.close()
