"""A store and a spool with studies that were received, scored, sent and read, for tests of what is deleted and kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pydicom import Dataset
from sqlalchemy import text

from tests.steps.test_intake import CT_IMAGE, EXPLICIT, encoded, in_pieces, place
from tests.store.making import Studies, commit
from triaged.spool.files import Spool
from triaged.steps.intake import Intake, Offer
from triaged.steps.options import RetentionOptions
from triaged.steps.retain import Retaining
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.actions import Actions
from triaged.store.studies.retention import Retention
from triaged.store.tables.database import Database
from triaged.study.kinds import ObjectKind
from triaged.study.read_state import ActionKind
from triaged.study.records import Admission, DerivedObject

THEN = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
SLICES = 3

REPORT_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"


def uid(number: int) -> str:
    """Return the Study Instance UID of the study with this number."""
    return f"1.2.826.0.1.{number}"


def slice_of(number: int, index: int, *, pixels: bytes = b"\1\2" * 1000) -> bytes:
    """Return the data set of one slice of a study; all studies are of one patient, a day apart."""
    dataset = Dataset()
    dataset.SOPClassUID = CT_IMAGE
    dataset.SOPInstanceUID = f"{uid(number)}.1.{index}"
    dataset.StudyDate = (THEN + timedelta(days=number)).strftime("%Y%m%d")
    dataset.Modality = "CT"
    dataset.PatientName, dataset.PatientID = "Roe^Jane", "P-1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(number), f"{uid(number)}.1"
    return encoded(dataset) + b"\xe0\x7f\x10\x00OW\0\0" + len(pixels).to_bytes(4, "little") + pixels


class Ward:
    """Plays everybody: senders, worker, courier, reader, and the clock that deletes."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self.database, self.spool, self.now = database, spool, THEN
        self.studies, self.outbox, self.readers = Studies(database), Outbox(database), Actions(database)
        self.retention = Retention(database)
        self.intake = Intake(self.studies, self.studies, spool, ranking_policy=place, receiver="receiver-1")
        self.sender = self.intake.open_association(peer="192.0.2.1", calling_ae_title="CT1", now=THEN)

    def send(self, number: int, index: int, **content: Any) -> Admission:
        """Send one slice."""
        offer = Offer(CT_IMAGE, f"{uid(number)}.1.{index}", EXPLICIT)
        content_of_it = in_pieces(slice_of(number, index, **content))
        return self.intake.receive(offer, content_of_it, self.sender, clock=lambda: self.now)

    def receive(self, number: int) -> None:
        """Send every slice of a study and complete it."""
        for index in range(SLICES):
            self.send(number, index)
        (study,) = [each for each in self.studies.receiving(now=self.now) if each.study_uid.value == uid(number)]
        self.studies.complete(study.study_uid, study.revision, ranking=place, cause="whole", now=self.now)

    def score(self, number: int, **committed: Any) -> None:
        """Score the study that waits, with a report for a destination and a view for a later comparison."""
        claim = self.studies.claim_next("worker-1", lease_s=60, now=self.now)
        assert claim is not None
        assert claim.study_uid.value == uid(number)
        report = self.spool.keep_derived(uid(number), "report.dcm", f"report of {number}".encode())
        view = self.spool.keep_derived(uid(number), "coronal.npz", b"view")
        made = DerivedObject(f"2.25.{number}", REPORT_CLASS, EXPLICIT, ObjectKind.SR, report.path, report.sha256)
        given: dict[str, Any] = {"destinations": {"pacs": frozenset({ObjectKind.SR})}, "where": place}
        given["minutes"] = (self.now - THEN).total_seconds() / 60
        commit(self.studies, claim, objects=(made,), coronal_path=view.path, **given | committed)

    def deliver(self) -> None:
        """Send what is due."""
        while item := self.outbox.claim_due("courier", to="pacs", lease_s=60, now=self.now):
            self.outbox.sent(item, now=self.now)

    def read(self, number: int, kind: ActionKind = ActionKind.DONE) -> None:
        """Let a reader act."""
        self.readers.act(uid(number), kind, "anna", ranking_policy=place, now=self.now)

    def finished(self, number: int) -> None:
        """Take a study through all of it."""
        self.receive(number)
        self.score(number)
        self.deliver()
        self.read(number)

    def pass_days(self, days: float) -> None:
        """Let time pass."""
        self.now += timedelta(days=days)

    def retaining(self, retention: Retention | None = None, **options: Any) -> Retaining:
        """Return what deletes, by these rules."""
        return Retaining(retention or self.retention, self.spool, RetentionOptions(**options), monotonic=lambda: 0.0)

    def retain(self, **options: Any) -> int:
        """Delete once by these rules."""
        return self.retaining(**options).tick(now=self.now)

    def images(self, number: int) -> list[str]:
        """Return the files of the images of a study that are there."""
        return [path for path in self.files() if path.startswith(f"{uid(number)}/") and "/results/" not in path]

    def results(self, number: int) -> list[str]:
        """Return the files of the results of a study that are there."""
        return [path for path in self.files() if path.startswith(f"{uid(number)}/results/")]

    def files(self) -> list[str]:
        """Return every file in the spool."""
        root = self.spool.absolute("x").parent
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name[0] != ".")

    def folders(self) -> list[str]:
        """Return the folders right under the root."""
        root = self.spool.absolute("x").parent
        return sorted(path.name for path in root.iterdir() if path.is_dir())

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table."""
        return self.rows_of(f"SELECT * FROM {table} ORDER BY id")

    def rows_of(self, query: str) -> list[dict[str, Any]]:
        """Return what a query finds."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(text(query)).mappings()]

    def change(self, statement: str) -> None:
        """Change rows in a way that is made by nobody here."""
        with self.database.begin() as connection:
            connection.execute(text(statement))

    def promised_and_missing(self) -> Iterator[str]:
        """Return the paths that rows promise, and that are not there."""
        there = set(self.files())
        for table, column in PROMISES:
            for row in self.rows(table):
                if row[column] is not None and row["removal_id"] is None and row[column] not in there:
                    yield row[column]


PROMISES = (
    ("instance", "path"),
    ("conflict", "path"),
    ("derived", "path"),
    ("result", "coronal_path"),
    ("drawing", "draft_path"),
    ("quarantine", "path"),
)
