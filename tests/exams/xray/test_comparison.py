"""An earlier X-ray beside this one: what is kept is what was drawn, and the page says what changed."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pytest
from pydicom import dcmread

from tests.results.ct_study import provenance, ranking
from tests.results.xray_study import masks, reading_of, standard_xray, xray_study
from triaged.exams.exam import Earlier
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.objects import result_objects
from triaged.exams.xray.pictures.comparison import change_rows, comparison_page
from triaged.exams.xray.pictures.kept import decode_xray, encode_xray, kept_of
from triaged.results.instance import ResultObject
from triaged.results.layout import PAGE_WIDTH, TOP, Heading
from triaged.study.finding import Finding
from triaged.study.kinds import ObjectKind
from triaged.study.records import Prior

HEADING = Heading("X-ray", "notice")


def clear() -> Finding:
    """Return the finding of the same lungs with nothing in them."""
    nothing = masks()
    nothing["affected"] = nothing["solid"] = np.zeros_like(nothing["affected"])
    return reading_of(nothing).finding


def earlier_of(finding: Finding) -> Earlier:
    study = standard_xray()
    prior = Prior("1.2", "20260228", "1.2.3", "cxr-open 1.0.0", finding, "kept.npz")
    return Earlier(prior, decode_xray(encode_xray(kept_of(study.radiograph, study.reading))))


def test_a_kept_x_ray_has_the_same_picture_masks_and_size() -> None:
    study = standard_xray()
    before = kept_of(study.radiograph, study.reading)
    after = decode_xray(encode_xray(before))
    assert np.abs(after.grey - before.grey).max() <= 0.5 / 255 + 1e-6
    np.testing.assert_array_equal(after.affected, study.reading.affected)
    np.testing.assert_array_equal(after.right_lung, study.reading.right_lung)
    np.testing.assert_array_equal(after.left_lung, study.reading.left_lung)
    assert after.spacing_mm == pytest.approx((1.5, 1.5))


def test_an_image_that_is_stored_turned_is_kept_upright() -> None:
    plain, turned = (kept_of(study.radiograph, study.reading) for study in (standard_xray(), xray_study(Turn(1))))
    np.testing.assert_array_equal(turned.grey, plain.grey)
    assert turned.spacing_mm == plain.spacing_mm


def test_equal_ones_give_equal_bytes() -> None:
    study = standard_xray()
    first, second = (encode_xray(kept_of(study.radiograph, study.reading)) for _ in range(2))
    assert first == second


def test_what_is_no_kept_x_ray_is_refused() -> None:
    study = standard_xray()
    whole = encode_xray(kept_of(study.radiograph, study.reading))
    for content in (b"", b"not an archive", b"PK\x05\x06" + bytes(18), whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="kept X-ray"):
            decode_xray(content)


def test_the_rows_say_then_now_and_the_change() -> None:
    now = standard_xray().reading.finding
    rows = {name: values for name, *values in change_rows(clear(), now)}
    # 1,200 of some 8,040 pixels of the right lung: 15 %; its middle third is affected, of six zones one
    assert rows["Right lung"] == ["0 %", "15 %", "+15 points"]
    assert rows["Left lung"] == ["0 %", "0 %", "0 points"]
    assert rows["Affected zones"] == ["0 of 6", "1 of 6", "+1"]
    assert rows["Estimated volume"][1] == "20 % (10 to 34 %)"


def test_two_x_rays_of_one_size_are_drawn_at_one_scale() -> None:
    study = standard_xray()
    page = comparison_page(
        study.radiograph, study.reading, earlier_of(study.reading.finding), HEADING, "cxr-open 1.0.0"
    )
    halves = page.pixels[TOP : TOP + 408, : PAGE_WIDTH // 2], page.pixels[TOP : TOP + 408, PAGE_WIDTH // 2 :]
    lit = [np.flatnonzero(half.max(axis=(0, 2))).size for half in halves]
    assert lit[0] == lit[1] > 200
    assert np.abs(halves[0].astype(int) - halves[1]).mean() < 2.0


def test_a_scored_x_ray_keeps_its_view_and_draws_an_earlier_one() -> None:
    study = standard_xray()
    made_by = provenance((study.image,), engine="cxr-open", engine_version="1.0.0")
    alone = result_objects(study.radiograph, study.reading, ranking(), made_by)
    beside = result_objects(study.radiograph, study.reading, ranking(), made_by, earlier_of(clear()))
    assert alone.view == beside.view is not None
    counts = [_pages(made.objects) for made in (alone, beside)]
    assert counts == [3, 4]


def _pages(objects: Sequence[ResultObject]) -> int:
    shown = (dcmread(BytesIO(each.part10)) for each in objects if each.kind is ObjectKind.SC)
    return sum(int(each.get("NumberOfFrames", 1)) for each in shown)


def test_another_engine_is_said() -> None:
    study = standard_xray()
    earlier = earlier_of(clear())
    same, other = (
        comparison_page(study.radiograph, study.reading, earlier, HEADING, engine)
        for engine in ("cxr-open 1.0.0", "cxr-open 2.0.0")
    )
    assert (same.pixels[720:] != other.pixels[720:]).any()
    np.testing.assert_array_equal(same.pixels[:720], other.pixels[:720])
