"""Builds the daemon's rooms in one process for the golden files; the only module here that knows how they are made.

Whoever changes the inner shape of a finding, a pipeline or a room changes this module and nothing else of this folder.
What it hands out are texts, numbers and `Answer` values; the expected files stay as they are.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pydicom
from fastapi import FastAPI
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from rich.console import Console
from sqlalchemy import text
from typer.testing import CliRunner

import triaged.cli.program
import triaged.daemon.logs
import triaged.exams.ct.engines
from tests.store.hashing import CHEAP
from tests.store.making import Studies
from triaged.config.loading import load
from triaged.config.settings import Config, ModelsSection
from triaged.daemon.examinations import engine_and_pipeline, viewers
from triaged.daemon.rooms import open_rooms
from triaged.dicom.matching import query_of
from triaged.exams.ct.choice import is_whole
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.finding import DENSE_HU, Acquisition, CtNumbers, LungAnalysis, ct_finding
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.imaging.volume import Mask, Volume
from triaged.inference.identity import Engine
from triaged.lab.evaluation.command import Job, evaluate
from triaged.notify.body import body
from triaged.notify.oru import Ends, oru_r01
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.analyse import Analyst
from triaged.steps.assemble import Assembler
from triaged.steps.commitment import CommitmentOptions, CommitmentService, Committer
from triaged.steps.deliver import Courier
from triaged.steps.errand import DeliveryOptions
from triaged.steps.intake import Intake, Offer
from triaged.steps.negotiate import Destination, Negotiator, wanted_of
from triaged.steps.notify import Notifier
from triaged.steps.options import AnalyseOptions
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.steps.ports import Negotiation, Outgoing, Peer, Refused, SendOutcome, Sent, Unreachable
from triaged.steps.ranking_policy import ranking_policy
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.actions import Actions
from triaged.store.listing.policies import Policies
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.people.accounts import Accounts
from triaged.store.tables.views import ResultRecord
from triaged.study.commitment import CommitmentReport, CommitmentRequest, Reference
from triaged.study.completeness import CompletionOptions
from triaged.study.finding import Finding, QualityFlag
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.notification import Notification, Occasion
from triaged.study.read_state import ActionKind
from triaged.study.records import Claim, Prior
from triaged.triage.judging import GuardOptions
from triaged.triage.scheme import Discipline, Scheme, TriageOptions
from triaged.web.app import create_app
from triaged.web.identity import LOCAL_HOSTS, AccessOptions
from triaged.web.options import WebOptions

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SOFTWARE = "0.1.0"
"""The version that everything is written with, whatever the version of the project is."""
TRIAGE = TriageOptions(scheme=Scheme.COMBINED)
ENGINES = {
    "threshold": Engine("threshold", SOFTWARE, "cd" * 32, "2.25.2", SOFTWARE, "settings"),
    "fake": Engine("ct-test", "1.0", "ab" * 32, "2.25.1", SOFTWARE, "settings"),
}
DESTINATIONS = {"pacs": frozenset(KINDS.values()), "archive": frozenset({ObjectKind.SR, ObjectKind.SEG})}
RECEIVERS = {
    "ris": frozenset(Occasion),
    "hook": frozenset({Occasion.RESULT}),
    "away": frozenset({Occasion.CLASS_CHANGE}),
}
_RENAMED = {"urgency": "severity"}
_PRIOR = (
    *("study_uid", "study_date", "object_set_uid", "algorithm", "severity", "severity_right", "severity_left"),
    *("severity_total", "lesion_ml", "grade", "coronal_path", "lungs_ml", "interval"),
)
ENDS = Ends("TRIAGED", "CLINIC", "RIS", "HOSPITAL")
CONFIG = (
    "triage: {{scheme: combined}}\nlogging: {{level: ERROR}}\nstorage: {{path: {spool}}}\ndatabase: {{url: {url}}}\n"
)


@dataclass(frozen=True)
class Found:
    """What the engine that reads nothing says: shares of both lungs (one share with `single`), and a probability."""

    right: float
    left: float
    probability: float | None
    flags: tuple[str, ...] = ()
    single: bool = False


class Fake:
    """Reads any volume as what it is told; raises where it is told nothing."""

    def __init__(self, found: Found | None) -> None:
        self._found = found

    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        """Return lungs by their HU, with lesion in as much of each as it was told, from the feet upwards."""
        if self._found is None:
            raise RuntimeError("a bug")
        found, lung = self._found, (volume.voxels > -950) & (volume.voxels < -700)
        middle = volume.geometry.shape[2] // 2
        right, left = lung.copy(), lung.copy()
        right[:, :, middle:], left[:, :, :middle] = False, False
        if found.single:
            right, left = right | left, np.zeros_like(left)
        lesion = _lowest(right, found.right) | _lowest(left, found.left)
        solid = lesion & (volume.voxels > DENSE_HU)
        finding = finding_of(found, lung_ml=float(lung.sum()) * volume.geometry.voxel_ml)
        return LungAnalysis(finding, *(Mask(voxels, volume.geometry) for voxels in (right, left, lesion, solid)))


def finding_of(found: Found, lung_ml: float) -> Finding:
    """Return the finding that the engine that reads nothing makes of what it is told."""
    single, severity = found.single, max(found.right, found.left)
    total = severity if single else (found.right + found.left) / 2
    numbers = CtNumbers(
        severity=severity,
        severity_right=None if single else found.right,
        severity_left=None if single else found.left,
        severity_total=total,
        right_lung_ml=None if single else lung_ml / 2,
        left_lung_ml=None if single else lung_ml / 2,
        lungs_ml=lung_ml,
        lesion_ml=lung_ml * total,
        dense_share=0.25,
    )
    return ct_finding(
        numbers,
        grade=sum(severity >= cut for cut in (0.01, 0.25, 0.5, 0.75)),
        engine="ct-test 1.0",
        identification=found.probability,
        identification_threshold=None if found.probability is None else 0.5,
        quality=tuple(
            flag for flag in QualityFlag if flag.value in found.flags or (single and flag.value == "single-lung")
        ),
    )


def every_flag() -> tuple[str, ...]:
    """Return every quality flag that the older version knew, but the one that leaves no numbers per lung."""
    known = list(QualityFlag)[: list(QualityFlag).index(QualityFlag.SECOND_SERIES_DISAGREES) + 1]
    return tuple(flag.value for flag in known if flag is not QualityFlag.SINGLE_LUNG)


@dataclass
class Pacs:
    """Takes what it is sent, or answers as it is told; keeps the SOP Instance UIDs in the order they came."""

    answer: Callable[[Outgoing], SendOutcome] = lambda _: Sent()
    refuses: frozenset[str] = frozenset()
    took: list[str] = field(default_factory=list)

    def negotiate(self, wanted: Mapping[str, Sequence[str]], peer: Peer) -> Negotiation | Unreachable:
        """Accept every class that is not refused."""
        return Negotiation({uid: () if uid in self.refuses else tuple(ones) for uid, ones in wanted.items()})

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Answer for each object."""
        outcomes = [self.answer(each) for each in objects]
        pairs = zip(objects, outcomes, strict=True)
        self.took += [each.sop_instance_uid for each, outcome in pairs if isinstance(outcome, Sent)]
        return outcomes

    def request_commitment(
        self, request: CommitmentRequest, peer: Peer, *, wait_s: float
    ) -> CommitmentReport | SendOutcome:
        """Take the question, and answer the first reference only."""
        return CommitmentReport(request.transaction_uid, request.references[:1])

    def report_commitment(self, report: CommitmentReport, peer: Peer) -> SendOutcome:
        """Take an answer."""
        return Sent()


@dataclass
class Told:
    """A receiver of changes: keeps the HL7 message and the webhook's body of each, as they would be sent;
    the receiver that is away is not told who the patient is.
    """

    hl7: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    outcome: SendOutcome = field(default_factory=Sent)

    def push(self, push: Notification, *, now: datetime) -> SendOutcome:
        """Keep both forms, with and without the patient."""
        patient = None if push.receiver == "away" else push.change.patient
        self.hl7.append(f"to {push.receiver}\n{_lines(oru_r01(push, patient, ENDS, now=now))}")
        self.bodies.append(json.loads(body(push, patient, now=now)))
        return self.outcome

    def reach(self) -> Sent | Unreachable:
        """Be there."""
        return Sent()


class FullSpool(Spool):
    """A spool whose disk always has the same room, so that the status page does not change."""

    def free_mb(self) -> int:
        """Return a number that no disk has."""
        return 123_456


class Clinic:
    """Every room of the daemon over one folder; `now` is the time, which only the story moves."""

    def __init__(self, folder: Path, now: datetime = START, *, url: str | None = None) -> None:
        self.folder, self.now = folder, now
        url = url or f"sqlite:///{folder / 'triaged.db'}"
        folder.joinpath("config.yaml").write_text(CONFIG.format(spool=folder / "spool", url=url), encoding="utf-8")
        rooms = open_rooms(load(folder / "config.yaml"))
        self.database = rooms.database
        self.studies, self.outbox, self.worklist = (
            Studies(self.database),
            Outbox(self.database),
            Worklist(self.database),
        )
        self.peers, self.commitments = Peers(self.database), Commitments(self.database)
        self.spool = FullSpool(folder / "spool", reserve_mb=0)
        self.pacs, self.told = Pacs(), Told()
        self._placing = ranking_policy(TRIAGE)
        self._intake = Intake(self.studies, self.studies, self.spool, ranking_policy=self._placing, receiver="receiver")
        self._assembler = Assembler(
            self.studies, self.studies, is_whole=is_whole, options=CompletionOptions(), ranking_policy=self._placing
        )
        self._readers = Readers(Actions(self.database), ranking_policy=self._placing)
        Notifications(self.database).subscribe(RECEIVERS)

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def clock(self) -> datetime:
        """Return the time."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def send(self, slices: Sequence[bytes]) -> None:
        """Deliver instances on one association."""
        peer = self._intake.open_association(peer="127.0.0.1", calling_ae_title="CT1", now=self.now)
        for content in slices:
            image = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
            classes = str(image.get("SOPClassUID", "")), str(image.get("SOPInstanceUID", ""))
            self._intake.receive(Offer(*classes, ExplicitVRLittleEndian), [content], peer, clock=self.clock)
        self._intake.close_association(peer, now=self.now)

    def assemble(self) -> None:
        """Let the clock tick once."""
        self._assembler.tick(now=self.now)

    def analyst(self, engine: str, found: Found | None, seconds: Sequence[str] = ()) -> Analyst:
        """Return a worker with an engine; `seconds` are to read what it has scored."""
        return Analyst(
            *(self.studies,) * 3,
            self.spool,
            (ChestCt(ENGINES[engine], ThresholdPipeline(CtOptions()) if engine == "threshold" else Fake(found)),),
            worker="worker-1",
            triage=TRIAGE,
            options=AnalyseOptions(),
            destinations=DESTINATIONS,
            seconds=seconds,
        )

    def claim(self) -> Claim:
        """Claim the first study that waits, and leave it so."""
        claim = self.analyst("fake", None).claim(clock=self.clock)
        assert claim is not None
        return claim

    def score(self, engine: str, found: Found | None = None) -> None:
        """Score the first study that waits; what raises is put back as the worker's process does."""
        claim = self.claim()
        analyst = self.analyst(engine, found)
        try:
            analyst.analyse(claim, clock=self.clock)
        except RuntimeError as error:
            analyst.count_and_put_back(claim, type(error).__name__, clock=self.clock)

    def requeue(self, uid: str) -> None:
        """Have a study scored again."""
        self.studies.requeue(uid, ranking=self._placing, now=self.now)

    def act(self, uid: str, kind: str, person: str = "Dr. Roe", detail: str = "") -> None:
        """Do what a reader does."""
        self._readers.act(uid, ActionKind(kind), person, now=self.now, detail=detail)

    def undo(self, uid: str) -> None:
        """Take the last action back."""
        self._readers.undo(uid, "Dr. Roe", now=self.now)

    def keep(self) -> None:
        """Let the clock look after the policy in force."""
        PolicyKeeping(
            Policies(self.database), Rankings(self.database), triage=TRIAGE, guard=GuardOptions(), references={}
        ).look(now=self.now)

    def deliver(self, name: str, most: int = 10_000, attempts: int = 2) -> int:
        """Deliver what is due to a destination; return how many objects were tried."""
        peer = Peer(name, name.upper(), "127.0.0.1", 104)
        destination = Destination(peer, wanted_of(DESTINATIONS[name], (), commitment=name == "archive"))
        negotiator = Negotiator(self.peers, self.outbox, self.pacs, destination=destination)
        courier = Courier(
            self.outbox,
            self.spool,
            self.pacs,
            negotiator,
            destination=destination,
            options=DeliveryOptions(max_attempts=attempts),
            courier="courier",
        )
        tried = 0
        while tried < most and courier.run_next(clock=self.clock):
            tried += 1
        return tried

    def refuse_next(self, name: str, *, final: bool, attempts: int = 2) -> None:
        """Let a destination refuse the next object; with one attempt it is given up."""
        self.pacs.answer = lambda _: Refused("Cannot understand (0xC000)", final=final)
        self.deliver(name, most=1, attempts=attempts)
        self.pacs.answer = lambda _: Sent()

    def push(self, receiver: str, outcome: SendOutcome | None = None) -> int:
        """Tell a receiver all that is due; return how many changes."""
        self.told.outcome = outcome or Sent()
        options = DeliveryOptions(max_attempts=2)
        pusher = Notifier(Notifications(self.database), self.told, name=receiver, options=options, courier="courier")
        told = 0
        while pusher.run_next(clock=self.clock):
            told += 1
        return told

    def refuse_pushes(self, receiver: str) -> None:
        """Let a receiver refuse what is due."""
        self.push(receiver, Refused("AR: unknown patient", final=True))

    def ask_commitment(self) -> None:
        """Ask the archive whether it keeps what it was sent; a sender asks us the same of one slice."""
        peer = Peer("archive", "ARCHIVE", "127.0.0.1", 104)
        Committer(self.commitments, self.pacs, peer=peer, options=CommitmentOptions()).request_next(clock=self.clock)

    def asked_commitment(self, uids: Sequence[str]) -> None:
        """Let a sender that we know ask whether we keep its slices; the answer waits to be sent."""
        service = CommitmentService(
            self.commitments,
            Answers(self.database),
            self.spool,
            find_peer=lambda title: Peer("ct", title, "127.0.0.1", 104),
            options=CommitmentOptions(),
        )
        references = tuple(Reference("1.2.840.10008.5.1.4.1.1.2", uid) for uid in uids)
        service.requested(CommitmentRequest("1.2.3.4", references), "CT1", now=self.now)

    def rerank_all(self, scheme: str, discipline: str = "head_start") -> None:
        """Place every study by another policy."""
        options = TriageOptions(scheme=Scheme(scheme), discipline=Discipline(discipline), strict_cap_min=240)
        Rankings(self.database).rerank_all(ranking_policy(options), cause="policy", now=self.now)

    # What others see of it

    def app(self) -> FastAPI:
        """Return the web application."""
        options = WebOptions(
            "TRIAGED at 127.0.0.1:11112", "combined", access=AccessOptions(hosts=LOCAL_HOSTS | {"testserver"})
        )
        accounts = Accounts(self.database, hasher=CHEAP)
        rooms = (self.database, self.spool, accounts, self._readers)
        return create_app(*rooms, viewers=viewers(), options=options, clock=self.clock)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return rows of the database as they are written."""
        with self.database.read() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query))]

    def history(self, uid: str) -> dict[str, Any]:
        """Return what happened to a study, in the store's own words."""
        results = self.studies.results(uid)
        return {
            "events": [_row(each) for each in self.studies.events(uid)],
            "moves": [_row(each) for each in self.studies.moves(uid)],
            "actions": [plain(each) for each in self._readers.actions(uid)],
            "results": [_result(each) for each in results],
            "series": [plain(each) for each in self.studies.series_decisions(uid)],
            "deliveries": [_row(each) for each in self.outbox.deliveries(uid)],
            "pushes": [_row(each) for each in Notifications(self.database).pushes(uid)],
            "priors": [_prior(each) for each in self.studies.priors(uid)],
        }

    def objects(self, uid: str) -> list[tuple[str, str, str, Dataset]]:
        """Return kind, SOP Instance UID, transfer syntax and data set of the objects in force of a study."""
        made = self.studies.derived(uid)
        return [
            (
                each.kind.name,
                each.sop_instance_uid,
                each.transfer_syntax_uid,
                pydicom.dcmread(self.spool.absolute(each.path)),
            )
            for each in made
        ]

    def published(self, uid: str) -> dict[str, Any] | None:
        """Return under which set the objects of a study are published."""
        found = self.studies.publication(uid)
        return None if found is None else plain(found)

    def find(self, **keys: Any) -> list[Dataset]:
        """Return what C-FIND answers."""
        identifier = Dataset()
        for keyword, value in keys.items():
            setattr(identifier, keyword, value)
        return list(WorklistQuery(self.worklist).find(query_of(identifier)))

    def command(self, *arguments: str) -> str:
        """Return what a command prints on a terminal that is 160 wide, at the time of the story."""
        now = self.now

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return now

        arguments = (*arguments, "--config", str(self.folder / "config.yaml"))
        console = Console(highlight=False, width=160, color_system=None, force_terminal=False)
        quiet = patch.object(triaged.daemon.logs, "configure_logging", lambda *_, **__: None)
        with (
            patch.object(triaged.cli.program, "datetime", Clock),
            patch.object(triaged.cli.program, "out", console),
            quiet,
        ):
            result = CliRunner().invoke(triaged.cli.program.app, list(arguments))
        assert result.exit_code == 0, result.output
        return result.stdout


def plain(value: Any) -> Any:
    """Return a value of the rooms as JSON says it."""
    return json.loads(json.dumps(_as_dict(value), default=str))


def engines(threshold: str = "threshold") -> dict[str, Any]:
    """Return as what each engine signs its results under the default configuration."""
    told = {}
    with _pinned_version():
        for name in (threshold, "ct-open", "ct-research"):
            config = Config()
            inference = config.inference.model_copy(update={"device": "cpu", "threads": 1})
            models = ModelsSection.model_construct(ct=name, folder=config.models.folder)
            chosen = config.model_copy(update={"models": models, "inference": inference})
            engine, _ = engine_and_pipeline(chosen)
            told[name] = {**plain(engine), "algorithm": engine.algorithm}
    return told


def evaluation(cases: Path, folder: Path) -> Any:
    """Return the JSON of `triaged model evaluate` with the thresholding engine, without what a clock measured."""
    out = folder / "evaluation.json"
    job = Job(cases, None, None, "threshold", folder / "no-config.yaml", 1, None, out)
    with _pinned_version():
        evaluate(job, Console(file=io.StringIO(), width=160))
    told = json.loads(out.read_text(encoding="utf-8"))
    del told["runtime"]
    for row in told["cases"]:
        for key in [key for key in row if key.startswith("seconds") or key == "peak_mib"]:
            del row[key]
    return told


@contextmanager
def _pinned_version() -> Iterator[None]:
    with patch.object(triaged.exams.ct.engines, "version", lambda _: SOFTWARE):
        yield


def _lowest(lung: np.typing.NDArray[np.bool_], share: float) -> np.typing.NDArray[np.bool_]:
    inside = np.flatnonzero(lung)
    lesion = np.zeros(lung.size, dtype=np.bool_)
    lesion[inside[: round(share * inside.size)]] = True
    return lesion.reshape(lung.shape)


def _lines(message: bytes) -> str:
    return message.decode("utf-8").replace("\r", "\n")


def _row(value: Any) -> str:
    """Return a value of which there are many in one line, without its names."""
    return " | ".join(str(each) for name, each in plain(value).items() if name != "study_uid")


def _result(result: ResultRecord) -> Any:
    """Return a result under the names that it had when the files were made."""
    return {_RENAMED.get(name, name): value for name, value in plain(result).items()}


def _prior(prior: Prior) -> Any:
    """Return an earlier result under those names, without the number that only the store knows."""
    told, finding = plain(prior), prior.finding
    numbers = asdict(CtNumbers.of(finding))
    grade = None if finding.grade is None else finding.grade.level
    known = {**told, **numbers, "grade": grade}
    return {name: known[name] for name in _PRIOR}


def _as_dict(value: Any) -> Any:
    if isinstance(value, ObjectKind):
        return value.name
    if isinstance(value, list | tuple):
        return [_as_dict(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _as_dict(getattr(value, each.name)) for each in fields(value)}
    return value
