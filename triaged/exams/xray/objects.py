"""Turns one read chest X-ray into its result objects, its regions coded by SNOMED CT; knows no file and no clock."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code as CodedConcept

from triaged.exams.exam import Earlier, Results
from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.decoding.turning import AS_STORED
from triaged.exams.xray.finding import XrayReading
from triaged.exams.xray.greys import greys_of
from triaged.exams.xray.layers import layers_of
from triaged.exams.xray.outlined import Outline, Outlines, outlines_of
from triaged.exams.xray.pictures.kept import encode_xray, kept_of
from triaged.exams.xray.pictures.pages import PICTURES_TITLE, reason_pages, result_pages
from triaged.exams.xray.pictures.wording import analysis_lines, xray_reason_lines
from triaged.exams.xray.working import stored_mask
from triaged.results import codes
from triaged.results.flat_seg import FlatSegment, flat_segmentation
from triaged.results.instance import ResultObject, ResultSeries
from triaged.results.measured import Outlined
from triaged.results.presentation_state import presentation_state
from triaged.results.provenance import Provenance
from triaged.results.sc import pictures, reason_pictures
from triaged.results.seg import Region
from triaged.results.source import SourceSeries, single_frames
from triaged.results.sr import Examined, report
from triaged.results.text import text_report
from triaged.study.assessment import Reason
from triaged.study.coding import Code
from triaged.study.concepts import LEFT_LUNG, LUNGS, RIGHT_LUNG
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking

_RIGHT_LUNG, _LEFT_LUNG, _LUNG = (codes.of(site.code) for site in (RIGHT_LUNG, LEFT_LUNG, LUNGS))
_OPACITY_CODE = codes.of(Code("52988006", "SCT", "Lesion"))
_CONSOLIDATION = codes.of(Code("9656002", "SCT", "Consolidation"))
_ANATOMY, _ABNORMAL = codes.ANATOMICAL_STRUCTURE, codes.ABNORMAL_STRUCTURE
_WHOLE = "as projected, with what lies behind the heart and the diaphragm"
_AFFECTED_IS = "Area of the lungs that the algorithm takes for affected"
_SOLID_IS = "Part of the lung opacity that the algorithm takes for consolidated"

_RIGHT = Region("Right lung", f"Right lung {_WHOLE}", _ANATOMY, _RIGHT_LUNG, _RIGHT_LUNG, (40000, 29000, 19000))
_LEFT = Region("Left lung", f"Left lung {_WHOLE}", _ANATOMY, _LEFT_LUNG, _LEFT_LUNG, (40000, 36000, 22000))
_OPACITY = Region("Lung opacity", _AFFECTED_IS, _ABNORMAL, _OPACITY_CODE, _LUNG, (38000, 50000, 45000))
_SOLID = Region("Consolidation", _SOLID_IS, _ABNORMAL, _CONSOLIDATION, _LUNG, (30000, 52000, 28000))

EXAMINED: Final = Examined(Code("399208008", "SCT", "Plain chest X-ray"), LUNGS, "Both lungs")
SEGMENTATION: Final = ResultSeries(ObjectKind.SEG, "lungs and opacity", body_part="CHEST", label="LUNGS_OPACITY")
OUTLINES: Final = ResultSeries(ObjectKind.GSPS, body_part="CHEST", label="LUNGS_OPACITY")
PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, body_part="CHEST", of="a radiograph")
REASON_PICTURES: Final = ResultSeries(ObjectKind.SC, PICTURES_TITLE, of="a radiograph")


def result_objects(
    radiograph: Radiograph,
    reading: XrayReading,
    ranking: Ranking,
    provenance: Provenance,
    earlier: Earlier | None = None,
) -> Results:
    """Return regions, reports, outlines and pictures of one reading, with `earlier` beside it; see `Analysis`."""
    source, finding = single_frames([radiograph.header]), reading.finding
    described = segments(reading, radiograph, provenance)
    masks = flat_segmentation(source, described, provenance, SEGMENTATION)
    outlines = outlines_of(reading, radiograph)
    parts = outlined(outlines)
    lines = analysis_lines(radiograph, finding, ranking, provenance)
    measurements = report(source, finding, ranking, EXAMINED, lines, None, (), provenance, parts)
    words = text_report(source, lines, provenance)
    drawn = _presentation(source, radiograph, reading, outlines, provenance)
    shown = pictures(source, None, result_pages(radiograph, reading, lines, provenance, earlier), provenance, PICTURES)
    return Results((masks, measurements, words, drawn, *shown), encode_xray(kept_of(radiograph, reading)))


def reason_objects(
    header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance
) -> tuple[ResultObject, ...]:
    """Return the objects of an X-ray that has no score: one page that says why, and that as text."""
    source = single_frames([header])
    words = xray_reason_lines(header, reason, ranking, provenance)
    shown = reason_pictures(source, reason_pages(header, reason, ranking, provenance), provenance, REASON_PICTURES)
    return (*shown, text_report(source, words, provenance, reason_key=f"{reason.code.value} {reason.detail}"))


def segments(reading: XrayReading, radiograph: Radiograph, provenance: Provenance) -> tuple[FlatSegment, ...]:
    """Return the regions that have pixels, on the stored image."""
    nothing: NDArray[np.bool_] = np.zeros_like(reading.affected)
    solid = nothing if reading.consolidation is None else reading.consolidation
    named = zip(
        (_RIGHT, _LEFT, _OPACITY, _SOLID),
        (reading.right_lung, reading.left_lung, reading.affected, solid),
        strict=True,
    )
    stored = ((region, stored_mask(mask, radiograph)) for region, mask in named)
    present = [(region, pixels) for region, pixels in stored if pixels.any()]
    return tuple(
        FlatSegment(number, region, provenance.uid("tracking", region.kind.value), pixels)
        for number, (region, pixels) in enumerate(present, start=1)
    )


def outlined(outlines: Outlines) -> tuple[Outlined, ...]:
    """Return what the report outlines: each lung and each zone with its numbers, and each place that is affected."""
    parts = [_part(each) for each in (*outlines.lungs, *outlines.zones)]
    return (
        *parts,
        *_places("Lung opacity", "opacity", _OPACITY_CODE, outlines.affected),
        *_places("Consolidation", "consolidation", _CONSOLIDATION, outlines.consolidated),
    )


def _part(each: Outline) -> Outlined:
    label = each.of.noun.capitalize()
    return Outlined(label, each.of.name, codes.of(each.of.code), each.of, each.points, is_part=True)


def _places(label: str, role: str, kind: CodedConcept, outlines: tuple[Outline, ...]) -> tuple[Outlined, ...]:
    return tuple(
        Outlined(f"{label} {number}, {each.of.noun}", f"{role} {number}", kind, each.of, each.points, is_part=False)
        for number, each in enumerate(outlines, start=1)
    )


def _presentation(
    source: SourceSeries, radiograph: Radiograph, reading: XrayReading, outlines: Outlines, provenance: Provenance
) -> ResultObject:
    is_turned = radiograph.upright != AS_STORED
    layers = layers_of(outlines, reading.finding, radiograph.grey.shape, is_turned)
    return presentation_state(
        source, layers, greys_of(radiograph), f"Outlines, {provenance.algorithm}", provenance, OUTLINES
    )
