"""A sealed report shows every later change, and who signed it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from triaged.errors import ConfigError
from triaged.lab.acceptance.seal import SealBroken, canonical, load_private_key, sign, verify, write_sealed

REPORT: dict[str, Any] = {"b": [1, 0.25, None], "a": {"ä": "Lunge", "n": 30}}


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def sealed(tmp_path: Path, key: Ed25519PrivateKey) -> Path:
    path = tmp_path / "acceptance.json"
    write_sealed(REPORT, path)
    sign(REPORT, path, key)
    return path


def edit(path: Path, **changed: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content["report"] |= changed
    if "sha256" in content:
        content["sha256"] = hashlib.sha256(canonical(content["report"])).hexdigest()
    path.write_text(json.dumps(content), encoding="utf-8")


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_canonical_json_is_sorted_and_without_blanks() -> None:
    assert canonical(REPORT).decode() == '{"a":{"n":30,"ä":"Lunge"},"b":[1,0.25,null]}'


def test_the_digest_is_that_of_the_canonical_bytes(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    expected = hashlib.sha256('{"a":{"n":30,"ä":"Lunge"},"b":[1,0.25,null]}'.encode()).hexdigest()
    assert write_sealed(REPORT, path) == expected
    assert verify(path, None).sha256 == expected
    assert verify(path, None).key_sha256 is None


def test_a_report_without_numbers_is_refused_rather_than_written_as_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_sealed({"a": float("nan")}, tmp_path / "report.json")


def test_writing_it_anew_in_another_layout_breaks_nothing(sealed: Path) -> None:
    content = json.loads(sealed.read_text(encoding="utf-8"))
    sealed.write_text(json.dumps(content, indent=8, sort_keys=True), encoding="utf-8")
    assert verify(sealed, None).key_sha256


def test_a_changed_figure_shows(sealed: Path) -> None:
    sealed.write_text(sealed.read_text(encoding="utf-8").replace("0.25", "0.26"), encoding="utf-8")
    with pytest.raises(SealBroken, match="was changed"):
        verify(sealed, None)


def test_a_changed_figure_with_a_digest_to_match_shows_by_the_signature(sealed: Path) -> None:
    edit(sealed, a="better")
    with pytest.raises(SealBroken, match="signature"):
        verify(sealed, None)


def test_the_right_public_key_proves_who_signed(sealed: Path, key: Ed25519PrivateKey, tmp_path: Path) -> None:
    (tmp_path / "known.pem").write_bytes(public_pem(key))
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert verify(sealed, tmp_path / "known.pem").key_sha256 == hashlib.sha256(raw).hexdigest()


def test_another_key_does_not(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(public_pem(Ed25519PrivateKey.from_private_bytes(bytes(32))))
    with pytest.raises(SealBroken):
        verify(sealed, tmp_path / "other.pem")


def test_a_missing_signature_shows_when_one_is_asked_for(sealed: Path, key: Ed25519PrivateKey, tmp_path: Path) -> None:
    (tmp_path / "known.pem").write_bytes(public_pem(key))
    sealed.with_name(sealed.name + ".sig").unlink()
    with pytest.raises(SealBroken, match="found none"):
        verify(sealed, tmp_path / "known.pem")


def test_a_new_report_does_not_keep_the_signature_of_the_old_one(sealed: Path) -> None:
    write_sealed({"a": 2}, sealed)
    assert verify(sealed, None).key_sha256 is None


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    rsa = generate_private_key(public_exponent=65537, key_size=1024)
    path = tmp_path / "rsa.pem"
    path.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match="another kind"):
        load_private_key(path)
    path.write_text("no key", encoding="utf-8")
    with pytest.raises(ConfigError, match="Ed25519 private key"):
        load_private_key(path)


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected a report"):
        verify(path, None)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, as an independent reader")
def test_openssl_accepts_the_signature(sealed: Path, tmp_path: Path) -> None:
    import base64

    (tmp_path / "bytes").write_bytes(canonical(REPORT))
    (tmp_path / "raw").write_bytes(base64.b64decode(sealed.with_name(sealed.name + ".sig").read_text(encoding="ascii")))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(sealed) + ".pub"]
    run = subprocess.run(
        [*command, "-in", tmp_path / "bytes", "-sigfile", tmp_path / "raw"], capture_output=True, timeout=20
    )
    assert run.returncode == 0, run.stderr
