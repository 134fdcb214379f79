"""Seals a report so that a later change shows: a digest over its canonical JSON and, with a key, a signature beside it.

Must not know what a report says. Canonical: keys sorted, no blanks, UTF-8, no NaN (the parts of RFC 8785 that Python's
own writer gives). The signature is Ed25519 (RFC 8032) over the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from triaged.errors import ConfigError, TriagedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_SUFFIX: Final = ".sig"
PUBLIC_KEY_SUFFIX: Final = ".pub"


class SealBroken(TriagedError):
    """Do not rely on this report: it, its digest or its signature was changed, or another key made it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proved of a report; `key_sha256` is the fingerprint of the key that signed it, None where nobody did."""

    sha256: str
    key_sha256: str | None


def canonical(report: Mapping[str, Any]) -> bytes:
    """Return the bytes that are digested and signed."""
    text = json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(report: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a report in hexadecimal."""
    return hashlib.sha256(canonical(report)).hexdigest()


def write_sealed(report: Mapping[str, Any], path: Path) -> str:
    """Write a report with its digest as JSON, and return the digest; a signature of an older report is removed."""
    sha256 = digest(report)
    text = json.dumps({"sha256": sha256, "report": report}, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    for suffix in (SIGNATURE_SUFFIX, PUBLIC_KEY_SUFFIX):
        _beside(path, suffix).unlink(missing_ok=True)
    return sha256


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key of a PEM file without a password.

    Raises:
        ConfigError: there is no such key in it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{path}: expected an Ed25519 private key in PEM without a password, found: {error}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: expected an Ed25519 private key, found another kind of key")
    return key


def sign(report: Mapping[str, Any], path: Path, key: Ed25519PrivateKey) -> None:
    """Write a signature, and the public key that checks it, beside the report at `path`."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    signature = base64.b64encode(key.sign(canonical(report))).decode("ascii")
    _beside(path, SIGNATURE_SUFFIX).write_text(signature + "\n", encoding="ascii")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _beside(path, PUBLIC_KEY_SUFFIX).write_bytes(public)


def read_sealed(path: Path) -> tuple[dict[str, Any], str]:
    """Return a report and the digest written into its file.

    Raises:
        ConfigError: the file is no report.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        report, written = content["report"], content["sha256"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: expected a report with its digest, found {type(error).__name__}: {error}") from None
    if not isinstance(report, dict) or not isinstance(written, str):
        raise ConfigError(f"{path}: expected a report with its digest, found other JSON")
    return report, written


def verify(path: Path, public_key: Path | None) -> Verified:
    """Return what is proved of the report at `path`; a signature is checked with `public_key`, or the key beside it.

    A key that lies beside the report proves that nothing changed since it signed, not whose key it is.

    Raises:
        SealBroken: digest or signature do not fit, or a key is given and no signature is there.
        ConfigError: the report or the key cannot be read.
    """
    report, written = read_sealed(path)
    found = digest(report)
    if found != written:
        raise SealBroken(f"{path}: expected the digest {written}, found {found}: the report was changed")
    signature_path = _beside(path, SIGNATURE_SUFFIX)
    if not signature_path.exists():
        if public_key is not None:
            raise SealBroken(f"{path}: expected a signature at {signature_path}, found none")
        return Verified(found, None)
    key = _load_public_key(public_key or _beside(path, PUBLIC_KEY_SUFFIX))
    _check(signature_path, report, key)
    return Verified(found, _fingerprint(key))


def _check(path: Path, report: Mapping[str, Any], key: Ed25519PublicKey) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True), canonical(report))
    except (InvalidSignature, binascii.Error, UnicodeDecodeError):
        raise SealBroken(f"{path}: expected a signature of this report by this key, found another") from None


def _load_public_key(path: Path) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path}: expected an Ed25519 public key in PEM, found: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError(f"{path}: expected an Ed25519 public key, found another kind of key")
    return key


def _fingerprint(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
