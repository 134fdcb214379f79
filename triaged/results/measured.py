"""The parts that groups of measurements in a report are made of, by TID 1410 and 300; knows no report as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import highdicom as hd
from pydicom.sr.coding import Code

from triaged.imaging.outlines import Points
from triaged.results import codes
from triaged.results.provenance import MANUFACTURER, Provenance
from triaged.results.source import SourceFrame, SourceSeries
from triaged.results.wording import INTENDED_USE, Lines
from triaged.study.coding import Output, Site
from triaged.study.finding import Finding, Measurement


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """A part of one image by its outline: closed `points` in pixels from the image's upper left corner.

    `role` tells it from the others of the study. `kind` is what it is, `of` the part of the body that it is or lies in;
    `is_part`: the numbers measured of `of` are numbers of this very outline. `frame` is the image, where the series has
    several; `area_mm2` what the outline encloses, where that is measured.
    """

    label: str
    role: str
    kind: Code
    of: Site
    points: Points
    is_part: bool
    frame: SourceFrame | None = None
    area_mm2: float | None = None


def outlined_group(
    one: Outlined, finding: Finding, source: SourceSeries, provenance: Provenance
) -> hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """Return what was measured of one outlined part of an image (TID 1410)."""
    image = one.frame or source.frames[0]
    numbers = [each for each in finding.numbers(Output.REPORT) if each.site == one.of and one.is_part]
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking(one.label, provenance.uid("tracking", one.role)),
        algorithm_id=algorithm(provenance),
        referenced_region=hd.sr.ImageRegion(
            graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
            graphic_data=one.points,
            source_image=hd.sr.SourceImageForRegion(
                image.sop_class_uid,
                image.sop_instance_uid,
                None if image.frame_number is None else [image.frame_number],
            ),
        ),
        finding_type=one.kind,
        finding_sites=[hd.sr.FindingSite(codes.of(one.of.code))],
        measurements=[*(measurement(each, provenance) for each in numbers), *_area(one, provenance)],
    )


def _area(one: Outlined, provenance: Provenance) -> tuple[hd.sr.Measurement, ...]:
    if one.area_mm2 is None:
        return ()
    return (_number(codes.AREA, float(round(one.area_mm2)), codes.SQUARE_MILLIMETRE, provenance),)


def worded(
    group: hd.sr.MeasurementsAndQualitativeEvaluations, lines: Lines
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Add to a group what the summary page says, as qualitative evaluations in words (TID 1501)."""
    sought, not_sought = lines.purpose
    said = (
        (codes.INTENDED_USE, INTENDED_USE),
        (codes.SOUGHT, sought),
        (codes.NOT_SOUGHT, not_sought),
        *((codes.IN_WORDS, text) for text in lines.findings),
        *((codes.WHY, text) for text in lines.verdict),
    )
    group[0].ContentSequence.extend(
        hd.sr.TextContentItem(name=name, value=text, relationship_type=hd.sr.RelationshipTypeValues.CONTAINS)
        for name, text in said
    )
    return group


def measurement(measured: Measurement, provenance: Provenance) -> hd.sr.Measurement:
    """Return a number of a finding in the unit in which people read it."""
    concept = measured.concept
    unit = concept.unit
    return _number(codes.of(concept.code), unit.reported(measured.value), codes.of(unit.code), provenance)


def number(name: Code, value: float, unit: Code, provenance: Provenance) -> hd.sr.Measurement:
    """Return one number, to four decimals, with the algorithm's name and version; its group has the rest."""
    return _number(name, round(value, 4), unit, provenance)


def algorithm(provenance: Provenance) -> hd.sr.AlgorithmIdentification:
    """Return what made a group's numbers and evaluations (TID 4019)."""
    return hd.sr.AlgorithmIdentification(
        name=provenance.engine,
        version=provenance.engine_version,
        parameters=[f"sha256 {provenance.model_sha256}"],
        family=provenance.family,
        manufacturer=MANUFACTURER,
    )


def tracking(label: str, uid: str) -> hd.sr.TrackingIdentifier:
    """Return by what name and UID a group is followed from report to report (TID 1501)."""
    return hd.sr.TrackingIdentifier(uid=hd.UID(uid), identifier=label)


def _number(name: Code, value: float, unit: Code, provenance: Provenance) -> hd.sr.Measurement:
    algorithm = hd.sr.AlgorithmIdentification(name=provenance.engine, version=provenance.engine_version)
    return hd.sr.Measurement(name=name, value=value, unit=unit, algorithm_id=algorithm)
