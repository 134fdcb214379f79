"""Whether a client has already what it asks for: instances never change, so what is made of them has a name (ETag).

Knows no content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from fastapi import Request


def etag_of(*basis: str, of: Iterable[str] = ()) -> str:
    """Return the name of an answer that follows from `basis` and from the digests `of` what it is made of."""
    digest = hashlib.sha256("\x1f".join([*basis, *of]).encode())
    return f'"{digest.hexdigest()[:32]}"'


def has_it(request: Request, etag: str) -> bool:
    """Tell whether a client says that it has the answer of this name (RFC 9110 section 13.1.2)."""
    said = [each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")]
    return etag in said or "*" in said
