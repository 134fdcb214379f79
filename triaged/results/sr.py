"""Writes the measurements as a Comprehensive 3D SR by TID 1500; knows nothing of pictures.

Every number of the finding is there, with the algorithm that made it (TID 4019), the segments it was counted on and the
images it was read from. Nobody has verified it, and it says so.
"""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes as standard
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from triaged.results import codes
from triaged.results.identity import REQUIRED
from triaged.results.instance import REPORT_SERIES, ResultObject, begin, finish
from triaged.results.provenance import MANUFACTURER, Provenance, Replaced
from triaged.results.seg import Segment
from triaged.results.source import SourceSeries
from triaged.study.finding import Finding, QualityFlag
from triaged.study.placement import Placement

_Group = hd.sr.MeasurementsAndQualitativeEvaluations | hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations


def report(
    header: Dataset,
    source: SourceSeries,
    finding: Finding,
    placement: Placement,
    segmentation: ResultObject | None,
    described: tuple[Segment, ...],
    provenance: Provenance,
) -> ResultObject:
    """Return the report; `segmentation` and `described` are what its region groups point at."""
    groups: list[_Group] = [_study_group(finding, placement, provenance)]
    if segmentation is not None:
        groups += [_region_group(one, finding, segmentation, source, provenance) for one in described]
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_observer(provenance)),
        procedure_reported=codes.CT_OF_CHEST,
        imaging_measurements=groups,
        title=standard.DCM.ImagingMeasurementReport,
    )
    dataset = hd.sr.Comprehensive3DSR(
        evidence=_evidence(source, segmentation),
        content=content[0],
        series_instance_uid=provenance.uid(REPORT_SERIES.kind.value, "series"),
        series_number=REPORT_SERIES.series_number,
        sop_instance_uid=provenance.report_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        previous_versions=[_predecessor(one, source) for one in provenance.replaces] or None,
        coding_schemes=[_private_scheme()],
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    begin(dataset, header, source, REPORT_SERIES, provenance)
    _settle(dataset)
    return finish(dataset, REPORT_SERIES.kind, "sr")


def flag_code(flag: QualityFlag) -> Code:
    """Return the private code of a quality flag: a code value holds sixteen letters, the meaning says it in full."""
    return codes.private(flag.value.upper()[:16].rstrip("-"), flag.value)


def _study_group(
    finding: Finding, placement: Placement, provenance: Provenance
) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """Return what holds for both lungs together (TID 1501)."""
    algorithm = _algorithm(provenance)
    values: list[tuple[Code, float | None, Code]] = [
        (codes.IDENTIFICATION, finding.identification, codes.NO_UNITS),
        (codes.IDENTIFICATION_THRESHOLD, finding.identification_threshold, codes.NO_UNITS),
        (codes.SEVERITY, finding.severity * 100.0, codes.PERCENT),
        (codes.SHARE, finding.severity_total * 100.0, codes.PERCENT),
        (codes.LUNGS_VOLUME, finding.lungs_ml, codes.MILLILITRE),
        (codes.AFFECTED_VOLUME, finding.lesion_ml, codes.MILLILITRE),
        (codes.DENSE_SHARE, finding.dense_share * 100.0, codes.PERCENT),
    ]
    evaluations = [
        (codes.GRADE, codes.private(f"CT-{finding.grade}", f"Computed CT-{finding.grade}")),
        (codes.TRIAGE_CLASS, codes.private(f"CLASS-{placement.triage_class.value}", _class_meaning(placement))),
        *((codes.QUALITY_ASSESSMENT, flag_code(flag)) for flag in finding.quality),
    ]
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking("Both lungs", provenance.uid("tracking", "study")),
        finding_sites=[hd.sr.FindingSite(codes.LUNG)],
        measurements=[_measurement(name, value, unit, algorithm) for name, value, unit in values if value is not None],
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(name, value) for name, value in evaluations],
    )


def _region_group(
    segment: Segment, finding: Finding, segmentation: ResultObject, source: SourceSeries, provenance: Provenance
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    """Return what holds for one segment (TID 1411)."""
    algorithm = _algorithm(provenance)
    measurements = [_measurement(codes.VOLUME, segment.mask.volume_ml, codes.MILLILITRE, algorithm)]
    share = {codes.RIGHT_LUNG: finding.severity_right, codes.LEFT_LUNG: finding.severity_left}.get(segment.kind)
    if share is not None:
        measurements.append(_measurement(codes.SHARE, share * 100.0, codes.PERCENT, algorithm))
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(segment.label, segment.tracking_uid),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=segmentation.sop_class_uid,
            sop_instance_uid=segmentation.sop_instance_uid,
            segment_number=segment.number,
            source_series=hd.sr.SourceSeriesForSegmentation(source.series_uid.value),
        ),
        finding_type=segment.kind,
        finding_sites=[hd.sr.FindingSite(segment.site)],
        measurements=measurements,
    )


def _measurement(name: Code, value: float, unit: Code, algorithm: hd.sr.AlgorithmIdentification) -> hd.sr.Measurement:
    return hd.sr.Measurement(name=name, value=round(value, 4), unit=unit, algorithm_id=algorithm)


def _algorithm(provenance: Provenance) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(
        name=provenance.engine, version=provenance.engine_version, parameters=[f"sha256 {provenance.model_sha256}"]
    )


def _tracking(label: str, uid: str) -> hd.sr.TrackingIdentifier:
    return hd.sr.TrackingIdentifier(uid=hd.UID(uid), identifier=label)


def _observer(provenance: Provenance) -> hd.sr.ObserverContext:
    return hd.sr.ObserverContext(
        observer_type=standard.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=hd.UID(provenance.device_uid),
            name=MANUFACTURER,
            manufacturer_name=MANUFACTURER,
            model_name=f"triaged {provenance.engine}"[:64],
            serial_number=provenance.model_sha256[:16] or None,
        ),
    )


def _class_meaning(placement: Placement) -> str:
    return placement.triage_class.name.replace("_", " ").capitalize()


def _private_scheme() -> CodingSchemeIdentificationItem:
    return CodingSchemeIdentificationItem(
        designator=codes.PRIVATE_SCHEME, name=codes.PRIVATE_SCHEME_NAME, responsible_organization=MANUFACTURER
    )


def _evidence(source: SourceSeries, segmentation: ResultObject | None) -> Sequence[Dataset]:
    """Return stand-ins that name every object the report rests on; patient and study come from `begin`."""
    named = [(one.sop_class_uid, one.sop_instance_uid, source.series_uid.value) for one in source.instances]
    if segmentation is not None:
        named.append((segmentation.sop_class_uid, segmentation.sop_instance_uid, segmentation.series_instance_uid))
    stand_ins = [_named_instance(source, *one) for one in named]
    for keyword in REQUIRED:
        setattr(stand_ins[0], keyword, "")
    return stand_ins


def _predecessor(replaced: Replaced, source: SourceSeries) -> Dataset:
    return _named_instance(source, replaced.sop_class_uid, replaced.sop_instance_uid, replaced.series_instance_uid)


def _named_instance(source: SourceSeries, sop_class_uid: str, sop_instance_uid: str, series_uid: str) -> Dataset:
    named = Dataset()
    named.file_meta = FileMetaDataset()
    named.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    named.SOPClassUID = sop_class_uid
    named.SOPInstanceUID = sop_instance_uid
    named.SeriesInstanceUID = series_uid
    named.StudyInstanceUID = source.study_uid.value
    return named


def _settle(dataset: Dataset) -> None:
    """Undo two defaults of highdicom: the clock's time, and containers that read on.

    Equal inputs are to give equal bytes; and viewers leave out the names of measurements in a CONTINUOUS container
    (PS3.3 C.17.3.2.2), so that only bare numbers are seen.
    """
    if "ObservationDateTime" in dataset:
        dataset.ObservationDateTime = dataset.ContentDate + dataset.ContentTime
    for element in list(dataset.iterall()):
        if element.keyword == "ContinuityOfContent":
            element.value = "SEPARATE"
