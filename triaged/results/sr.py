"""Writes the measurements as a Comprehensive 3D SR by TID 1500; knows nothing of pictures.

Every number of the finding is there, with the algorithm that made it (TID 4019), the segments it was counted on and the
images it was read from. Nobody has verified it, and it says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import highdicom as hd
from pydicom.sr.codedict import codes as standard
from pydicom.sr.coding import Code

from triaged.results import codes
from triaged.results.document import describe_document, evidence, observation_context, write_content
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.measured import Outlined, algorithm, measurement, number, outlined_group, tracking, worded
from triaged.results.provenance import Provenance
from triaged.results.seg import Segment
from triaged.results.source import SourceSeries
from triaged.results.wording import Lines
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.coding import Code as ConceptCode
from triaged.study.coding import Output, Site
from triaged.study.finding import Finding, Measurement, QualityFlag
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import Ranking, TriageClass

ACTIONABLE_CATEGORIES: Mapping[TriageClass, Code] = {
    TriageClass.CRITICAL: codes.ACR_CATEGORY_2,
    TriageClass.SEVERE: codes.ACR_CATEGORY_2,
    TriageClass.SUSPECTED_MODERATE: codes.ACR_CATEGORY_3,
    TriageClass.SUSPECTED_MILD: codes.ACR_CATEGORY_3,
}
"""Classes that rest on a finding, as CID 7035 has them; the others get no category, since none of it means "normal".

Never category 1, which asks for a call within minutes: that is for a radiologist to say (docs/decisions/0012).
"""


SECOND_REPORT_TITLE = "second report"
SECOND_REPORT_SERIES = 9012
"""After the series of the first engine's results."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination looks at: the procedure, the whole that its study-wide numbers are of, and its label."""

    procedure: ConceptCode
    whole: Site
    label: str


_Group = (
    hd.sr.MeasurementsAndQualitativeEvaluations
    | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations
    | hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations
)


def report(
    source: SourceSeries,
    finding: Finding,
    ranking: Ranking,
    examined: Examined,
    lines: Lines,
    segmentation: ResultObject | None,
    described: tuple[Segment, ...],
    provenance: Provenance,
    outlined: Sequence[Outlined] = (),
) -> ResultObject:
    """Return the report; `lines` are the words of the summary page, `segmentation` and `described` what its region
    groups point at.

    `outlined` are parts of the one image of `source`; a part that is outlined has its numbers in that group.
    """
    groups: list[_Group] = [_study_group(finding, ranking, examined, lines, provenance)]
    regions = described if segmentation is not None else ()
    if segmentation is not None:
        groups += [_region_group(one, finding, segmentation, source, provenance) for one in regions]
    groups += [outlined_group(one, finding, source, provenance) for one in outlined]
    known = {one.region.kind for one in regions} | {codes.of(one.of.code) for one in outlined if one.is_part}
    groups += _part_groups(finding, examined, known, provenance)
    content = hd.sr.MeasurementReport(
        observation_context=observation_context(provenance),
        procedure_reported=codes.of(examined.procedure),
        imaging_measurements=groups,
        title=standard.DCM.ImagingMeasurementReport,
    )
    dataset = begin(provenance.report_uid, source, ResultSeries(ObjectKind.SR), provenance)
    describe_document(dataset, source, evidence(source, *([segmentation] if segmentation else [])), provenance)
    write_content(dataset, content[0])
    return finish(dataset, ObjectKind.SR)


def second_report(
    source: SourceSeries,
    finding: Finding,
    agreement: Agreement,
    first: str,
    examined: Examined,
    lines: Lines,
    provenance: Provenance,
) -> ResultObject:
    """Return what a second engine measured, in groups of its own; `first` is the algorithm that it is compared with.

    `lines` say in words what it found, without a verdict: it has no triage class, since it orders nothing.
    """
    groups = [
        _second_group(finding, examined, lines, provenance),
        *_part_groups(finding, examined, frozenset(), provenance),
        _agreement_group(agreement, first, examined, provenance),
    ]
    content = hd.sr.MeasurementReport(
        observation_context=observation_context(provenance),
        procedure_reported=codes.of(examined.procedure),
        imaging_measurements=groups,
        title=standard.DCM.ImagingMeasurementReport,
    )
    series = ResultSeries(ObjectKind.SR, SECOND_REPORT_TITLE)
    dataset = begin(provenance.report_uid, source, series, provenance)
    dataset.SeriesNumber = SECOND_REPORT_SERIES
    describe_document(dataset, source, evidence(source), provenance)
    write_content(dataset, content[0])
    return finish(dataset, ObjectKind.SR)


def disagreement_code(disagreement: Disagreement) -> Code:
    """Return the private code of what two engines disagree in."""
    return codes.private(disagreement.value.upper(), disagreement.value)


def flag_code(flag: QualityFlag) -> Code:
    """Return the private code of a quality flag: sixteen letters at most, the meaning says it in full."""
    return codes.private(flag.value.upper()[:16].rstrip("-"), flag.value)


def _study_group(
    finding: Finding, ranking: Ranking, examined: Examined, lines: Lines, provenance: Provenance
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return what was measured of all that was examined, and all of it in words (TID 1501)."""
    numbers = (each for each in finding.numbers(Output.REPORT) if each.site in (None, examined.whole))
    grade = finding.grade
    category = ACTIONABLE_CATEGORIES.get(ranking.triage_class)
    meaning = ranking.triage_class.name.replace("_", " ").capitalize()
    evaluations = [
        *([(codes.GRADE, codes.private(str(grade), f"Computed {grade}"))] if grade else []),
        (codes.TRIAGE_CLASS, codes.private(f"CLASS-{ranking.triage_class.value}", meaning)),
        *([(codes.ACTIONABLE, category)] if category else []),
        *((codes.QUALITY_ASSESSMENT, flag_code(flag)) for flag in finding.quality),
    ]
    return worded(_group(examined.label, "study", examined.whole, numbers, evaluations, provenance), lines)


def _second_group(
    finding: Finding, examined: Examined, lines: Lines, provenance: Provenance
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return what a second engine measured of all that was examined, and all of it in words (TID 1501)."""
    numbers = (each for each in finding.numbers(Output.REPORT) if each.site in (None, examined.whole))
    grade = finding.grade
    evaluations = [
        (codes.ENGINE_ROLE, codes.SECOND_ENGINE),
        *([(codes.GRADE, codes.private(str(grade), f"Computed {grade}"))] if grade else []),
        *((codes.QUALITY_ASSESSMENT, flag_code(flag)) for flag in finding.quality),
    ]
    return worded(_group(examined.label, "study", examined.whole, numbers, evaluations, provenance), lines)


def _part_groups(
    finding: Finding, examined: Examined, outlined: Collection[Code], provenance: Provenance
) -> list[hd.sr.MeasurementsAndQualitativeEvaluations]:
    """Return a group for each part that was measured and is not among what is `outlined`."""
    parts = {each.site: None for each in finding.numbers(Output.REPORT) if each.site not in (None, examined.whole)}
    return [
        _part_group(site, finding, provenance)
        for site in parts
        if site is not None and codes.of(site.code) not in outlined
    ]


def _part_group(site: Site, finding: Finding, provenance: Provenance) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return what was measured of one part of the body, without a segment of it (TID 1501)."""
    numbers = (each for each in finding.numbers(Output.REPORT) if each.site == site)
    return _group(site.noun.capitalize(), site.name, site, numbers, (), provenance)


def _agreement_group(
    agreement: Agreement, first: str, examined: Examined, provenance: Provenance
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return how a second engine compares with the first (TID 1501)."""
    values = [disagreement_code(each) for each in agreement.disagreements] or [codes.AGREES]
    compared = [number(codes.DIFFERENCE, agreement.points, codes.PERCENT, provenance)]
    if agreement.overlap is not None:
        compared.append(number(codes.OVERLAP, agreement.overlap, codes.NO_UNITS, provenance))
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking(f"Agreement with {first}", provenance.uid("tracking", "agreement")),
        algorithm_id=algorithm(provenance),
        finding_sites=[hd.sr.FindingSite(codes.of(examined.whole.code))],
        measurements=compared,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(codes.AGREEMENT, value) for value in values],
    )


def _group(
    label: str,
    role: str,
    site: Site,
    numbers: Iterable[Measurement],
    evaluations: Iterable[tuple[Code, Code]],
    provenance: Provenance,
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking(label, provenance.uid("tracking", role)),
        algorithm_id=algorithm(provenance),
        finding_sites=[hd.sr.FindingSite(codes.of(site.code))],
        measurements=[measurement(each, provenance) for each in numbers],
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(name, value) for name, value in evaluations],
    )


def _region_group(
    segment: Segment, finding: Finding, segmentation: ResultObject, source: SourceSeries, provenance: Provenance
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """Return what was measured of one segment (TID 1411): its volume, and the numbers of that part of the body."""
    volume = number(codes.VOLUME, segment.mask.volume_ml, codes.MILLILITRE, provenance)
    others = [
        measurement(each, provenance)
        for each in finding.numbers(Output.REPORT)
        if each.site is not None
        and codes.of(each.site.code) == segment.region.kind
        and codes.of(each.concept.code) != codes.VOLUME
    ]
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking(segment.region.label, segment.tracking_uid),
        algorithm_id=algorithm(provenance),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.sop_class_uid,
            sop_instance_uid=segmentation.sop_instance_uid,
            segment_number=segment.number,
            source_series=hd.sr.SourceSeriesForSegmentation(source.series_uid.value),
        ),
        finding_type=segment.region.kind,
        finding_sites=[hd.sr.FindingSite(segment.region.site)],
        measurements=[volume, *others],
    )
