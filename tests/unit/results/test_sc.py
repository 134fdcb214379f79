"""The pictures: what is drawn where, in which colour, and what is written beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.unit.results.ct_study import placement, provenance, put, standard_objects, standard_study
from triaged.results.colour import contours, opacity, severity_colour
from triaged.results.pages import NOTICE, reason_page, summary_page
from triaged.results.projection import cropped, projections
from triaged.results.wording import reading_lines, reason_lines
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.records import ObjectKind

CYAN = np.array((0, 200, 220))


@cache
def captures() -> dict[str, Dataset]:
    pictures = [one for one in standard_objects() if one.kind is ObjectKind.SC]
    return {one.name: dcmread(BytesIO(one.part10)) for one in pictures}


def test_there_is_a_summary_a_plain_and_a_coloured_coronal_view_and_one_sagittal_view_per_lung() -> None:
    assert list(captures()) == [
        "sc-1-summary",
        "sc-2-coronal-plain",
        "sc-3-coronal-severity",
        "sc-4-sagittal-right-severity",
        "sc-5-sagittal-left-severity",
    ]
    assert [capture.InstanceNumber for capture in captures().values()] == [1, 2, 3, 4, 5]


def test_every_picture_says_that_it_is_derived_and_has_text_burned_in() -> None:
    for capture in captures().values():
        assert capture.ImageType == ["DERIVED", "SECONDARY"]
        assert capture.ConversionType == "WSD"
        assert capture.BurnedInAnnotation == "YES"
        assert capture.Modality == "OT"
        assert NOTICE in capture.DerivationDescription
        assert len(capture.SourceImageSequence) == 3
        assert capture.pixel_array.shape[1] <= 1024
        notice = capture.pixel_array[:24]
        assert (notice[..., 0] > 200).sum() > 200, "the notice is drawn at the top"


def test_a_study_of_pictures_stays_below_three_megabytes() -> None:
    assert sum(len(one.part10) for one in standard_objects() if one.kind is ObjectKind.SC) < 3_000_000


def test_a_view_is_calibrated_by_the_lungs_width_in_the_patient() -> None:
    capture = captures()["sc-3-coronal-severity"]
    columns = np.flatnonzero(_is(capture.pixel_array, CYAN).any(axis=0))
    width_mm = (columns[-1] - columns[0] + 1) * float(capture.PixelSpacing[1])
    assert width_mm == pytest.approx((75 + 52) + (75 + 58), abs=5.0)
    assert list(capture.PatientOrientation) == ["L", "F"]
    assert list(captures()["sc-4-sagittal-right-severity"].PatientOrientation) == ["P", "F"]


def test_colour_is_where_the_lesion_is_and_nowhere_on_the_plain_view() -> None:
    capture = captures()["sc-3-coronal-severity"].pixel_array
    picture = capture[80:-30, 30:-110]  # without text, markers and bar
    rows, columns = np.nonzero(_saturated(picture) & ~_is(picture, CYAN))
    assert columns.size > 500
    assert columns.max() < picture.shape[1] / 2, "right in the patient is left in the picture"
    assert rows.min() > picture.shape[0] / 3
    plain = captures()["sc-2-coronal-plain"].pixel_array[80:-30, 30:-30]
    assert not _saturated(plain).any()
    left = captures()["sc-5-sagittal-left-severity"].pixel_array[80:-30, 30:-110]
    assert not (_saturated(left) & ~_is(left, CYAN)).any()


def test_the_bar_runs_from_green_over_yellow_to_red() -> None:
    shares = np.array([0.0, 0.35, 0.75, 1.0], np.float32)
    expected = [(0, 150, 60), (240, 220, 0), (200, 0, 0), (200, 0, 0)]
    np.testing.assert_allclose(severity_colour(shares), expected, atol=0.01)


def test_below_two_percent_nothing_is_covered() -> None:
    found = opacity(np.array([0.0, 0.0199, 0.02, 0.5, 1.0], np.float32))
    np.testing.assert_allclose(found, [0.0, 0.0, 0.16, 0.4, 0.65], atol=1e-6)


def test_contours_can_be_told_apart_without_colour() -> None:
    lines = [
        np.count_nonzero(contours(np.where(_disc(30), level, 0.0).astype(np.float32))) for level in (0.3, 0.6, 0.8)
    ]
    assert contours(np.where(_disc(30), 0.2, 0.0).astype(np.float32)).sum() == 0
    assert lines[0] < 0.7 * lines[1] < 0.7 * lines[2]


def test_the_text_keeps_its_order_and_says_everything() -> None:
    study = standard_study()
    finding = replace(study.reading.finding, quality=(QualityFlag.THICK_SLICES,))
    lines = reading_lines(
        study.sources[0], replace(study.reading, finding=finding), placement(), provenance(study.sources)
    )
    severity = round(finding.severity * 100)
    assert lines.headline == f"Right {severity} %   Left 0 % affected   CT-1   P 0.91 flagged"
    starts = " ".join(line.split()[0] for line in lines.body)
    assert starts.startswith("AI P(COVID-19 Right Computed Right Dense, R L Thirds Check: Class Series multitask")
    assert starts.endswith("triaged")
    assert lines.body[1] == "P(COVID-19 pattern) 0.91 >= 0.62: flagged"
    assert "Class B: severity 20 % >= 15 %, flagged" in lines.body
    assert "Series 2, slice 8.0 mm, kernel not stated" in lines.body


def test_no_patient_attribute_is_ever_drawn() -> None:
    study = standard_study()
    made_by = provenance(study.sources)
    reason = Reason(ReasonCode.GAVE_UP, "expected an end, found none")
    header = study.sources[0]
    for lines in (
        reading_lines(header, study.reading, placement(), made_by),
        reason_lines(header, reason, placement(), made_by),
    ):
        text = " ".join((lines.headline, *lines.body))
        for attribute in ("Doe", "Jane", "P-1", "1961", "ACC-1", "Roe"):
            assert attribute not in text


def test_text_that_the_font_cannot_draw_is_replaced() -> None:
    header = Dataset()
    put(header, "ConvolutionKernel", "Lung ФК50 ".encode("iso-8859-5"))
    study = standard_study()
    lines = reading_lines(header, study.reading, placement(), provenance(study.sources))
    assert all(line.isascii() and line.isprintable() for line in lines.body)


def test_what_is_uncertain_reads_as_about_and_not_as_a_question() -> None:
    study = standard_study()
    about = replace(placement(), reason="B severe — right lung ≈54 %, no P")
    lines = reading_lines(study.sources[0], study.reading, about, provenance(study.sources))
    assert "Class B: B severe - right lung ~54 %, no P" in lines.body


@pytest.mark.parametrize(("offset", "said"), [(None, "UTC"), ("+0900", "UTC+09:00")])
def test_the_time_on_a_picture_says_where_it_is_that_time(offset: str | None, said: str) -> None:
    study = standard_study()
    header = Dataset()
    if offset is not None:
        put(header, "TimezoneOffsetFromUTC", offset.encode())
    lines = reading_lines(header, study.reading, placement(), provenance(study.sources))
    assert re.search(r" \d\d:\d\d " + re.escape(said) + r"\Z", lines.body[-1])


def test_an_engine_without_probability_says_so() -> None:
    study = standard_study()
    finding = replace(study.reading.finding, identification=None, identification_threshold=None)
    lines = reading_lines(
        study.sources[0], replace(study.reading, finding=finding), placement(), provenance(study.sources)
    )
    assert "P " not in lines.headline
    assert "no probability" in lines.body[1]


def test_the_page_grows_with_its_text() -> None:
    study = standard_study()
    views = cropped(projections(study.volume, study.reading))
    lines = reading_lines(study.sources[0], study.reading, placement(), provenance(study.sources))
    longer = replace(lines, findings=lines.body * 4)
    for short, long in (
        (summary_page(views, lines), summary_page(views, longer)),
        (reason_page(lines, ""), reason_page(longer, "")),
    ):
        assert long.pixels.shape[0] > short.pixels.shape[0]
        assert not long.pixels[-10:].any(), "nothing is written over the lower edge"


def _is(picture: NDArray[np.uint8], colour: NDArray[np.int_]) -> NDArray[np.bool_]:
    return np.asarray((picture == colour).all(axis=-1))


def _saturated(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    channels = picture.astype(int)
    return np.asarray(channels.max(axis=-1) - channels.min(axis=-1) > 12)


def _disc(radius: int) -> NDArray[np.bool_]:
    y, x = np.ogrid[:100, :100]
    return np.asarray((y - 50) ** 2 + (x - 50) ** 2 < radius**2)
