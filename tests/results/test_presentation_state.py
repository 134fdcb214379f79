"""The presentation state of a chest X-ray: read with pydicom, and the greys that DCMTK shows through it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.results.ct_study import encoded, provenance
from tests.results.xray_study import ORIENTATIONS, XrayStudy, standard_xray, standard_xray_objects, xray_study
from tests.wire.judges import needs_dcmtk
from tests.wire.peers import dcmtk
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.objects import OUTLINES
from triaged.results.instance import ResultObject
from triaged.results.presentation_state import Layer, Note, presentation_state
from triaged.results.softcopy import Greys
from triaged.results.source import single_frames
from triaged.study.finding import QualityFlag
from triaged.study.kinds import ObjectKind

EXPECTED_LAYERS = ["TRIAGED LUNGS", "TRIAGED ZONES", "TRIAGED AFFECTED", "TRIAGED SOLID", "TRIAGED WORDS"]


def state_of(objects: tuple[ResultObject, ...]) -> Dataset:
    (one,) = (one for one in objects if one.kind is ObjectKind.GSPS)
    return dcmread(BytesIO(one.part10))


def lines_of(state: Dataset, layer: str) -> list[NDArray[np.float64]]:
    """Return the corners of every line of a layer (point, [column, row])."""
    return [
        np.array(drawn.GraphicData, dtype=np.float64).reshape(-1, 2)
        for annotation in state.GraphicAnnotationSequence
        if annotation.GraphicLayer == layer
        for drawn in annotation.get("GraphicObjectSequence", ())
    ]


def test_each_thing_has_a_layer_of_its_own_that_can_be_switched_off() -> None:
    state = state_of(standard_xray_objects())
    assert [layer.GraphicLayer for layer in state.GraphicLayerSequence] == EXPECTED_LAYERS
    assert [layer.GraphicLayerOrder for layer in state.GraphicLayerSequence] == [1, 2, 3, 4, 5]
    assert [each.GraphicLayer for each in state.GraphicAnnotationSequence] == EXPECTED_LAYERS
    assert len({tuple(layer.GraphicLayerRecommendedDisplayCIELabValue) for layer in state.GraphicLayerSequence}) > 3


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=str)
def test_outlines_lie_on_the_stored_pixels_however_the_image_is_stored(turn: Turn) -> None:
    study = xray_study(turn)
    state = state_of(study.objects())
    (affected,) = lines_of(state, "TRIAGED AFFECTED")
    _encloses(affected, study.stored["affected"])
    (solid,) = lines_of(state, "TRIAGED SOLID")
    _encloses(solid, study.stored["solid"])
    right, left = lines_of(state, "TRIAGED LUNGS")
    _encloses(right, study.stored["right"])
    _encloses(left, study.stored["left"])


def _encloses(line: NDArray[np.float64], mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(mask)
    np.testing.assert_allclose(line.min(axis=0), (columns.min(), rows.min()), atol=0.51)
    np.testing.assert_allclose(line.max(axis=0), (columns.max() + 1, rows.max() + 1), atol=0.51)


def test_four_dashed_lines_divide_the_lungs_into_thirds_of_equal_area() -> None:
    study = standard_xray()
    cuts = lines_of(state_of(standard_xray_objects()), "TRIAGED ZONES")
    assert len(cuts) == 4
    for name, rows in (("right", [line[0, 1] for line in cuts[:2]]), ("left", [line[0, 1] for line in cuts[2:]])):
        lung = study.stored[name]
        above = [lung[: round(row)].sum() / lung.sum() for row in rows]
        assert above == pytest.approx([1 / 3, 2 / 3], abs=0.01)


def test_each_zone_has_its_share_in_words_beside_it_and_the_score_is_said_with_what_it_is_for() -> None:
    state = state_of(standard_xray_objects())
    shares = state.GraphicAnnotationSequence[1].TextObjectSequence
    middle = standard_xray().stored["affected"].sum() / standard_xray().stored["right"][99:142].sum()
    assert [note.UnformattedTextValue for note in shares] == ["0 %", f"{100 * middle:.0f} %", *["0 %"] * 4]
    boxes = [note.BoundingBoxTopLeftHandCorner for note in shares]
    assert all(0 <= box[0] <= 200 and 0 <= box[1] <= 240 for box in boxes)
    assert max(box[0] for box in boxes[:3]) < 23 + 1, "left of the right lung"
    assert min(box[0] for box in boxes[3:]) > 160, "right of the left lung"
    (words,) = state.GraphicAnnotationSequence[4].TextObjectSequence
    assert words.UnformattedTextValue.startswith("1 of 6 zones affected, estimated 20 % (10 to 34 %)")
    assert words.UnformattedTextValue.endswith("not for diagnosis, first reading only")


def test_behind_a_closed_gate_nothing_is_outlined_as_affected() -> None:
    study = xray_study(presence=0.2, quality=(QualityFlag.GATE_REMOVED,))
    state = state_of(study.objects())
    assert [layer.GraphicLayer for layer in state.GraphicLayerSequence] == [
        "TRIAGED LUNGS",
        "TRIAGED ZONES",
        "TRIAGED WORDS",
    ]


def test_it_is_of_the_one_image_and_shows_the_whole_of_it() -> None:
    state = state_of(standard_xray_objects())
    (series,) = state.ReferencedSeriesSequence
    (image,) = series.ReferencedImageSequence
    assert series.SeriesInstanceUID == standard_xray().image.SeriesInstanceUID
    assert image.ReferencedSOPInstanceUID == standard_xray().image.SOPInstanceUID
    (area,) = state.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaTopLeftHandCorner) == [1, 1]
    assert list(area.DisplayedAreaBottomRightHandCorner) == [200, 240]
    assert list(area.PresentationPixelSpacing) == [1.5, 1.5]


def _sigmoid(header: Dataset) -> None:
    header.VOILUTFunction = "SIGMOID"


def _rescaled(header: Dataset) -> None:
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = "0.5", "-100", "US"
    header.WindowCenter, header.WindowWidth = "900", "1500"


def _nothing(header: Dataset) -> None:
    del header


@needs_dcmtk
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
@pytest.mark.parametrize("change", [_nothing, _rescaled])
def test_dcmtk_shows_the_same_greys_with_it_as_without(
    change: Callable[[Dataset], None], photometric: str, tmp_path: Path
) -> None:
    """A state without the image's own transformations would show a flat or an inverse picture."""
    study = xray_study(change=change, photometric=photometric)
    through, own = _shown(study, tmp_path)
    assert own.std() > 20
    np.testing.assert_allclose(through, own, atol=2)


def _shown(study: XrayStudy, folder: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the greys of the image through its presentation state, and by its own header."""
    (folder / "image.dcm").write_bytes(encoded(study.image))
    (folder / "state.dcm").write_bytes(next(o for o in study.objects() if o.kind is ObjectKind.GSPS).part10)
    through, own = folder / "through.pgm", folder / "own.pgm"
    ran = dcmtk("dcmp2pgm", "-p", folder / "state.dcm", folder / "image.dcm", through)
    assert ran.returncode == 0, ran.stderr
    ran = dcmtk("dcm2pnm", "--write-raw-pnm", "+Wi", "1", folder / "image.dcm", own)
    assert ran.returncode == 0, ran.stderr
    pixels = study.image.Rows * study.image.Columns
    read = (np.frombuffer(path.read_bytes()[-pixels:], np.uint8).astype(np.int64) for path in (through, own))
    return next(read), next(read)


def test_a_window_keeps_its_function() -> None:
    """DCMTK reads no function in a presentation state, so it cannot judge this."""
    (shown,) = state_of(xray_study(change=_sigmoid).objects()).SoftcopyVOILUTSequence
    assert (shown.WindowCenter, shown.WindowWidth, shown.VOILUTFunction) == (2100, 3000, "SIGMOID")


def test_nothing_to_draw_and_several_images_are_refused() -> None:
    source = single_frames([standard_xray().image])
    made_by = provenance((standard_xray().image,))
    greys = Greys(None, None, is_inverse=False)
    empty = Layer("EMPTY", "Nothing", (0, 0, 0))
    with pytest.raises(ValueError, match="something to draw on one image, found 0 on 1"):
        presentation_state(source, [empty], greys, "", made_by, OUTLINES)
    words = Layer("WORDS", "Words", (0, 0, 0), notes=(Note("so", (0, 0, 1, 1)),))
    two = single_frames([standard_xray().image] * 2)
    with pytest.raises(ValueError, match="found 1 on 2"):
        presentation_state(two, [words], greys, "", made_by, OUTLINES)
