"""The greys that DCMTK shows of an X-ray through our presentation state, beside those that were read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from tests.exams.xray.files import DX, RAW, image_of, lookup, ramp, written
from tests.results.ct_study import provenance
from tests.wire.judges import needs_dciodvfy, needs_dcmtk, verdict
from tests.wire.peers import dcmtk
from triaged.exams.xray.decoding.radiograph import Radiograph, decode_radiograph
from triaged.exams.xray.greys import greys_of
from triaged.exams.xray.objects import OUTLINES
from triaged.results.presentation_state import Layer, Note, presentation_state
from triaged.results.source import single_frames
from triaged.study.finding import QualityFlag

NAMED: dict[str, Any] = {
    "SOPClassUID": DX,
    "Modality": "DX",
    "PatientName": "Doe^Jane",
    "PatientID": "P-1",
    "StudyDate": "20260304",
    "StudyTime": "040500",
    "StudyID": "7",
    "PatientOrientation": ["L", "F"],
}
COUNTS_RAYS: dict[str, Any] = {
    "SOPClassUID": RAW,
    "PixelIntensityRelationship": "LIN",
    "PixelIntensityRelationshipSign": 1,
}
HEADERS: dict[str, dict[str, Any]] = {
    "window": {"WindowCenter": 1500, "WindowWidth": 2000},
    "no window": {},
    "no window, inverse": {"PhotometricInterpretation": "MONOCHROME1"},
    "no window, rescaled": {"RescaleSlope": "-0.5", "RescaleIntercept": "700", "RescaleType": "US"},
    "a table": {"VOILUTSequence": [lookup(200, np.arange(2048) ** 2 // 1024, 12)]},
    "a table, inverse": {
        "VOILUTSequence": [lookup(200, np.arange(1024) ** 2 // 1024, 10)],
        "PhotometricInterpretation": "MONOCHROME1",
    },
    "a table that says more bits than it has": {"VOILUTSequence": [lookup(0, np.arange(4096), 16)]},
    "a table of bytes in words": {"VOILUTSequence": [lookup(0, np.arange(4096) // 16, 8)]},
    "a damaged table": {"VOILUTSequence": [lookup(0, np.arange(100), 10, count=4096)]},
    "a table of the modality": {"ModalityLUTSequence": [lookup(0, np.arange(4095, -1, -1), 12)]},
    "raw": {"SOPClassUID": RAW, "PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": 1},
    "raw, as rays counted": COUNTS_RAYS,
}


@needs_dcmtk
@needs_dciodvfy
@pytest.mark.parametrize("name", HEADERS)
def test_a_viewer_shows_the_greys_that_were_read(name: str, tmp_path: Path) -> None:
    """dciodvfy wants 8 or 16 bits in tables, and remarks on 16 where values of a modality need fewer."""
    seen = _decoded(tmp_path, ramp(), BitsStored=12, **HEADERS[name])
    state = _state(seen, tmp_path)
    assert seen.grey.std() > 0.1
    np.testing.assert_allclose(_through(state, tmp_path, seen), 255 * seen.grey, atol=2)
    remarks = [line for line in verdict(state) if "Modality LUT - LUT Descriptor number of bits = 16" not in line]
    assert remarks == []


def test_numbers_that_are_signed_have_a_table_that_begins_below_zero(tmp_path: Path) -> None:
    table = lookup(0x10000 - 1500, np.arange(3000), 12)
    seen = _decoded(tmp_path, ramp(-1500, kind="i2"), VOILUTSequence=[table])
    (item,) = dcmread(_state(seen, tmp_path)).SoftcopyVOILUTSequence[0].VOILUTSequence
    assert item["LUTDescriptor"].VR == "SS"
    assert list(item.LUTDescriptor) == [3000, -1500, 16]
    entries = np.frombuffer(item.LUTData, "<u2")
    np.testing.assert_allclose(seen.grey, entries[ramp()] / 65535, atol=1e-4)


@needs_dcmtk
@pytest.mark.parametrize(
    ("header", "rises"),
    [
        ({}, False),
        ({"WindowCenter": 1500, "WindowWidth": 3000}, False),
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        (COUNTS_RAYS, True),
    ],
    ids=["no window", "window", "inverse", "raw"],
)
def test_a_chest_that_is_stored_with_air_bright_is_turned_round_in_the_viewer_too(
    header: dict[str, Any], rises: bool, tmp_path: Path
) -> None:
    seen = _decoded(tmp_path, _chest() if rises else 3000 - _chest(), **header)
    assert QualityFlag.WAS_INVERSE in seen.quality
    shown = _through(_state(seen, tmp_path), tmp_path, seen)
    np.testing.assert_allclose(shown, 255 * seen.grey, atol=2)
    assert shown[60, 30] < shown[60, 50], "lung is darker than spine"


def _chest() -> NDArray[np.uint16]:
    """Return a coarse chest, dense tissue high."""
    rows, columns = np.indices((120, 100))
    tissue = 900 + 5 * rows + columns % 3
    tissue[:, 42:58] += 900
    for left, right in ((15, 42), (58, 85)):
        tissue[25:85, left:right] -= 700
    tissue[:12, :20] = tissue[:12, 80:] = 20
    return tissue.astype(np.uint16)


def _decoded(folder: Path, stored: NDArray[Any], **attributes: Any) -> Radiograph:
    return decode_radiograph(written(folder, image_of(stored, **NAMED | attributes)))


def _state(seen: Radiograph, folder: Path) -> Path:
    words = Layer("WORDS", "Words", (0, 0, 0), notes=(Note("Words", (0.0, 0.0, 8.0, 8.0)),))
    source, made_by = single_frames([seen.header]), provenance((seen.header,))
    path = folder / "state.dcm"
    path.write_bytes(presentation_state(source, [words], greys_of(seen), "Words", made_by, OUTLINES).part10)
    return path


def _through(state: Path, folder: Path, seen: Radiograph) -> NDArray[np.float64]:
    """Return the picture, from 0 to 255, that DCMTK shows of the image through a presentation state."""
    ran = dcmtk("dcmp2pgm", "-p", state, folder / "image.dcm", folder / "through.pgm")
    assert ran.returncode == 0, ran.stderr
    greys = np.frombuffer((folder / "through.pgm").read_bytes()[-seen.grey.size :], np.uint8)
    return greys.reshape(seen.grey.shape).astype(np.float64)
