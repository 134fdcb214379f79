"""A chest X-ray as a browser shows it: upright, with the outlines of its Segmentation on the pixels they belong to."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.exams.xray.files import image_of, written
from tests.results.ct_study import encoded
from tests.results.xray_study import ORIENTATIONS, XrayStudy, masks, xray_study, xray_values
from triaged.errors import UnreadableStudy
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.squares import resampled
from triaged.exams.xray.viewing import XrayView, view
from triaged.study.kinds import ObjectKind


def opened(study: XrayStudy, folder: Path, *, with_regions: bool = True) -> XrayView:
    image, regions = folder / "image.dcm", folder / "seg.dcm"
    image.write_bytes(encoded(study.image))
    regions.write_bytes(next(one.part10 for one in study.objects() if one.kind is ObjectKind.SEG))
    return view([image], regions if with_regions else None)


def pixels(picture: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(picture)))


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=str)
def test_it_is_shown_upright_however_it_is_stored(turn: Turn, tmp_path: Path) -> None:
    shown = opened(xray_study(turn), tmp_path)
    described = shown.described()
    assert (described["rows"], described["columns"], len(described["slices"])) == (240, 200, 1)
    grey = pixels(shown.jpeg(0)).astype(float)
    upright = masks()
    lung, opacity = upright["left"], upright["affected"]
    assert grey[lung].mean() + 40 < grey[opacity].mean(), "the opacity is in the right lung, brighter than the left"
    assert grey[~(upright["right"] | lung)].mean() > grey[opacity].mean()


@pytest.mark.parametrize("turn", ORIENTATIONS, ids=str)
def test_the_outlines_run_around_what_they_are_of(turn: Turn, tmp_path: Path) -> None:
    contour = opened(xray_study(turn), tmp_path).contour(0)
    assert contour is not None
    drawn = pixels(contour)
    assert drawn.shape == (240, 200, 4)
    alpha = drawn[..., 3]
    assert alpha[99:102, 45:65].max(axis=0).min() > 200, "the upper edge of the square"
    assert alpha[108:114, 46:64].max() == 0, "nothing covers the inside"
    assert alpha[:, :15].max() == alpha[:, 185:].max() == 0


def test_it_says_how_much_of_the_lungs_is_affected(tmp_path: Path) -> None:
    upright = masks()
    share = upright["affected"].sum() / (upright["right"].sum() + upright["left"].sum())
    described = opened(xray_study(), tmp_path).described()
    assert described["slices"][0]["lesion"] == upright["affected"].sum()
    assert described["slices"][0]["share"] == pytest.approx(share)
    assert described["affected"] == f"{100 * share:.0f} % of the area of both lungs"


def test_without_a_segmentation_there_is_nothing_to_draw(tmp_path: Path) -> None:
    shown = opened(xray_study(), tmp_path, with_regions=False)
    assert not shown.described()["has_contour"]
    assert shown.contour(0) is None


def test_there_is_one_image(tmp_path: Path) -> None:
    shown = opened(xray_study(), tmp_path)
    with pytest.raises(IndexError):
        shown.jpeg(1)
    with pytest.raises(IndexError):
        shown.contour(-1)
    with pytest.raises(UnreadableStudy, match="expected the one image of a chest X-ray, found 2"):
        view([tmp_path / "image.dcm", tmp_path / "image.dcm"], None)


def test_a_damaged_segmentation_is_said(tmp_path: Path) -> None:
    opened(xray_study(), tmp_path)
    (tmp_path / "seg.dcm").write_bytes(b"nothing")
    with pytest.raises(UnreadableStudy, match="expected a segmentation"):
        view([tmp_path / "image.dcm"], tmp_path / "seg.dcm")


def test_its_tile_has_the_greys_of_the_picture_and_no_labels(tmp_path: Path) -> None:
    shown = opened(xray_study(), tmp_path)
    described = shown.described()
    assert (described["modality"], described["regions"], described["window_hu"]) == ("CR", [], (0.0, 255.0))
    tile = np.frombuffer(shown.tile(0), "<i2").reshape(described["rows"], described["columns"])
    assert np.abs(tile - pixels(shown.jpeg(0)).astype(int)).mean() < 2.0  # the picture is lossy
    with pytest.raises(IndexError):
        shown.tile(1)


@pytest.mark.slow
def test_an_x_ray_of_60_megapixels_opens_within_a_gibibyte_of_memory_and_keeps_a_byte_for_each_pixel(
    tmp_path: Path,
) -> None:
    rows, columns = 9000, 6700
    values = resampled(xray_values(masks()).astype(np.float32), (rows, columns)) * 12.0
    image = image_of(values.astype(np.uint16), PatientOrientation=["L", "F"])
    path = written(tmp_path, image)
    program = (
        "import resource, sys; from pathlib import Path; from triaged.exams.xray.viewing import view\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "shown = view([Path(sys.argv[1])], None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, shown.held_bytes)"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    peak_kib, held = map(int, run.stdout.split())
    assert peak_kib < 1024 * 1024
    assert rows * columns < held < 1.1 * rows * columns
