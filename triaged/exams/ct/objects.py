"""Turns one assessed study into its result objects; pure: no file, no socket, no database, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydicom.dataset import Dataset

from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.options import Palette
from triaged.exams.ct.pictures.coronal import encode_coronal
from triaged.exams.ct.pictures.keyslices import slice_names
from triaged.exams.ct.pictures.pages import PICTURES_TITLE, reason_pages, result_pages
from triaged.exams.ct.pictures.projection import cropped, projections
from triaged.exams.ct.pictures.wording import analysis_lines
from triaged.exams.ct.segments import segments
from triaged.exams.exam import Earlier, Results
from triaged.imaging.geometry import Geometry, Reorientation
from triaged.imaging.volume import Volume
from triaged.results.instance import ResultObject, ResultSeries
from triaged.results.provenance import Provenance
from triaged.results.sc import pictures, reason_pictures
from triaged.results.seg import segmentation
from triaged.results.source import SourceSeries, single_frames, source_series
from triaged.results.sr import Examined, report
from triaged.results.text import text_reason, text_report
from triaged.results.wording import Lines, reason_lines
from triaged.study.assessment import Reason
from triaged.study.concepts import LUNGS, Code
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

EXAMINED: Final = Examined(Code("169069000", "SCT", "CT of chest"), LUNGS, "Both lungs")
SEGMENTATION: Final = ResultSeries(ObjectKind.SEG, "lungs and opacity", body_part="CHEST", label="LUNGS_OPACITY")
PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, body_part="CHEST", of="a CT")
REASON_PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, of="a CT")

Writer = Callable[[Dataset, SourceSeries, Lines, Provenance], ResultObject]
WRITERS: tuple[Writer, ...] = (text_report,)
"""What writes the words of a scored study, each an object of a kind of its own."""


def result_objects(
    sources: Sequence[Dataset],
    source_geometry: Geometry,
    reorientation: Reorientation,
    volume: Volume,
    reading: LungAnalysis,
    ranking: Ranking,
    provenance: Provenance,
    *,
    palette: Palette = Palette.GREEN_RED,
    earlier: Earlier | None = None,
    writers: Sequence[Writer] = WRITERS,
) -> Results:
    """Return segmentation, reports and pictures of one reading; equal arguments give equal bytes.

    `sources` are headers without pixels: one per slice in the order of `source_geometry`, or one multi-frame image.
    `volume` and the masks of `reading` lie on the canonical grid that `reorientation` made of the source's.
    `earlier` is the study of the same patient to show beside this one.

    Raises:
        ValueError: the sources do not fit the geometry.
    """
    source = source_series(sources, source_geometry)
    header = sources[0]
    described = segments(volume, reading, provenance)
    masks = (
        segmentation(header, source, source_geometry, reorientation, described, provenance, SEGMENTATION)
        if described
        else None
    )
    measurements = report(header, source, reading.finding, ranking, EXAMINED, masks, described, provenance)
    lines = analysis_lines(header, reading, ranking, provenance, earlier.prior if earlier else None)
    words = (write(header, source, lines, provenance) for write in writers)
    views = projections(volume, reading)
    names = slice_names(sources, source, reorientation)
    pages = result_pages(
        header, volume, views, reading, ranking, provenance, palette=palette, earlier=earlier, slice_names=names
    )
    shown = pictures(header, source, reorientation, pages, provenance, PICTURES)
    return Results((*((masks,) if masks else ()), measurements, *words, *shown), encode_coronal(cropped(views)[0]))


def reason_objects(
    sources: Sequence[Dataset], reason: Reason, ranking: Ranking, provenance: Provenance
) -> tuple[ResultObject, ...]:
    """Return the objects of a study that has no score: one page that says why, without a heat map, and that as text.

    `sources` needs one header at least, of any series of the study.
    """
    header, source = sources[0], single_frames(sources)
    words = reason_lines(header, reason, ranking, provenance)
    pages = reason_pages(header, reason, ranking, provenance)
    key = f"{reason.code.value} {reason.detail}"
    return (
        *reason_pictures(header, source, pages, provenance, REASON_PICTURES),
        text_reason(header, source, words, provenance, key=key),
    )
