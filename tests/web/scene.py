"""A store with a few studies in it, as the pages' tests are told with; the order is the real scheme's."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from fastapi import FastAPI
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.uid import UID, Comprehensive3DSRStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage
from sqlalchemy import select, update

from tests.findings import finding_of
from tests.store.hashing import CHEAP
from tests.store.making import CT_IMAGE_STORAGE, NOON, Studies, at, instance, next_set, study_uid
from tests.web.administered import administered
from triaged.daemon.examinations import thumbnails, viewers
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.intake import Intake
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Worklist
from triaged.store.people.accounts import Accounts
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables import schema
from triaged.store.tables.database import Database
from triaged.store.tables.views import Quarantined
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.finding import Finding, QualityFlag
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import RequestPriority
from triaged.study.records import Claim, DerivedObject, OutboxItem, Patient, ReceivedHeader
from triaged.study.uids import SeriesUID
from triaged.triage.ordering import place
from triaged.triage.scheme import Scheme, TriageOptions, Waiting
from triaged.web.app import create_app
from triaged.web.health import ALONE, Surroundings
from triaged.web.identity import LOCAL_HOSTS, AccessOptions
from triaged.web.options import WebOptions

OPTIONS = TriageOptions(scheme=Scheme.COMBINED)
OPEN = AccessOptions(hosts=LOCAL_HOSTS | {"testserver"})
CLINIC_NOW = NOON + timedelta(minutes=30)
_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
}
TITLES = ("Summary", "Coronal, plain")
DESTINATIONS = {"pacs": frozenset({ObjectKind.SC, ObjectKind.SR})}


@dataclass
class Scene:
    """A store, and the application over it; `now` is the time that its pages show."""

    database: Database
    spool: Spool
    now: datetime = NOON

    def __post_init__(self) -> None:
        self.studies = Studies(self.database)
        self.outbox = Outbox(self.database)
        self.worklist = Worklist(self.database)
        self.peers = Peers(self.database)
        self.readers = Readers(Actions(self.database), ranking_policy=ranking_policy(OPTIONS))
        placing = ranking_policy(OPTIONS)
        self.intake = Intake(self.studies, self.studies, self.spool, ranking_policy=placing, receiver="web")
        self.accounts = Accounts(self.database, hasher=CHEAP)

    def app(
        self,
        *,
        rows_per_page: int = 100,
        access: AccessOptions = OPEN,
        surroundings: Surroundings = ALONE,
        **says: Any,
    ) -> FastAPI:
        """Return the application, open to the tests' browser unless `access` says otherwise; `says` are its options."""
        address = "TRIAGED at 127.0.0.1:11112"
        options = WebOptions(address, "combined", rows_per_page=rows_per_page, access=access, **says)
        rooms = (self.database, self.spool, self.accounts, self.readers)
        return create_app(
            *rooms,
            viewers=viewers(),
            thumbnails=thumbnails(),
            options=options,
            clock=lambda: self.now,
            surroundings=surroundings,
            intake=self.intake,
            administered=administered(self),
        )

    def arrive(
        self,
        number: int,
        *,
        minutes: float,
        name: str = "Roe^Jane",
        priority: RequestPriority = RequestPriority.ROUTINE,
        modality: str = "CT",
        serial: int = 1,
        association: int | None = None,
    ) -> None:
        """Let one image of a study arrive, so many minutes after noon: a slice, or of another modality."""
        what = instance(number, serial, series=serial)
        if modality != "CT":
            what = replace(what, image=replace(what.image, modality=modality, sop_class_uid=_CLASSES[modality]))
        patient = Patient(name, f"P-{number}", "19560412", "F", f"A-{number}", "20260301", "115900", "CT thorax")
        header = ReceivedHeader(
            what.study_uid, what.series_uid, what.sop_instance_uid, priority, patient, what.image, False
        )
        pending = place(what.study_uid, at(minutes), Waiting.SLICES, priority, OPTIONS)
        self.studies.admit(what, header, association, ranking=pending, now=at(minutes))

    def complete(self, number: int, *, minutes: float) -> None:
        """Make a study ready."""
        uid = study_uid(number)
        pending = place(uid, at(minutes), Waiting.ANALYSIS, RequestPriority.ROUTINE, OPTIONS)
        self.studies.complete(uid, 1, ranking=pending, cause="whole", now=at(minutes))

    def end(
        self,
        number: int,
        assessment: Assessment,
        *,
        minutes: float,
        picture: bool = False,
        seconds: tuple[str, ...] = (),
    ) -> None:
        """Claim the study, which must be the next, and publish its result; `seconds` are to read it too."""
        claim = self.studies.claim_next("worker-1", lease_s=60, now=at(minutes))
        assert claim is not None
        assert claim.study_uid == study_uid(number)
        self.studies.commit(
            claim,
            Found(
                assessment,
                ranking=place(claim.study_uid, claim.ready_at, assessment, claim.order_priority, OPTIONS),
                chosen=claim.series[0].series_uid if isinstance(assessment, Assessed) else None,
                not_chosen=((SeriesUID.parse("1.2.3.99"), "localizer"),),
                model="ct-test",
                scheme="combined",
                object_set=next_set(self.studies, claim, f"revision {claim.revision}"),
            ),
            Made(objects=self._objects(claim) if picture else [], destinations=DESTINATIONS, seconds=seconds),
            now=at(minutes + 0.5),
        )

    def scored(
        self, number: int, *, minutes: float, right: float, left: float, p: float, name: str = "Roe^Jane", **more: bool
    ) -> None:
        """Let a study arrive and be scored."""
        self.arrive(number, minutes=minutes, name=name)
        self.complete(number, minutes=minutes)
        quality = (QualityFlag.THICK_SLICES,) if more.get("thick") else ()
        self.end(number, Assessed(found(right, left, p, quality)), minutes=minutes, picture=more.get("picture", False))

    def unread(self, number: int, code: ReasonCode, detail: str, *, minutes: float) -> None:
        """Let a study arrive that cannot be read, or is not for us."""
        self.arrive(number, minutes=minutes)
        self.complete(number, minutes=minutes)
        reason = Reason(code, detail)
        ended = OutOfScope(reason) if code is ReasonCode.NO_CT else Failed(reason)
        self.end(number, ended, minutes=minutes)

    def again(self, number: int, *, minutes: float, right: float, left: float, p: float) -> None:
        """Let a study be read again with another result."""
        pending = place(study_uid(number), at(minutes), Waiting.ANALYSIS, RequestPriority.ROUTINE, OPTIONS)
        self.studies.requeue(study_uid(number).value, ranking=pending, now=at(minutes))
        self.end(number, Assessed(found(right, left, p)), minutes=minutes, picture=True)

    def at_site(self, site: str, *numbers: int) -> None:
        """Let studies be of a site."""
        uids = [study_uid(number).value for number in numbers]
        with self.database.begin() as connection:
            connection.execute(update(schema.study).where(schema.study.c.study_uid.in_(uids)).values(site=site))

    def keep_view(self, number: int, view: bytes) -> str:
        """Have the spool keep a view of the images of a study that was scored; return where."""
        kept = self.spool.keep_derived(study_uid(number).value, "coronal.npz", view)
        result = select(schema.study.c.result_id).where(schema.study.c.study_uid == study_uid(number).value)
        where = schema.result.c.id == result.scalar_subquery()
        with self.database.begin() as connection:
            connection.execute(update(schema.result).where(where).values(coronal_path=kept.path))
        return kept.path

    def settle(self, kind: ObjectKind, outcome: Callable[[OutboxItem], None]) -> None:
        """Let a courier come to this end with every due object of a kind; the others stay as they are."""
        while item := self.outbox.claim_due("courier", lease_s=60, now=self.now):
            if item.object.kind is kind:
                outcome(item)
        self.outbox.release("courier")

    def _objects(self, claim: Claim) -> list[DerivedObject]:
        """Return two pictures and a report of this reading of a study."""
        uid = f"2.25.{claim.study_uid.value.rpartition('.')[2]}{claim.revision}"
        pictures = [self._object(claim, f"{uid}{number}", title) for number, title in enumerate(TITLES)]
        report = replace(pictures[0], sop_instance_uid=f"{uid}9", sop_class_uid=Comprehensive3DSRStorage)
        return [*pictures, replace(report, kind=ObjectKind.SR)]

    def _object(self, claim: Claim, uid: str, title: str) -> DerivedObject:
        kept = self.spool.keep_derived(claim.study_uid.value, f"{uid}.dcm", picture_bytes(uid, title))
        return DerivedObject(
            uid, SecondaryCaptureImageStorage, ExplicitVRLittleEndian, ObjectKind.SC, kept.path, kept.sha256
        )


def found(right: float, left: float, p: float, quality: tuple[QualityFlag, ...] = ()) -> Finding:
    """Return what a pipeline found."""
    severity = max(right, left)
    return finding_of(
        identification=p,
        severity=severity,
        severity_right=right,
        severity_left=left,
        severity_total=(right + left) / 2,
        right_lung_ml=2600.0,
        left_lung_ml=2300.0,
        lungs_ml=4900.0,
        lesion_ml=4900.0 * (right + left) / 2,
        dense_share=0.2,
        grade=sum(severity >= cut for cut in (0.01, 0.25, 0.5, 0.75)),
        engine="networks",
        identification_threshold=0.62,
        quality=quality,
    )


def picture_bytes(sop_instance_uid: str, title: str) -> bytes:
    """Return a Secondary Capture whose first row is red and whose other rows are black."""
    pixels = np.zeros((40, 30, 3), np.uint8)
    pixels[0, :, 0] = 255
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID(sop_instance_uid)
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.ImageComments = f"CT-derived projection - AI triage, not for diagnosis. {title}."
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 40, 30, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = pixels.tobytes()
    content = io.BytesIO()
    dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()


def clinic(scene: Scene) -> Scene:
    """Fill a scene with one study of each kind; return it half an hour later."""
    scene.scored(1, minutes=0, right=0.0, left=0.004, p=0.08, name="Muster^Erika^^Dr")
    scene.scored(2, minutes=5, right=0.31, left=0.12, p=0.91, name="Ivanova^Maria", thick=True)
    scene.scored(3, minutes=9, right=0.54, left=0.81, p=0.97, name="García López^José", picture=True)
    scene.scored(4, minutes=11, right=0.62, left=0.41, p=0.2, name="山田^太郎")
    scene.unread(
        5, ReasonCode.MISSING_SLICES, "expected 300 slices 1 mm apart, found gaps of 5 mm at 3 places", minutes=12
    )
    scene.unread(6, ReasonCode.NO_CT, "expected a CT series, found MR", minutes=13)
    scene.scored(7, minutes=14, right=0.35, left=0.12, p=0.3)
    scene.scored(8, minutes=15, right=0.05, left=0.12, p=0.8)
    scene.arrive(9, minutes=20)
    scene.arrive(10, minutes=21, priority=RequestPriority.STAT, name="<script>alert('x')</script>^<b>Bobby</b>")
    scene.studies.quarantine(
        Quarantined(
            path="quarantine/ab12",
            reason="expected a data set, found bytes that are none",
            peer="10.0.0.9",
            calling_ae_title="MODALITY<1>",
            sop_class_uid=CT_IMAGE_STORAGE,
            sop_instance_uid_sent="",
            size_bytes=12,
            transfer_syntax_uid="1.2.840.10008.1.2",
            sha256="ab12",
            at=at(22),
        )
    )
    scene.now = CLINIC_NOW
    return scene
