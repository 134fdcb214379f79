"""The table of object kinds against the names of PS3.6, written here by hand, and what its readers rely on."""

from __future__ import annotations

import pytest
from pydicom.uid import UID

from triaged.study.kinds import KINDS, ObjectKind, forms_of, kind_of

NAMES = {
    "sc": "Secondary Capture Image Storage",
    "sc-multiframe": "Multi-frame True Color Secondary Capture Image Storage",
    "sr": "Comprehensive 3D SR Storage",
    "seg": "Segmentation Storage",
    "text": "Basic Text SR Storage",
    "kos": "Key Object Selection Document Storage",
    "gsps": "Grayscale Softcopy Presentation State Storage",
    "3d": "Secondary Capture Image Storage",
    "3d-turning": "Multi-frame True Color Secondary Capture Image Storage",
}
STORED_IN = {
    **dict.fromkeys(("sc", "sc-multiframe", "3d", "3d-turning"), "RLE Lossless"),
    "seg": "Deflated Explicit VR Little Endian",
}


def test_each_kind_is_of_the_class_that_the_standard_names() -> None:
    assert {name: UID(kind.sop_class_uid).name for name, kind in KINDS.items()} == NAMES


@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_each_kind_is_stored_small_and_can_go_uncompressed(kind: ObjectKind) -> None:
    assert UID(kind.transfer_syntaxes[0]).name == STORED_IN.get(kind.name, "Explicit VR Little Endian")
    assert {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"} <= set(kind.transfer_syntaxes)


def test_kinds_of_one_class_are_pictures_so_that_one_sentence_explains_a_refusal() -> None:
    classes = [kind.sop_class_uid for kind in KINDS.values()]
    several = {kind.name for kind in KINDS.values() if classes.count(kind.sop_class_uid) > 1}
    assert several == {"sc", "sc-multiframe", "3d", "3d-turning"}


def test_a_kind_is_found_by_the_name_that_is_kept_of_it() -> None:
    assert [kind_of(str(kind)) for kind in KINDS.values()] == list(KINDS.values())
    with pytest.raises(ValueError, match=r"expected one of sc, sc-multiframe, sr, .*, 3d-turning, found ko"):
        kind_of("ko")


def test_only_pictures_come_in_two_forms() -> None:
    both = (ObjectKind.SC_MULTIFRAME, ObjectKind.SC)
    assert [forms_of(kind) for kind in both] == [both, both]
    assert [forms_of(kind) for kind in (ObjectKind.SEG, ObjectKind.SR)] == [(ObjectKind.SEG,), (ObjectKind.SR,)]


def test_kinds_sort_by_their_names() -> None:
    assert [kind.name for kind in sorted(KINDS.values())] == sorted(NAMES)
