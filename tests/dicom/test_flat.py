"""What is found by lengths alone, against pydicom's walk over the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from tests.breaking.seeds import seeds_of
from tests.dicom.test_header import BIG_ENDIAN, EXPLICIT, IMPLICIT, encoded, item, made
from triaged.dicom import elements
from triaged.dicom.elements import Elements, Encoding, sniff_encoding
from triaged.dicom.flat import FlatElements, flat_elements
from triaged.dicom.quiet import without_warnings

CORPUS = Path(__file__).parents[1] / "breaking" / "corpus"
LAST = 0x52009230
NEEDED = frozenset({0x0020000D, 0x0020000E})
PIXELS = b"\xe0\x7f\x10\x00OW\0\0\x02\0\0\0\0\0"
ENCODINGS = {
    IMPLICIT: Encoding(explicit=False, little_endian=True),
    EXPLICIT: Encoding(explicit=True, little_endian=True),
    BIG_ENDIAN: Encoding(explicit=True, little_endian=False),
}


def flat(content: bytes, encoding: Encoding) -> FlatElements | None:
    return flat_elements(
        content,
        LAST,
        NEEDED,
        explicit=encoding.explicit,
        little_endian=encoding.little_endian,
        within=4 * 1024 * 1024,
        at_most=20_000,
    )


def told(found: Elements, depth: int = 6) -> dict[int, Any]:
    """Every value that can be asked for, items in turn."""
    if depth == 0:
        return {}
    return {tag: (found._bytes(tag), [told(each, depth - 1) for each in items_of(found, tag)]) for tag in found._found}


def items_of(found: Elements, tag: int) -> Iterator[Elements]:
    """The items of an element as `Elements.items` gives them, for tags without a keyword too."""
    original = elements._tag
    elements._tag = lambda keyword: int(keyword)  # type: ignore[assignment]
    try:
        yield from list(found.items(str(tag)))
    finally:
        elements._tag = original


@without_warnings()
def is_as_pydicom_walks_it(content: bytes, encoding: Encoding) -> bool:
    """Compare the two where the short way finds anything; tell whether it did."""
    found = flat(content, encoding)
    if found is None or not elements._is_read_by_pydicom(found.character_set):
        return False
    walked = elements._walked(content, encoding, LAST, NEEDED)
    assert told(Elements(found, ["iso8859"])) == told(walked)
    assert walked.complete is found.is_complete
    assert not walked.is_cut()
    assert not Elements(found, ["iso8859"]).is_cut()
    return True


def nested() -> Dataset:
    """A data set with sequences in sequences, as scanners write them."""
    inner = item(CodeValue="1", CodeMeaning="one")
    dataset = made(
        PatientName="Roe^Jane",
        Rows=512,
        RequestAttributesSequence=item(RequestedProcedurePriority="STAT", RequestedProcedureCodeSequence=inner),
        ReferencedImageSequence=Sequence([]),
        ProcedureCodeSequence=Sequence([Dataset(), inner[0]]),
    )
    dataset.add_new(0x00290010, "LO", "PRIVATE")
    dataset.add_new(0x00291001, "SQ", item(PatientID="inside"))
    return dataset


def undefined(dataset: Dataset) -> Dataset:
    """Let every sequence and every item have an undefined length."""
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for each in element.value:
                each.is_undefined_length_sequence_item = True
                undefined(each)
    return dataset


@pytest.mark.parametrize("dataset", [nested(), undefined(nested())], ids=["lengths", "delimiters"])
@pytest.mark.parametrize("syntax", ENCODINGS)
def test_elements_and_items_are_those_that_pydicom_finds(dataset: Dataset, syntax: str) -> None:
    assert is_as_pydicom_walks_it(encoded(dataset, syntax) + ends(syntax), ENCODINGS[syntax])


def ends(syntax: str) -> bytes:
    """Pixel data, in a transfer syntax."""
    pixels = Dataset()
    pixels.add_new(0x7FE00010, "OW", b"\0\1")
    return encoded(pixels, syntax)


@pytest.mark.parametrize("dataset", [nested(), undefined(nested())], ids=["lengths", "delimiters"])
def test_what_ends_early_is_read_as_pydicom_reads_it_or_left_to_it(dataset: Dataset) -> None:
    content = encoded(dataset) + PIXELS
    found = [is_as_pydicom_walks_it(content[:length], ENCODINGS[EXPLICIT]) for length in range(len(content) + 1)]
    assert sum(found) >= len(dataset), "after each element"
    assert not found[3], "within an element"


def test_sequences_in_sequences_without_end_are_left_to_pydicom() -> None:
    dataset = Dataset()
    for _ in range(40):
        dataset = made(RequestAttributesSequence=Sequence([dataset]))
    assert flat(encoded(undefined(dataset)) + PIXELS, ENCODINGS[EXPLICIT]) is None


def test_more_elements_than_there_may_be_are_left_to_pydicom() -> None:
    many = b"\x09\x00\x10\x00LO\0\0" * 30_000
    assert flat(encoded(made()) + PIXELS, ENCODINGS[EXPLICIT]) is not None
    assert flat(many + encoded(made()) + PIXELS, ENCODINGS[EXPLICIT]) is None


def test_a_character_set_that_ends_pydicoms_walk_ends_it_here_too() -> None:
    content = b"\x08\x00\x05\x00CS\x0a\0ISO_IR 1\x000" + encoded(made()) + PIXELS
    assert not is_as_pydicom_walks_it(content, ENCODINGS[EXPLICIT])
    with without_warnings():
        assert elements.read_elements(content, ENCODINGS[EXPLICIT], last="Rows").text("Modality") is None


def test_a_character_set_that_comes_twice_is_left_to_pydicom() -> None:
    twice = b"\x08\x00\x05\x00CS\x0a\0ISO_IR 100" * 2
    assert flat(twice + encoded(made()) + PIXELS, ENCODINGS[EXPLICIT]) is None


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), syntax=st.sampled_from(list(ENCODINGS)), changes=st.integers(1, 4))
def test_damaged_data_sets_are_read_as_pydicom_reads_them_or_left_to_it(seed: int, syntax: str, changes: int) -> None:
    chance = random.Random(seed)
    whole = bytearray(encoded(chance.choice([nested(), undefined(nested())]), syntax) + ends(syntax))
    for _ in range(changes):
        whole[chance.randrange(len(whole))] = chance.choice([0, 1, 0xFF, chance.randrange(256)])
    is_as_pydicom_walks_it(bytes(whole), ENCODINGS[syntax])


def test_what_fuzzing_found_is_read_as_pydicom_reads_it_or_left_to_it() -> None:
    kept = [path.read_bytes()[1:] for name in ("header", "elements") for path in (CORPUS / name).iterdir()]
    made_here = [seed[1:] for seed in seeds_of("header")]
    found = [is_as_pydicom_walks_it(content, sniff_encoding(content)) for content in (*kept, *made_here)]
    assert any(found)
