"""The images among the results before dciodvfy: no error, and no warning but of what it does not know."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.results.ct_study import enhanced_ct_study, standard_objects
from tests.results.test_seg import dense_study
from tests.wire.judges import complaints, needs_dciodvfy, verdict
from triaged.results.instance import ResultObject
from triaged.study.kinds import ObjectKind

REMARKED = (
    r"Attribute is not present in standard DICOM IOD - \(0x0018,0x1002\) UI Device UID",  # of Contributing Equipment
    r"Dicom dataset contains attributes not present in standard DICOM IOD",  # sums the same up
)


def of(kind: ObjectKind) -> list[ResultObject]:
    return [one for one in standard_objects() if one.kind is kind]


IMAGES: dict[str, Callable[[], list[ResultObject]]] = {
    "segmentation": lambda: of(ObjectKind.SEG),
    "segmentation with a dense part": lambda: [dense_study().segmentation()],
    "segmentation of an enhanced ct": lambda: [enhanced_ct_study().segmentation()],
    "pictures": lambda: of(ObjectKind.SC),
    "pictures in one object": lambda: of(ObjectKind.SC_MULTIFRAME),
}


@needs_dciodvfy
@pytest.mark.parametrize("name", IMAGES)
def test_nothing_is_remarked_but_what_the_judge_does_not_know(name: str, tmp_path: Path) -> None:
    objects = IMAGES[name]()
    assert objects
    assert complaints(objects, tmp_path) == []
    for one in objects:
        remarks = verdict(tmp_path / f"{one.name}.dcm", ("Warning",))
        assert [line for line in remarks if not any(re.search(known, line) for known in REMARKED)] == []
