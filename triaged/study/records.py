"""What is known of instances, studies and deliveries, as values that the rooms hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triaged.study.facts import NOTHING_SAID, StudyFacts
from triaged.study.finding import Finding
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.radiography import RadiographHeader
from triaged.study.ranking import Lane, Override, RequestPriority, Trend, TriageClass
from triaged.study.read_state import ReadState
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """The technical attributes of one instance that completion and choice of series need; None where absent.

    Lengths are millimetres; `image_orientation_patient` holds six direction cosines, `image_position_patient` LPS
    coordinates of the first voxel's centre. For a multi-frame instance `number_of_frames` > 1 and the per-frame
    geometry stays in the file. `device` is what made it: manufacturer, model and station. `radiography` is None for all
    but projection images, and for those that were received before it was kept.
    """

    sop_class_uid: str
    modality: str
    series_number: int | None = None
    series_description: str | None = None
    instance_number: int | None = None
    image_type: tuple[str, ...] = ()
    body_part_examined: str | None = None
    rows: int | None = None
    columns: int | None = None
    number_of_frames: int = 1
    image_position_patient: tuple[float, float, float] | None = None
    image_orientation_patient: tuple[float, float, float, float, float, float] | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    slice_thickness_mm: float | None = None
    convolution_kernel: str | None = None
    gantry_tilt_degrees: float | None = None
    frame_of_reference_uid: str | None = None
    has_rescale: bool = False
    rescale_type: str | None = None
    samples_per_pixel: int | None = None
    images_in_acquisition: int | None = None
    contrast_agent: str | None = None
    device: str | None = None
    radiography: RadiographHeader | None = None


@dataclass(frozen=True, slots=True)
class Patient:
    """How the list names a study to people. Never logged."""

    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_time: str
    study_description: str
    issuer_of_patient_id: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedHeader:
    """Everything that is read of an instance when it arrives.

    `facts` are what rules may ask for; the header itself does not know by whom it was sent.
    """

    study_uid: StudyUID
    series_uid: SeriesUID
    sop_instance_uid: SOPInstanceUID
    order_priority: RequestPriority
    patient: Patient
    image: InstanceHeader
    made_by_us: bool
    facts: StudyFacts = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Instance:
    """One kept instance: `path` is relative to the spool's root, `sha256` is of the data set without file meta."""

    study_uid: StudyUID
    series_uid: SeriesUID
    sop_instance_uid: SOPInstanceUID
    transfer_syntax_uid: str
    path: str
    sha256: str
    size_bytes: int
    received_at: datetime
    image: InstanceHeader


@dataclass(frozen=True, slots=True)
class Series:
    """The instances of one series, in order of arrival."""

    series_uid: SeriesUID
    instances: tuple[Instance, ...]


class Admission(StrEnum):
    """What became of a received instance; the sender gets Success for each, since each is kept or was kept before."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    OWN = "own"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Strike:
    """An attempt to analyse a study that counts against it, and why it ended; no patient attribute."""

    attempt: int
    cause: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to analyse one revision of a study until the lease ends; made only by the store's `claim_next`.

    `attempt` counts the claims of this revision; `strikes` are those attempts that the study itself is to blame for.
    """

    study_uid: StudyUID
    revision: int
    worker: str
    attempt: int
    lease_expires_at: datetime
    ready_at: datetime
    order_priority: RequestPriority
    series: tuple[Series, ...]
    strikes: tuple[Strike, ...] = ()
    facts: StudyFacts = NOTHING_SAID

    @property
    def ran_out_of_memory(self) -> bool:
        """Tell whether an earlier attempt ended for want of memory."""
        return any(strike.cause.startswith(MemoryError.__name__) for strike in self.strikes)


@dataclass(frozen=True, slots=True)
class DerivedObject:
    """A result object, written and fsynced under the spool's root at the relative `path`."""

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    kind: ObjectKind
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ObjectSet:
    """Which set of result objects a result was published as, so that a later one can supersede it by name.

    `basis` is the same for results that are the same function of the same inputs; `uid` also depends on the set that
    this one `follows` (empty for the first), so that going back to earlier settings gives new objects. `revision`
    counts the sets of a study from 1.
    """

    basis: str
    uid: str
    revision: int
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """The current set of a study, with its reports and those of the set before it.

    `reports` are those that a next set supersedes: of the current set, or where it has none, of the last set before it
    that has. `followed_reports` are the same for the set that the current one follows. `is_whole`: its objects are
    there; else the next result of the study takes its place, and follows what it would have followed.
    """

    object_set: ObjectSet
    reports: tuple[DerivedObject, ...]
    followed_reports: tuple[DerivedObject, ...]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Prior:
    """The last scored study of the same patient before another one, for comparison.

    `coronal_path` is the view of its images that the spool keeps for that, None where it keeps none; `algorithm` is
    name and version of the engine. `interval` is when the other study was made and when this one was, by the clock of
    the site; None where either does not say. `result_id` is the store's number of the result that the finding is of.
    """

    study_uid: str
    study_date: str
    object_set_uid: str
    algorithm: str
    finding: Finding
    coronal_path: str | None
    interval: tuple[datetime, datetime] | None = None
    result_id: int = 0


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What a destination accepted when it was last asked.

    `accepted` has the transfer syntaxes for every SOP class that was proposed; none where the class was refused.
    """

    destination: str
    asked_at: datetime
    accepted: Mapping[str, tuple[str, ...]]

    def refuses(self, sop_class_uid: str) -> bool:
        """Tell whether the destination was asked for this class and declined; a class never proposed is not refused."""
        return sop_class_uid in self.accepted and not self.accepted[sop_class_uid]


class DeliveryState(StrEnum):
    """Where an object is on its way to one destination: REFUSED is not wanted there, DEAD was given up after many
    attempts, and something newer took the place of what is WITHDRAWN before it was sent."""

    PENDING = "PENDING"
    SENT = "SENT"
    DEAD = "DEAD"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One object for one destination, claimed by a courier until the lease ends."""

    item_id: int
    study_uid: str
    destination: str
    object: DerivedObject
    attempts: int
    courier: str


@dataclass(frozen=True, slots=True)
class WorklistEntry:
    """One row of the reading worklist; `finding` is that of the current result, None where there is no score.

    `revision` grows with everything that may change the result; `result_revision` counts the sets of results that were
    published, of which the last is current, and is None before the first.

    `position` counts the studies that are not done, from 1; it is 0 for one that is done. `read_by` reads it, or has
    read it, since `read_at`. `trend` and `change_points` are since the patient's earlier study, in percentage points of
    the part that changed most, None where there is nothing to compare. `engines_disagree` tells whether a second engine
    disagrees with the current result, None where none has read the study. `modalities` are those of the images that
    came, CT, CR and DX before others. `assigned_to` is a person or a group, empty where it is nobody's. `effective_at`
    is what the order counts as arrival; the sender with `calling_ae_title` sent last. `view_of` is the object set of
    the result whose view the spool keeps, empty where it keeps none.
    `rule` is the site's rule that the study is under, empty for none; `ignored` tells that it is on no list by that,
    `site` is the one that it is of, empty for none; `site_place` its place in that site's list, 0 where not asked for.
    """

    study_instance_uid: str
    position: int
    lane: Lane
    triage_class: TriageClass
    reason: str
    finding: Finding | None
    state: State
    ready_at: datetime | None
    revision: int
    first_instance_at: datetime
    instances: int
    patient: Patient
    result_revision: int | None = None
    override: Override = Override.NONE
    read_state: ReadState = ReadState.UNREAD
    read_by: str = ""
    read_at: datetime | None = None
    trend: Trend = Trend.NO_PRIOR
    change_points: float | None = None
    engines_disagree: bool | None = None
    modalities: tuple[str, ...] = ()
    assigned_to: str = ""
    order_priority: RequestPriority = RequestPriority.UNKNOWN
    effective_at: datetime | None = None
    calling_ae_title: str = ""
    view_of: str = ""
    rule: str = ""
    ignored: bool = False
    site: str = ""
    site_place: int = 0
