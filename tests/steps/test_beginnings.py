"""Headers of many senders at once, within one memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from tests.wire.peers import EXPLICIT, a_slice
from triaged.dicom.header import LONGEST_HEADER, holds_header, read_header
from triaged.errors import TryLater
from triaged.steps.beginnings import BeginningLimits, Beginnings

DEFLATED = "1.2.840.10008.1.2.1.99"
MIB = 1024 * 1024


def private(length: int) -> bytes:
    """A private element, whose content says nothing."""
    return b"\x29\x00\x10\x10UN\0\0" + length.to_bytes(4, "little") + bytes(length)


def pieces(content: bytes, length: int = 128 * 1024) -> Iterator[bytes]:
    return (content[start : start + length] for start in range(0, len(content), length))


def test_a_header_is_read_no_further_than_it_goes() -> None:
    content = a_slice(pixels=bytes(MIB))
    fragments = pieces(content, 50_000)
    beginning = Beginnings().read(fragments, EXPLICIT)
    assert content.startswith(beginning.content)
    assert len(beginning.content) < 200_000
    assert beginning.content + b"".join(fragments) == content


def test_a_header_without_end_is_filed_by_what_was_read_of_it() -> None:
    content = a_slice(pixels=b"")[:-12] + private(3 * LONGEST_HEADER)
    beginning = Beginnings().read(pieces(content), EXPLICIT)
    assert LONGEST_HEADER <= len(beginning.content) < LONGEST_HEADER + MIB
    assert read_header(bytes(beginning.content), transfer_syntax_uid=EXPLICIT).study_uid.value == "1.2.3"


def test_all_long_headers_together_are_bounded_and_short_ones_always_fit() -> None:
    beginnings = Beginnings(BeginningLimits(shared_bytes=10 * MIB, wait_s=0.05))
    long = a_slice(pixels=b"")[:-12] + private(20 * MIB)
    first = beginnings.read(pieces(long), EXPLICIT)
    with pytest.raises(TryLater, match="room for a long header"):
        beginnings.read(pieces(long), EXPLICIT)
    assert beginnings.read(pieces(a_slice()), EXPLICIT).content
    first.release()
    assert beginnings.read(pieces(long), EXPLICIT).content


def test_memory_is_given_back_after_each_long_look_and_after_no_short_one() -> None:
    told: list[str] = []
    beginnings = Beginnings(after_long_look=lambda: told.append("given back"))
    for content, times in ((a_slice(), 0), (a_slice(pixels=b"")[:-12] + private(MIB), 1)):
        beginning = beginnings.read(pieces(content), EXPLICIT)
        told.clear()
        with beginnings.looking(beginning):
            assert not told
        assert len(told) == times
        beginning.release()


def test_whoever_fails_gives_its_share_back() -> None:
    beginnings = Beginnings(BeginningLimits(shared_bytes=3 * MIB, wait_s=0.0))

    def broken() -> Iterator[bytes]:
        yield from pieces(a_slice(pixels=b"")[:-12] + private(8 * MIB)[: 2 * MIB])
        raise ConnectionError

    for _ in range(5):
        with pytest.raises(ConnectionError):
            beginnings.read(broken(), EXPLICIT)


def test_who_stands_still_within_its_header_is_read_no_further() -> None:
    now = [0.0]

    def slow() -> Iterator[bytes]:
        for piece in pieces(a_slice(pixels=b"")[:-12] + private(MIB), 1000):
            now[0] += 0.5
            yield piece

    beginning = Beginnings(BeginningLimits(look_s=20), monotonic=lambda: now[0]).read(slow(), EXPLICIT)
    assert len(beginning.content) < 50_000


def test_a_deflated_bomb_is_looked_at_once_and_no_further() -> None:
    bomb = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    content = bomb.compress(a_slice(pixels=b"")[:-12] + private(100 * MIB)) + bomb.flush()
    assert len(content) < MIB
    assert holds_header(content[:65_536], transfer_syntax_uid=DEFLATED), "more of it would add nothing"
    assert read_header(content, transfer_syntax_uid=DEFLATED).study_uid.value == "1.2.3"
