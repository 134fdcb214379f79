"""Passwords as hashes that are slow to try: scrypt (RFC 7914) in PHC notation. Knows no tables."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass

SALT_BYTES = 16
_HASH_BYTES = 32
_PHC = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one try costs: memory of 128 · 2^ln · r bytes, `p` times over. The default is 32 MiB, three times."""

    ln: int = 15
    r: int = 8
    p: int = 3


def hash_password(password: str, *, salt: bytes, cost: Cost) -> str:
    """Return what is kept of a password."""
    found = base64.b64encode(_scrypt(password, salt, cost)).decode().rstrip("=")
    shown = base64.b64encode(salt).decode().rstrip("=")
    return f"$scrypt$ln={cost.ln},r={cost.r},p={cost.p}${shown}${found}"


def is_password(password: str, kept: str) -> bool:
    """Tell whether `kept` was made of this password, in a time that does not depend on how near it is."""
    parts = _PHC.fullmatch(kept)
    if parts is None:
        return False
    cost = Cost(*map(int, parts.group(1, 2, 3)))
    salt, expected = (base64.b64decode(part + "=" * (-len(part) % 4)) for part in parts.group(4, 5))
    return hmac.compare_digest(_scrypt(password, salt, cost), expected)


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    """Hash the composed form, so that a password typed on another keyboard is still the same."""
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    memory = 128 * cost.r * ((1 << cost.ln) + cost.p + 2)
    return hashlib.scrypt(text, salt=salt, n=1 << cost.ln, r=cost.r, p=cost.p, maxmem=2 * memory, dklen=_HASH_BYTES)
