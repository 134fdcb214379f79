"""Passwords as hashes that are slow to try, in PHC notation: argon2id (RFC 9106), of old accounts scrypt (RFC 7914).

Knows no tables.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SALT_BYTES: Final = 16
SCRYPT: Final = "$scrypt$"
"""How hashes begin that earlier versions made; each is replaced when its account signs in."""
_HASH_BYTES: Final = 32
_SCRYPT = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")


def hash_password(password: str, *, salt: bytes, hasher: PasswordHasher) -> str:
    """Return what is kept of a password."""
    return hasher.hash(_composed(password), salt=salt)


def is_password(password: str, kept: str) -> bool:
    """Tell whether `kept` was made of this password, in a time that does not depend on how near it is."""
    if kept.startswith(SCRYPT):
        return _is_scrypt(password, kept)
    try:
        return PasswordHasher().verify(kept, _composed(password))  # the cost is that of `kept`
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str, hasher: PasswordHasher) -> bool:
    """Tell whether a hash is of another kind or cost than `hasher` would make now."""
    return kept.startswith(SCRYPT) or hasher.check_needs_rehash(kept)


def decoy(hasher: PasswordHasher) -> str:
    """Return a hash that no password has and that costs as much to try as one by `hasher`."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${_blank(hasher.salt_len)}${_blank(hasher.hash_len)}"


def decoy_like(kept: str) -> str:
    """Return a hash that no password has and that costs as much to try as a scrypt hash."""
    head = kept.rsplit("$", 2)[0]
    return f"{head}${_blank(SALT_BYTES)}${_blank(_HASH_BYTES)}"


def _blank(size: int) -> str:
    return base64.b64encode(bytes(size)).decode().rstrip("=")


def _composed(password: str) -> bytes:
    """Return the composed form, so that a password typed on another keyboard is still the same."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _is_scrypt(password: str, kept: str) -> bool:
    parts = _SCRYPT.fullmatch(kept)
    if parts is None:
        return False
    ln, r, p = map(int, parts.group(1, 2, 3))
    salt, expected = (base64.b64decode(part + "=" * (-len(part) % 4)) for part in parts.group(4, 5))
    memory = 128 * r * ((1 << ln) + p + 2)
    found = hashlib.scrypt(_composed(password), salt=salt, n=1 << ln, r=r, p=p, maxmem=2 * memory, dklen=_HASH_BYTES)
    return hmac.compare_digest(found, expected)
