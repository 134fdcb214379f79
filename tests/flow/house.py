"""A daemon in one process, with a clock that the test moves.

Every step, the store and the files are the real ones; the networks and the PACS are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

from tests.dicom.factory import write_series
from tests.findings import finding_of
from tests.store.making import Studies
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.exam import Examination
from triaged.imaging.volume import Mask, Volume
from triaged.inference.identity import Engine
from triaged.rules.matching import NO_RULES, Rules
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.advise import Advice, Adviser, advise
from triaged.steps.analyse import Analyst
from triaged.steps.assemble import Assembler
from triaged.steps.deliver import Courier
from triaged.steps.errand import DeliveryOptions
from triaged.steps.intake import Intake, Offer
from triaged.steps.intake import Sender as CallingPeer
from triaged.steps.negotiate import Destination, Negotiator, wanted_of
from triaged.steps.options import AnalyseOptions
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.steps.ports import Negotiation, Outgoing, Peer, Prober, Sender, SendOutcome, Sent, Unreachable
from triaged.steps.ranking_policy import ranking_policy
from triaged.steps.reading_ahead import ReadingAhead
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.actions import Actions
from triaged.store.listing.policies import Policies
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.studies.seconds import Seconds
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import Database
from triaged.store.tables.views import Shown
from triaged.study.completeness import CompletionOptions
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.records import Admission, Claim, Series, WorklistEntry
from triaged.study.second import SecondClaim
from triaged.triage.judging import GuardOptions, References
from triaged.triage.scheme import Scheme, TriageOptions

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TRIAGE = TriageOptions(scheme=Scheme.SEVERITY)
EVERY_KIND = frozenset(KINDS.values())


@dataclass
class FakePipeline:
    """Reads any volume as having the severity that was set; `before` runs in the middle of every reading."""

    severity: float = 0.3
    before: Callable[[], None] | None = None

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return lungs that are two blocks, with lesion in as much of the left one as the severity says."""
        del acquisition
        if self.before is not None:
            self.before()
        right, left, lesion = (np.zeros(volume.geometry.shape, dtype=bool) for _ in range(3))
        right[1:9, 4:12, 3:8] = True
        left[1:9, 4:12, 12:17] = True
        lesion[1:9, 4 : 4 + round(8 * self.severity), 12:17] = True
        severity = float(lesion.sum() / left.sum())
        finding = finding_of(
            identification=None,
            severity=severity,
            severity_right=0.0,
            severity_left=severity,
            severity_total=severity / 2,
            right_lung_ml=2000.0,
            left_lung_ml=2000.0,
            lungs_ml=4000.0,
            lesion_ml=2000.0 * severity,
            dense_share=0.5,
            grade=2,
            engine="fake",
            identification_threshold=None,
        )
        return LungAnalysis(finding, *(Mask(voxels, volume.geometry) for voxels in (right, left, lesion, lesion)))


@dataclass
class FakePacs:
    """Answers as it is told, and keeps what it took; accepts every class that it does not refuse."""

    answer: Callable[[Outgoing], SendOutcome] = lambda _: Sent()
    refuses: set[str] = field(default_factory=set)
    away: bool = False
    asked: int = 0
    took: list[str] = field(default_factory=list)

    def negotiate(self, wanted: Mapping[str, Sequence[str]], peer: Peer) -> Negotiation | Unreachable:
        """Accept all transfer syntaxes of a class, or none."""
        del peer
        self.asked += 1
        if self.away:
            return Unreachable("connection refused")
        return Negotiation({uid: () if uid in self.refuses else tuple(ones) for uid, ones in wanted.items()})

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Answer for each object."""
        del peer
        outcomes = [self.answer(each) for each in objects]
        self.took += [
            each.sop_instance_uid for each, outcome in zip(objects, outcomes, strict=True) if isinstance(outcome, Sent)
        ]
        return outcomes


class Wire(Sender, Prober, Protocol):
    """What a courier needs of the wire."""


class House:
    """All rooms on one store."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        triage: TriageOptions = TRIAGE,
        rules: Rules = NO_RULES,
        spool: Spool | None = None,
    ) -> None:
        self.database, self.triage_options, self.placing = database, triage, ranking_policy(triage)
        self.now = START
        self.folder = folder
        self.pipeline = FakePipeline()
        engine = Engine("fake", "1", "ab" * 32, "2.25.1", "0", "settings")
        self.examinations: tuple[Examination, ...] = (ChestCt(engine, self.pipeline),)
        self.seconds: dict[str, FakePipeline] = {}
        """Second engines, by the names that the settings give them."""
        self.pacs = FakePacs()
        self.wanted = EVERY_KIND
        self.rules = rules
        self.by_model: dict[str, tuple[Examination, ...]] = {}
        self.configuration = "ef" * 32
        """What reads studies under a rule that names a model."""
        self.others: tuple[str, ...] = ()
        """Destinations beside the PACS."""
        self.studies, self.outbox, self.worklist = Studies(database), Outbox(database), Worklist(database)
        self.peers = Peers(database)
        self.spool = spool or Spool(folder / "spool", reserve_mb=0)
        self.intake = Intake(
            self.studies, self.studies, self.spool, ranking_policy=self.placing, receiver="receiver", rules=rules
        )
        self._assembler = Assembler(
            self.studies,
            self.studies,
            is_whole=self.is_whole,
            options=CompletionOptions(),
            ranking_policy=self.placing,
            rules=rules,
        )
        self._courier = self.courier(self.pacs)

    def courier(self, wire: Wire, *, port: int = 104, transfer_syntaxes: tuple[str, ...] = ()) -> Courier:
        """Return the courier of the only destination, which talks to `wire`."""
        wanted = wanted_of(self.wanted, transfer_syntaxes, commitment=False)
        destination = Destination(Peer("pacs", "PACS", "127.0.0.1", port), wanted, transfer_syntaxes)
        return Courier(
            self.outbox,
            self.spool,
            wire,
            Negotiator(self.peers, self.outbox, wire, destination=destination),
            destination=destination,
            options=DeliveryOptions(),
            courier="courier",
        )

    def is_whole(self, series: Sequence[Series]) -> bool:
        """Tell whether an examination has all that it needs."""
        return any(each.is_whole(series) for each in self.examinations)

    def clock(self) -> datetime:
        """Return the time that the test has set."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def series(self, study: int, *, count: int = 10, patient_id: str = "", **attributes: str) -> list[bytes]:
        """Return the encoded data sets of a study's only series, lowest slice first; every study has its own patient.

        A study is a day later than the study of the number before it.
        """
        folder = self.folder / f"study-{study}"
        folder.mkdir(exist_ok=True)

        def change(image: pydicom.Dataset, number: int) -> None:
            image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.{study}", f"1.2.{study}.1"
            image.SOPInstanceUID = f"1.2.{study}.1.{number + 1}"
            image.PatientName, image.PatientID = "Test^Person", patient_id or f"T{study}"
            image.PatientBirthDate, image.StudyDate = "19600101", f"202601{study:02}"
            for keyword, value in attributes.items():
                setattr(image, keyword, value)

        return [encoded(path) for path in sorted(write_series(folder, count=count, change=change))]

    def send(self, slices: Sequence[bytes], sender: str = "CT1") -> list[Admission]:
        """Deliver slices on one association."""
        peer = self.intake.open_association(peer="127.0.0.1", calling_ae_title=sender, now=self.now)
        admissions = [self._receive(content, peer) for content in slices]
        self.intake.close_association(peer, now=self.now)
        return admissions

    def _receive(self, content: bytes, peer: CallingPeer) -> Admission:
        image = pydicom.dcmread(BytesIO(content), force=True, stop_before_pixels=True)
        offer = Offer(image.SOPClassUID, image.SOPInstanceUID, ExplicitVRLittleEndian)
        return self.intake.receive(offer, [content], peer, clock=self.clock)

    def assemble(self) -> int:
        """Let the clock tick once; return how many studies became complete."""
        return self._assembler.tick(now=self.now)

    def reap(self) -> int:
        """Take back what silent workers hold."""
        return self._assembler.reap(now=self.now)

    def analyst(self, worker: str = "worker-1", *, ahead: ReadingAhead | None = None) -> Analyst:
        """Return a worker."""
        return Analyst(
            *(self.studies,) * 3,
            self.spool,
            self.examinations,
            worker=worker,
            triage=self.triage_options,
            options=AnalyseOptions(),
            destinations=dict.fromkeys(("pacs", *self.others), self.wanted),
            seconds=tuple(self.seconds),
            rules=self.rules,
            by_model=self.by_model,
            ahead=ahead,
            latest=SpoolName(self.database).of_others,
        )

    def adviser(self, worker: str = "adviser") -> Adviser:
        """Return what lets second engines read."""
        return Adviser(
            Seconds(self.database),
            self.spool,
            tuple(self.seconds),
            worker=worker,
            options=AnalyseOptions(),
            destinations={"pacs": self.wanted},
            configuration=self.configuration,
        )

    def read_second(self, claim: SecondClaim) -> Advice:
        """Read by a second engine, as the child process does."""
        engine = Engine(claim.name, "2", "cd" * 32, "2.25.2", "0", "settings")
        examination = ChestCt(engine, self.seconds[claim.name])
        return advise(examination, claim, self.triage_options, self.spool.absolute)

    def advise(self) -> int:
        """Let every second engine read all that waits for it; return how many readings there were."""
        adviser, readings = self.adviser(), 0
        while (claim := adviser.claim(clock=self.clock)) is not None:
            adviser.settle(claim, self.read_second(claim), clock=self.clock)
            readings += 1
        return readings

    def claim(self, analyst: Analyst) -> Claim:
        """Have a worker claim what it must find."""
        claim = analyst.claim(clock=self.clock)
        assert claim is not None
        return claim

    def score(self, severity: float = 0.3) -> None:
        """Score the first study that waits."""
        self.pipeline.severity = severity
        analyst = self.analyst()
        analyst.analyse(self.claim(analyst), clock=self.clock)

    def requeue(self, study: int) -> None:
        """Have a study scored again, as an administrator would."""
        self.studies.requeue(f"1.2.{study}", ranking=self.placing, now=self.now)

    def keeping(
        self, guard: GuardOptions | None = None, references: References = MappingProxyType({})
    ) -> PolicyKeeping:
        """Return what the clock keeps the list under the policy with, as after a start."""
        policies, rankings = Policies(self.database), Rankings(self.database)
        return PolicyKeeping(policies, rankings, triage=self.triage_options, guard=guard, references=references)

    def readers(self) -> Readers:
        """Return what takes the actions of readers."""
        return Readers(Actions(self.database), ranking_policy=self.placing)

    def deliver(self, courier: Courier | None = None) -> int:
        """Deliver all that is due; return how many objects were tried."""
        tried = 0
        while (courier or self._courier).run_next(clock=self.clock):
            tried += 1
        return tried

    def reports(self, study: int) -> list[pydicom.Dataset]:
        """Return the structured reports in force of a study."""
        made = self.studies.derived(f"1.2.{study}")
        return [pydicom.dcmread(self.spool.absolute(each.path)) for each in made if each.kind is ObjectKind.SR]

    def triage(self, study: int, severity: float, *, patient_id: str = "") -> None:
        """Bring one study from its first slice to its result."""
        self.send(self.series(study, patient_id=patient_id))
        self.later(2)
        assert self.assemble() == 1
        self.score(severity)

    def part(self, shown: Shown) -> Part:
        """Return a part of the list."""
        return Part(shown=shown)

    def entry(self, study: int) -> WorklistEntry:
        """Return a study that is on the list."""
        entry = self.worklist.entry(f"1.2.{study}")
        assert entry is not None
        return entry

    def order(self) -> list[int]:
        """Return the list as study numbers."""
        return [int(entry.study_instance_uid.rpartition(".")[2]) for entry in self.worklist.entries()]


def encoded(path: Path) -> bytes:
    """Return the data set of a file as a peer sends it in explicit VR little endian."""
    image = pydicom.dcmread(path)
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    pydicom.filewriter.write_dataset(buffer, image)
    return buffer.getvalue()
