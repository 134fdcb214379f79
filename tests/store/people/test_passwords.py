"""Passwords as hashes."""

from __future__ import annotations

import base64
import hmac

import pytest
from argon2 import PasswordHasher, extract_parameters

from tests.store.hashing import CHEAP, OLD
from triaged.store.people.passwords import decoy, decoy_like, hash_password, is_outdated, is_password

NEW = hash_password("four quiet lungs", salt=b"s" * 16, hasher=CHEAP)
BOTH = pytest.mark.parametrize("kept", [NEW, OLD], ids=["argon2id", "scrypt"])


def test_a_new_hash_has_the_cost_that_the_library_recommends() -> None:
    kept = hash_password("four quiet lungs", salt=b"s" * 16, hasher=PasswordHasher())
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$c3Nzc3Nzc3Nzc3Nzc3Nzcw$")


def test_the_old_hash_is_that_of_the_standard() -> None:
    """RFC 7914, section 12, second vector; its first 32 bytes do not depend on how many are asked for."""
    found = bytes.fromhex("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
    kept = f"$scrypt$ln=10,r=8,p=16$TmFDbA${base64.b64encode(found).decode().rstrip('=')}"
    assert is_password("password", kept)
    assert not is_password("passwore", kept)


@BOTH
def test_a_password_is_known_again_and_no_other_is(kept: str) -> None:
    assert is_password("four quiet lungs", kept)
    for other in ("four quiet lung", "four quiet lungs ", "Four quiet lungs", "", "\0"):
        assert not is_password(other, kept)


def test_the_same_password_on_another_keyboard_is_the_same() -> None:
    kept = hash_password("ren\u00e9 \u212b", salt=b"s" * 16, hasher=CHEAP)
    assert is_password("rene\u0301 \u00c5", kept)


def test_two_accounts_with_one_password_have_different_hashes() -> None:
    assert hash_password("same", salt=b"a" * 16, hasher=CHEAP) != hash_password("same", salt=b"b" * 16, hasher=CHEAP)


@pytest.mark.parametrize("kept", ["", "plain", "$scrypt$ln=4,r=1,p=1$AAAA", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"])
def test_what_is_no_hash_of_ours_is_nobodys_password(kept: str) -> None:
    assert not is_password("", kept)
    assert not is_password(kept, kept)


@BOTH
def test_any_text_can_be_tried(kept: str) -> None:
    assert not is_password("\udcff\0\u202e", kept)


def test_what_was_hashed_otherwise_than_now_is_outdated() -> None:
    assert is_outdated(OLD, CHEAP)
    assert is_outdated(NEW, PasswordHasher())
    assert not is_outdated(NEW, CHEAP)


def test_a_decoy_costs_what_a_real_hash_costs_and_is_nobodys() -> None:
    assert extract_parameters(decoy(CHEAP)) == extract_parameters(NEW)
    assert decoy_like(OLD).rsplit("$", 2)[0] == OLD.rsplit("$", 2)[0]
    assert [len(part) for part in decoy_like(OLD).split("$")] == [len(part) for part in OLD.split("$")]
    for kept in (decoy(CHEAP), decoy_like(OLD)):
        assert not is_password("", kept)
        assert not is_password("four quiet lungs", kept)


def test_old_hashes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    assert not is_password("wrong", OLD)
    assert [len(one) for one, _ in compared] == [32]
