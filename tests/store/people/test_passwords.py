"""Passwords as hashes."""

from __future__ import annotations

import base64
import hmac

import pytest

from triaged.store.people.passwords import Cost, hash_password, is_password

CHEAP = Cost(ln=4, r=1, p=1)


def test_the_hash_is_that_of_the_standard() -> None:
    """RFC 7914, section 12, second vector; its first 32 bytes do not depend on how many are asked for."""
    kept = hash_password("password", salt=b"NaCl", cost=Cost(ln=10, r=8, p=16))
    head, _, found = kept.rpartition("$")
    assert head == "$scrypt$ln=10,r=8,p=16$TmFDbA"
    expected = "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
    assert base64.b64decode(found + "=") == bytes.fromhex(expected)


def test_a_password_is_known_again_and_no_other_is() -> None:
    kept = hash_password("four quiet lungs", salt=b"s" * 16, cost=CHEAP)
    assert is_password("four quiet lungs", kept)
    for other in ("four quiet lung", "four quiet lungs ", "Four quiet lungs", "", "\0"):
        assert not is_password(other, kept)


def test_the_same_password_on_another_keyboard_is_the_same() -> None:
    kept = hash_password("ren\u00e9 \u212b", salt=b"s" * 16, cost=CHEAP)
    assert is_password("rene\u0301 \u00c5", kept)


def test_two_accounts_with_one_password_have_different_hashes() -> None:
    assert hash_password("same", salt=b"a" * 16, cost=CHEAP) != hash_password("same", salt=b"b" * 16, cost=CHEAP)


@pytest.mark.parametrize("kept", ["", "plain", "$scrypt$ln=4,r=1,p=1$AAAA", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA"])
def test_what_is_no_hash_of_ours_is_nobodys_password(kept: str) -> None:
    assert not is_password("", kept)
    assert not is_password(kept, kept)


def test_any_text_can_be_tried() -> None:
    kept = hash_password("fine", salt=b"s" * 16, cost=CHEAP)
    assert not is_password("\udcff\0\u202e", kept)


def test_hashes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    assert not is_password("wrong", hash_password("right", salt=b"s" * 16, cost=CHEAP))
    assert [len(one) for one, _ in compared] == [32]
