"""A coronal view that was kept is the one that was drawn, and nothing else is taken for one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import standard_study
from triaged.exams.ct.finding import CtNumbers
from triaged.exams.ct.pictures.coronal import decode_coronal, encode_coronal
from triaged.exams.ct.pictures.projection import Direction, Projection, projections


def test_a_kept_view_has_the_same_severity_size_and_thirds() -> None:
    study = standard_study()
    view = projections(study.volume, study.reading)[0]
    kept = decode_coronal(encode_coronal(view))
    assert kept.direction is Direction.CORONAL
    for before, after in zip(_size_mm(view), _size_mm(kept), strict=True):
        assert after == pytest.approx(before, abs=1e-6)
    severity = CtNumbers.of(study.reading.finding).severity_total
    assert float((kept.share * kept.path_mm).sum() / kept.path_mm.sum()) == pytest.approx(severity, abs=0.005)
    assert float(kept.attenuation.mean()) == pytest.approx(float(view.attenuation.mean()), rel=0.01)
    for before_cut, after_cut in zip(view.cuts, kept.cuts, strict=True):
        assert after_cut.row * kept.spacing_mm[0] == pytest.approx(before_cut.row * view.spacing_mm[0])
        assert after_cut.stop * kept.spacing_mm[1] == pytest.approx(before_cut.stop * view.spacing_mm[1])


def test_where_there_was_no_lung_there_is_none_again() -> None:
    study = standard_study()
    view = projections(study.volume, study.reading)[0]
    kept = decode_coronal(encode_coronal(view))
    assert np.isnan(kept.lung_hu[0, 0])
    assert np.isnan(view.lung_hu).mean() == pytest.approx(np.isnan(kept.lung_hu).mean(), abs=0.1)
    assert float(np.nanmin(kept.lung_hu)) == pytest.approx(-850.0, abs=1.0)


def test_equal_views_give_equal_and_few_bytes() -> None:
    study = standard_study()
    first, second = (encode_coronal(projections(study.volume, study.reading)[0]) for _ in range(2))
    assert first == second
    assert len(first) < 100_000


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_kept_view_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="coronal view"):
        decode_coronal(content)


def test_a_view_that_was_cut_short_is_refused() -> None:
    study = standard_study()
    whole = encode_coronal(projections(study.volume, study.reading)[0])
    with pytest.raises(ValueError, match="coronal view"):
        decode_coronal(whole[: len(whole) // 2])


@pytest.mark.parametrize(("name", "value"), [("format", np.array(7)), ("share", np.zeros((2, 2), np.uint16))])
def test_another_format_and_images_that_do_not_fit_are_refused(name: str, value: NDArray[np.generic]) -> None:
    study = standard_study()
    with np.load(BytesIO(encode_coronal(projections(study.volume, study.reading)[0]))) as archive:
        parts = dict(archive) | {name: value}
    stream = BytesIO()
    np.savez_compressed(stream, **parts)
    with pytest.raises(ValueError, match="coronal view"):
        decode_coronal(stream.getvalue())


def _size_mm(view: Projection) -> tuple[float, float]:
    rows_mm, columns_mm = view.spacing_mm
    rows, columns = view.path_mm.shape
    return rows * rows_mm, columns * columns_mm
