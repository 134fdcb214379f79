"""Result objects before dciodvfy, which judges them by the standard, and before DCMTK, which has to decode them.

The matrix of studies is `tests.wire.cases`. Whatever kinds of object a study gets are judged: none is named here.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from tests.results.ct_study import encoded
from tests.wire.cases import (
    REASONS,
    STUDIES,
    XRAYS,
    objects_of,
    reason_objects_of,
    xray_objects_of,
    xray_reason_objects_of,
)
from tests.wire.judges import (
    DEFLATED,
    clean,
    complaints,
    dcmdump_value,
    inflated,
    needs_dciodvfy,
    needs_dcmtk,
    verdict,
)
from triaged.study.kinds import KINDS, ObjectKind

PICTURES = (ObjectKind.SC, ObjectKind.SC_MULTIFRAME)


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("kind", STUDIES)
def test_dciodvfy_finds_no_error(kind: str, tmp_path: Path) -> None:
    assert complaints(objects_of(kind), tmp_path) == []


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("kind", REASONS)
def test_dciodvfy_finds_no_error_in_what_a_study_without_score_gets(kind: str, tmp_path: Path) -> None:
    assert complaints(reason_objects_of(kind), tmp_path) == []


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("kind", XRAYS)
def test_dciodvfy_finds_no_error_in_what_a_chest_x_ray_gets(kind: str, tmp_path: Path) -> None:
    assert complaints(xray_objects_of(kind), tmp_path) == []


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("kind", REASONS)
def test_dciodvfy_finds_no_error_in_what_an_x_ray_without_score_gets(kind: str, tmp_path: Path) -> None:
    assert complaints(xray_reason_objects_of(kind), tmp_path) == []


def test_the_matrix_holds_every_kind_of_object() -> None:
    both = (*objects_of("HFS"), *xray_objects_of("upright"))
    assert {one.kind for one in both} == set(KINDS.values())
    assert {one.kind for one in reason_objects_of("HFS")} >= {ObjectKind.SC, ObjectKind.TEXT}


@needs_dciodvfy
@needs_dcmtk
@pytest.mark.parametrize("kind", KINDS.values(), ids=str)
def test_the_judge_would_have_complained(kind: ObjectKind, tmp_path: Path) -> None:
    both = (*objects_of("HFS"), *xray_objects_of("upright"))
    broken = dcmread(BytesIO(next(one for one in both if one.kind is kind).part10))
    del broken.StudyInstanceUID
    (tmp_path / "broken.dcm").write_bytes(encoded(broken))
    assert verdict(tmp_path / "broken.dcm")


@needs_dcmtk
def test_dcmtk_decodes_the_pictures_to_the_same_pixels(tmp_path: Path) -> None:
    for one in objects_of("HFS"):
        if one.kind in PICTURES:
            (tmp_path / "picture.dcm").write_bytes(one.part10)
            decoded = _dcmj2pnm(tmp_path / "picture.dcm")
            np.testing.assert_array_equal(decoded, dcmread(BytesIO(one.part10)).pixel_array.reshape(decoded.shape))


@needs_dcmtk
def test_dcmtk_inflates_the_segmentation_to_the_same_bits(tmp_path: Path) -> None:
    (one,) = (one for one in objects_of("HFS") if one.kind is ObjectKind.SEG)
    path = tmp_path / "seg.dcm"
    path.write_bytes(one.part10)
    assert dcmdump_value(path, "TransferSyntaxUID") == one.transfer_syntax_uid == DEFLATED
    clean("dcmdump", "+W", tmp_path, inflated(path))
    (raw,) = tmp_path.glob("*.raw")
    assert raw.read_bytes() == bytes(dcmread(BytesIO(one.part10)).PixelData)


@needs_dcmtk
@pytest.mark.parametrize("kind", ["HFS", "revision 2", "single lung"])
def test_dcmdump_reads_every_object_without_a_remark(kind: str, tmp_path: Path) -> None:
    for one in objects_of(kind):
        (tmp_path / "one.dcm").write_bytes(one.part10)
        assert dcmdump_value(tmp_path / "one.dcm", "SOPInstanceUID") == one.sop_instance_uid


def _dcmj2pnm(path: Path) -> NDArray[np.uint8]:
    """Return all frames of a picture as DCMTK decodes them (frame, row, column, colour)."""
    pattern = path.with_name("decoded")
    clean("dcmj2pnm", "--write-raw-pnm", "--all-frames", path, pattern)
    frames = sorted(path.parent.glob("decoded.*"), key=lambda one: int(one.name.split(".")[1]))
    found = np.stack([_pnm(one.read_bytes()) for one in frames])
    for frame in frames:
        frame.unlink()
    return found


def _pnm(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of a raw PPM file (row, column, colour)."""
    kind, size, most, pixels = content.split(b"\n", 3)
    assert (kind, most) == (b"P6", b"255")
    columns, rows = (int(number) for number in size.split())
    return np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3)
