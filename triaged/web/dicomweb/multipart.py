"""Bodies of several parts (RFC 2046 section 5.1, RFC 2387): written and read piece by piece, never as a whole.

Knows no DICOM.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final

from fastapi import Response
from fastapi.responses import StreamingResponse

_LONGEST_HEADERS: Final = 16 * 1024
_LONGEST_BOUNDARY: Final = 200
"""RFC 2046 has 70, and Orthanc writes 73."""
_EOL: Final = b"\r\n"


class Malformed(ValueError):
    """A body is no multipart body, or ends before its end."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: what its header says, its names in lower case, and its content, piece by piece."""

    headers: Mapping[str, str]
    content: Iterable[bytes]


def related(parts: Iterable[Part], kind: str, headers: Mapping[str, str], *, is_short: bool = False) -> Response:
    """Return an answer of parts of one media type; it ends without its last line where a part cannot be read.

    One that `is_short` is read as a whole and sent at once.
    """
    boundary = secrets.token_hex(16)
    media_type = f'multipart/related; type="{kind}"; boundary={boundary}'
    if is_short:
        return Response(b"".join(_written(parts, boundary)), media_type=media_type, headers=dict(headers))
    return StreamingResponse(_written(parts, boundary), media_type=media_type, headers=dict(headers))


def boundary_of(content_type: str) -> bytes:
    """Return what divides the parts of a body; raises `Malformed` where its type does not say it."""
    message = Message()
    message["Content-Type"] = " ".join(content_type.split())
    found = message.get_param("boundary")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_BOUNDARY or not found.isascii():
        raise Malformed("expected a boundary in the Content-Type, found none")
    return found.encode()


def parts_of(pieces: Callable[[], bytes], boundary: bytes) -> Iterator[Part]:
    """Read a body part by part; the content of one has to be read, or is passed over, before the next.

    `pieces` returns the next bytes of the body, nothing at its end.

    Raises:
        Malformed: it is no such body, or its end is missing.
    """
    reader = _Reader(pieces, _EOL + b"--" + boundary)
    reader.push(_EOL)  # the first boundary may stand at the very beginning
    for _ in reader.until_boundary():
        pass
    while not reader.is_last():
        part = Part(reader.headers(), reader.until_boundary())
        yield part
        for _ in part.content:
            pass


class _Reader:
    """Looks for a boundary in bytes that come in pieces of any size."""

    def __init__(self, pieces: Callable[[], bytes], delimiter: bytes) -> None:
        self._pieces = pieces
        self._delimiter = delimiter
        self._held = bytearray()

    def push(self, content: bytes) -> None:
        self._held += content

    def until_boundary(self) -> Iterator[bytes]:
        """Yield what is before the next boundary, and pass over that."""
        kept = len(self._delimiter) - 1
        while (at := self._held.find(self._delimiter)) < 0:
            if len(self._held) > kept:
                piece = bytes(self._held[: len(self._held) - kept])
                del self._held[: len(piece)]
                yield piece
            self._more()
        piece = bytes(self._held[:at])
        del self._held[: at + len(self._delimiter)]
        if piece:
            yield piece

    def is_last(self) -> bool:
        """Read the rest of a boundary's line, and tell whether no part follows it."""
        while len(self._held) < 2:
            self._more()
        if self._held.startswith(b"--"):
            return True
        line = self._upto(_EOL)
        if line.strip(b" \t"):
            raise Malformed("expected the end of a line behind a boundary, found more")
        return False

    def headers(self) -> dict[str, str]:
        """Read the header of a part, up to the empty line behind it."""
        lines: dict[str, str] = {}
        size = 0
        while line := self._upto(_EOL):
            size += len(line)
            name, _, value = line.decode("latin-1").partition(":")
            lines[name.strip().lower()] = value.strip()
            if size > _LONGEST_HEADERS:
                raise Malformed(
                    f"expected a part with a header of at most {_LONGEST_HEADERS} bytes, found a longer one"
                )
        return lines

    def _upto(self, end: bytes) -> bytes:
        while (at := self._held.find(end)) < 0:
            if len(self._held) > _LONGEST_HEADERS:
                raise Malformed("expected a line of a header, found a longer one")
            self._more()
        line = bytes(self._held[:at])
        del self._held[: at + len(end)]
        return line

    def _more(self) -> None:
        piece = self._pieces()
        if not piece:
            raise Malformed("expected the last boundary, found the end of the body")
        self._held += piece


def _written(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    for part in parts:
        header = "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())
        yield f"--{boundary}\r\n{header}\r\n".encode("latin-1")
        yield from part.content
        yield _EOL
    yield f"--{boundary}--\r\n".encode()
