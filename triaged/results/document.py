"""Who observed, what a report rests on and which ones it supersedes; knows nothing of what a report says."""

from __future__ import annotations

from collections.abc import Iterable

import highdicom as hd
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as ItemSequence
from pydicom.sr.codedict import codes as standard

from triaged.results import codes
from triaged.results.instance import ResultObject
from triaged.results.provenance import MANUFACTURER, Provenance, Referenced
from triaged.results.source import SourceSeries, instance_item
from triaged.study.coding import PRIVATE_SCHEME


def observation_context(provenance: Provenance) -> hd.sr.ObservationContext:
    """Return who observed (TID 1001): this software on this model, and no person."""
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=standard.DCM.Device,
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=hd.UID(provenance.device_uid),
                name=MANUFACTURER,
                manufacturer_name=MANUFACTURER,
                model_name=f"triaged {provenance.engine}"[:64],
                serial_number=provenance.model_sha256[:16] or None,
            ),
        )
    )


def evidence(source: SourceSeries, *others: ResultObject) -> tuple[Referenced, ...]:
    """Return every source instance, and results of ours that the report points at."""
    images = (Referenced(one.sop_class_uid, one.sop_instance_uid, source.series_uid.value) for one in source.instances)
    return (*images, *(Referenced(one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid) for one in others))


def references(study_instance_uid: str, named: Iterable[Referenced]) -> ItemSequence:
    """Return instances of one study as the Hierarchical SOP Instance Reference macro has them (C.17.2.1)."""
    series: dict[str, list[Dataset]] = {}
    for one in named:
        series.setdefault(one.series_instance_uid, []).append(instance_item(one))
    listed = codes.items(
        codes.dataset(ReferencedSOPSequence=codes.items(items), SeriesInstanceUID=uid) for uid, items in series.items()
    )
    return codes.items([codes.dataset(ReferencedSeriesSequence=listed, StudyInstanceUID=study_instance_uid)])


def describe_document(
    dataset: Dataset, source: SourceSeries, rests_on: Iterable[Referenced], provenance: Provenance, *, missing: str = ""
) -> None:
    """Write the SR Document Series and General modules (C.17.1, C.17.2) of a document that nobody has verified.

    `rests_on` is the evidence, all of it in the source's study; `missing` says what the document lacks to be complete.
    """
    study = source.study_uid.value
    dataset.ReferencedPerformedProcedureStepSequence = codes.items([])
    dataset.InstanceNumber = 1
    dataset.CompletionFlag = "PARTIAL" if missing else "COMPLETE"
    if missing:
        dataset.CompletionFlagDescription = missing[:64]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    dataset.PerformedProcedureCodeSequence = codes.items([])
    dataset.CodingSchemeIdentificationSequence = codes.items([_private_scheme()])
    dataset.CurrentRequestedProcedureEvidenceSequence = references(study, rests_on)
    replaced = provenance.predecessors(str(dataset.SOPClassUID))
    if replaced:
        dataset.PredecessorDocumentsSequence = references(study, replaced)


def write_content(dataset: Dataset, root: Dataset) -> None:
    """Write a content tree, its containers SEPARATE.

    Viewers leave out the names of measurements in a CONTINUOUS container, which is highdicom's default (PS3.3
    C.17.3.2.2), so that only bare numbers are seen.
    """
    _separate(root)
    dataset.update(root)


def _separate(item: Dataset) -> None:
    """Make a content item and all below it SEPARATE; nothing but content is touched, names stay undecoded."""
    if "ContinuityOfContent" in item:
        item.ContinuityOfContent = "SEPARATE"
    for child in item.get("ContentSequence", ()):
        _separate(child)


def _private_scheme() -> CodingSchemeIdentificationItem:
    """Return what the private codes of a report are from (C.12.1.1.1)."""
    return CodingSchemeIdentificationItem(
        designator=PRIVATE_SCHEME, name=codes.PRIVATE_SCHEME_NAME, responsible_organization=MANUFACTURER
    )
