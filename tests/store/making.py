"""Instances, headers and placements that the store's tests are told with."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from tests.findings import finding_of
from triaged.store.listing.rankings import Rankings, Where
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.history import History
from triaged.store.studies.outcomes import Found, Made, Outcomes
from triaged.store.studies.publications import Publications
from triaged.store.studies.reception import Reception
from triaged.study.assessment import Assessed, Assessment
from triaged.study.finding import Finding, QualityFlag
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.ranking import Lane, Ranking, RequestPriority, TriageClass
from triaged.study.records import (
    Admission,
    Claim,
    DerivedObject,
    Instance,
    InstanceHeader,
    ObjectSet,
    Patient,
    ReceivedHeader,
)
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
PATIENT = Patient("Roe^Jane", "P-1", "19700101", "F", "A-1", "20260301", "115900", "Thorax")


class Studies(Reception, Arrivals, Completion, Claims, Outcomes, History, Publications, Rankings):
    """Every ledger of studies as one: a test plays the parts of all who write them."""


def at(minutes: float) -> datetime:
    """Return the time that is so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def study_uid(number: int) -> StudyUID:
    """Return the identifier of the study with this number."""
    return StudyUID.parse(f"1.2.826.0.1.{number}")


def image(number: int = 1) -> InstanceHeader:
    """Return the header of one axial slice."""
    return InstanceHeader(
        sop_class_uid=CT_IMAGE_STORAGE,
        modality="CT",
        instance_number=number,
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        rows=512,
        columns=512,
        image_position_patient=(-180.0, -170.5, 1.25 * number),
        image_orientation_patient=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing_mm=(0.7, 0.7),
        slice_thickness_mm=1.25,
        has_rescale=True,
    )


def instance(study: int | StudyUID, number: int, *, content: str = "as first sent", series: int = 1) -> Instance:
    """Return one kept slice of a study."""
    uid = study_uid(study) if isinstance(study, int) else study
    series_uid = SeriesUID.parse(f"1.2.826.0.2.{series}")
    sop = SOPInstanceUID.parse(f"1.2.826.0.3.{uid.value.rpartition('.')[2]}.{number}")
    digest = hashlib.sha256(f"{sop} {content}".encode()).hexdigest()
    return Instance(
        study_uid=uid,
        series_uid=series_uid,
        sop_instance_uid=sop,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        path=f"{uid}/{series_uid}/{sop}-{digest[:8]}.dcm",
        sha256=digest,
        size_bytes=526_000,
        received_at=NOON,
        image=image(number),
    )


def ranking(
    minutes: float,
    uid: StudyUID | str,
    *,
    triage_class: TriageClass = TriageClass.UNSCORED,
    lane: Lane = Lane.ORDERED,
    reason: str = "waiting for its score",
) -> Ranking:
    """Return the place of a study whose effective arrival is so many minutes after noon."""
    key = f"{int(lane)}:{int((minutes + 100_000) * 60):09d}:{uid}"
    return Ranking(lane, triage_class, at(minutes), key, reason)


def admit(
    studies: Studies,
    what: Instance,
    *,
    minutes: float = 0.0,
    where: Where | None = None,
    association_id: int | None = None,
    priority: RequestPriority = RequestPriority.ROUTINE,
    patient: Patient = PATIENT,
) -> Admission:
    """Admit an instance at a time, to the place that its time gives a new study unless another is given."""
    header = ReceivedHeader(
        what.study_uid, what.series_uid, what.sop_instance_uid, priority, patient, what.image, made_by_us=False
    )
    place = where or ranking(minutes, what.study_uid)
    return studies.admit(what, header, association_id, ranking=place, now=at(minutes))


def make_ready(studies: Studies, study: int, *, minutes: float = 0.0, slices: int = 1) -> None:
    """Admit the slices of a study and complete it, all at one time."""
    for number in range(1, slices + 1):
        admit(studies, instance(study, number), minutes=minutes)
    place = ranking(minutes, study_uid(study))
    studies.complete(study_uid(study), slices, ranking=place, cause="whole", now=at(minutes))


def claimed(studies: Studies, worker: str = "worker-1", *, minutes: float = 1.0, lease_s: float = 60.0) -> Claim:
    """Claim the next study, which must be there."""
    claim = studies.claim_next(worker, lease_s=lease_s, now=at(minutes))
    assert claim is not None
    return claim


def finding(severity: float = 0.54) -> Finding:
    """Return what a pipeline found in a study with this severity in the left lung."""
    return finding_of(
        identification=0.91,
        severity=severity,
        severity_right=severity / 2,
        severity_left=severity,
        severity_total=severity * 0.75,
        right_lung_ml=2600.0,
        left_lung_ml=2300.0,
        lungs_ml=4900.0,
        lesion_ml=1200.0,
        dense_share=0.2,
        grade=3,
        engine="networks",
        identification_threshold=0.5,
        quality=(QualityFlag.THICK_SLICES,),
    )


def derived(claim: Claim, kind: ObjectKind, *, number: int = 1) -> DerivedObject:
    """Return a result object of a claimed study."""
    sop = f"2.25.{claim.study_uid.value.rpartition('.')[2]}0{list(KINDS).index(kind.name)}{number}"
    return DerivedObject(
        sop, "1.2.840.10008.5.1.4.1.1.66.4", EXPLICIT_VR_LITTLE_ENDIAN, kind, f"{claim.study_uid}/results/{sop}", "ab"
    )


def object_set(study: int | StudyUID, basis: str, *, follows: ObjectSet | None = None) -> ObjectSet:
    """Return the set of a study that is made from `basis`, the first one or the one that follows another."""
    uid = study_uid(study) if isinstance(study, int) else study
    before = "" if follows is None else follows.uid
    digest = hashlib.sha256(f"{uid} {basis} after {before}".encode()).digest()
    name = f"2.25.{int.from_bytes(digest[:15], 'big')}"
    return ObjectSet(basis, name, 1 if follows is None else follows.revision + 1, before)


def next_set(studies: Studies, claim: Claim, basis: str) -> ObjectSet:
    """Return the set as which a result of this basis is to be published: the one in force, or the next."""
    published = studies.publication(claim.study_uid.value)
    if published is not None and published.object_set.basis == basis:
        return published.object_set
    return object_set(claim.study_uid, basis, follows=None if published is None else published.object_set)


def commit(
    studies: Studies,
    claim: Claim,
    *,
    basis: str | None = None,
    coronal_path: str | None = None,
    minutes: float = 2.0,
    where: Where | None = None,
    severity: float = 0.54,
    objects: tuple[DerivedObject, ...] = (),
    destinations: dict[str, frozenset[ObjectKind]] | None = None,
    seconds: tuple[str, ...] = (),
    assessment: Assessment | None = None,
) -> None:
    """Commit a score for a claimed study, by default high on the list, and another one for each revision of it."""
    place = where or ranking(
        minutes - 180, claim.study_uid, triage_class=TriageClass.SEVERE, reason="B severe — left lung 54 %, P .91"
    )
    studies.commit(
        claim,
        Found(
            assessment or Assessed(finding(severity)),
            ranking=place,
            not_chosen=(),
            chosen=claim.series[0].series_uid,
            model="ct-test",
            scheme="combined",
            object_set=next_set(studies, claim, basis or f"slices and requeues {claim.revision}"),
        ),
        Made(objects=objects, destinations=destinations or {}, coronal_path=coronal_path, seconds=seconds),
        now=at(minutes),
    )
