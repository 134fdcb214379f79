"""What a client accepts, and which of what can be had it gets: media types of PS3.18 section 8.7.

Knows no content. A header that is none accepts nothing that it does not name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.exceptions import HTTPException

DICOM: Final = "application/dicom"
JSON: Final = "application/dicom+json"
OCTETS: Final = "application/octet-stream"
RELATED: Final = "multipart/related"
ANY_SYNTAX: Final = "*"
_LONGEST: Final = 4096
_MOST: Final = 50
_RANGE = re.compile(r'(?:[^,"]|"[^"]*")+')


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One of the types that are accepted: `kind` is that of the parts where `is_multipart`, with or without wildcards.

    `syntax` is the transfer syntax that is asked for, `*` for any, empty for the type's own.
    """

    kind: str
    is_multipart: bool = False
    syntax: str = ""
    quality: float = 1.0

    def covers(self, kind: str) -> bool:
        """Tell whether a media type is meant."""
        return self.kind in ("*/*", kind) or self.kind == f"{kind.partition('/')[0]}/*"


def accepted(request: Request) -> tuple[MediaRange, ...]:
    """Return what a request accepts, the best first: its query parameter `accept` before its header, else anything.

    A quality of 0 means that a type is not accepted (RFC 9110 section 12.4.2).
    """
    said = ",".join(request.query_params.getlist("accept")) or ",".join(request.headers.getlist("Accept")) or "*/*"
    if len(said) > _LONGEST:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "expected a shorter list of media types")
    ranges = [media_range(each) for each in _RANGE.findall(said)[:_MOST]]
    return tuple(sorted((each for each in ranges if each.quality > 0), key=lambda each: -each.quality))


def demand(request: Request, kinds: Sequence[str]) -> str:
    """Return the first accepted one of these types, which are not multipart; 406 where none is."""
    for each in accepted(request):
        for kind in kinds:
            if each.covers(kind) and not (each.is_multipart and each.kind != "*/*"):
                return kind
    raise not_acceptable(f"only {', '.join(kinds)} can be had")


def not_acceptable(words: str) -> HTTPException:
    """Return the error that says what could be had instead."""
    return HTTPException(HTTPStatus.NOT_ACCEPTABLE, words)


def media_range(text: str) -> MediaRange:
    """Return the media type in a text, with the parameters that count here."""
    message = Message()
    message["Content-Type"] = " ".join(text.split())
    found = {name.lower(): str(value) for name, value in message.get_params(failobj=[]) or []}
    kind = next(iter(found), "").strip()
    syntax, quality = found.get("transfer-syntax", "").strip(), _quality(found.get("q", "1"))
    if kind == RELATED:
        return MediaRange(found.get("type", "*/*").strip().lower(), True, syntax, quality)
    return MediaRange(kind, False, syntax, quality)


def _quality(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 1.0
