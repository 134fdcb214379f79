"""How long a certificate is valid, by the little of its encoding (X.509, RFC 5280 section 4.1) that says so.

Knows no TLS.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from triaged.errors import ConfigError

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _SEQUENCE, _UTC_TIME = 0xA0, 0x30, 0x17
_FIELDS_BEFORE_VALIDITY = 3
"""Serial number, signature algorithm, issuer."""


def expiry_of(path: Path) -> datetime:
    """Return when the first certificate of a PEM file, or the first of its authorities to do so, expires.

    Raises:
        ConfigError: there is no certificate in the file.
    """
    try:
        texts = _PEM.findall(path.read_text(encoding="latin-1"))
        return min(not_after(ssl.PEM_cert_to_DER_cert(text)) for text in texts)
    except OSError as error:
        raise ConfigError(f"expected a certificate in {path}: {error.strerror}") from None
    except (ValueError, IndexError) as error:
        raise ConfigError(f"expected a certificate in {path}, found something else: {error}") from None


def not_after(certificate: bytes) -> datetime:
    """Return until when an encoded certificate is valid; `ValueError` or `IndexError` where it is none."""
    position = _into(certificate, _into(certificate, 0))
    if certificate[position] == _VERSION:
        position = _behind(certificate, position)
    for _ in range(_FIELDS_BEFORE_VALIDITY):
        position = _behind(certificate, position)
    position = _behind(certificate, _into(certificate, position))
    start, end = _bounds(certificate, position)
    text = certificate[start:end].decode("ascii")
    if certificate[position] == _UTC_TIME:  # two digits of the year, 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _into(encoded: bytes, position: int) -> int:
    """Return where the content of a sequence begins."""
    if encoded[position] != _SEQUENCE:
        raise ValueError("not the encoding of a certificate")
    return _bounds(encoded, position)[0]


def _behind(encoded: bytes, position: int) -> int:
    return _bounds(encoded, position)[1]


def _bounds(encoded: bytes, position: int) -> tuple[int, int]:
    """Return where the content of an element begins and ends."""
    length, start = encoded[position + 1], position + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(encoded[start : start + size], "big")
        start += size
    return start, start + length
