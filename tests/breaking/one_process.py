"""The life of one study in one process, from migration to delivery, which may end at any call of any function.

The process leaves only what it kept, and two books of the other ends: what the sender was told, and what the
destination took. A second life begins as the daemon does after a crash, and its sender repeats what was not answered.
Must not know where a life ends, or what must hold.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Literal

from pydicom.uid import ExplicitVRLittleEndian

from tests.breaking.small_scans import SmallInstance, SmallStudy
from tests.golden.wiring import DESTINATIONS, SOFTWARE, START, TRIAGE, Clinic, Pacs
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.inference.identity import Engine
from triaged.steps.advise import Adviser, advise
from triaged.steps.intake import Offer
from triaged.steps.options import AnalyseOptions
from triaged.steps.ports import Outgoing, Peer, SendOutcome
from triaged.store.studies.seconds import Seconds

Moment = Literal["before", "after"]
UNREADABLE = b"\x08\x00\x18\x00XX garbage that is no data set"
SECONDS = {name: Engine(name, "1", "ef" * 32, "2.25.9", SOFTWARE, "settings") for name in ("second", "third")}
"""Engines that read what the first has scored."""
_DESTINATION, _ADVISER = "pacs", "adviser"


@dataclass(frozen=True, slots=True)
class Death:
    """Where a process ends by SIGKILL: before or after the n-th call of a function, named `module:qualified.name`."""

    function: str
    moment: Moment
    call: int = 1

    def arm(self) -> None:
        """Wrap the function where it is looked up."""
        owner, name = looked_up(self.function)
        original: Callable[..., Any] = getattr(owner, name)
        calls = 0

        @wraps(original)
        def dying(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == self.call and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            value = original(*arguments, **named)
            if calls == self.call:
                os.kill(os.getpid(), signal.SIGKILL)
            return value

        setattr(owner, name, dying)


def looked_up(function: str) -> tuple[Any, str]:
    """Return the module or class that holds a function, and its name there; `AttributeError` where there is none."""
    module, _, path = function.partition(":")
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for each in outer:
        owner = getattr(owner, each)
    if not callable(getattr(owner, name)):
        raise AttributeError(f"expected a function, found {function}")
    return owner, name


@dataclass(frozen=True, slots=True)
class Book:
    """Lines that outlive the process that wrote them; each is whole or not there."""

    path: Path

    def write(self, line: Sequence[str]) -> None:
        """Add a line."""
        with self.path.open("ab", buffering=0) as file:
            file.write(json.dumps(line).encode() + b"\n")

    def lines(self) -> list[list[str]]:
        """Return every line."""
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []


class KeepingPacs(Pacs):
    """Takes every object, and writes its UID and digest into a book before it answers."""

    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Keep and answer."""
        for each in objects:
            self._book.write([each.sop_instance_uid, hashlib.sha256(each.path.read_bytes()).hexdigest()])
        return super().send(objects, peer)


def acknowledged_book(folder: Path) -> Book:
    """Return the sender's book: SOP Instance UID and digest of what was acknowledged."""
    return Book(folder / "acknowledged.jsonl")


def taken_book(folder: Path) -> Book:
    """Return the destination's book."""
    return Book(folder / "taken.jsonl")


def live(folder: Path, url: str, study: SmallStudy, attempt: int, death: Death | None) -> None:
    """Migrate, receive all slices but one, analyse, let second engines read, deliver; all again with the last slice."""
    with (folder / "life.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if death is not None:
        death.arm()
    clinic = Clinic(folder, START + timedelta(hours=attempt), url=url)
    clinic.pacs = KeepingPacs(taken_book(folder))
    clinic.studies.close_orphans("receiver", now=clinic.now)
    clinic.studies.release("worker-1", now=clinic.now)
    Seconds(clinic.database).release(_ADVISER)
    clinic.outbox.release("courier")
    told = acknowledged_book(folder)
    for instances in (study.instances[:-1], study.instances[-1:]):
        _send(clinic, instances, told)
        clinic.later(40)
        clinic.assemble()
        _analyse(clinic)
        _advise(clinic)
        clinic.deliver(_DESTINATION)
    clinic.close()


def _send(clinic: Clinic, instances: Sequence[SmallInstance], told: Book) -> None:
    """Send on one association what was not acknowledged, and an object that nobody can read."""
    known = {uid for uid, _ in told.lines()}
    receive = clinic._intake.receive
    peer = clinic._intake.open_association(peer="127.0.0.1", calling_ae_title="CT1", now=clinic.now)
    for each in instances:
        if each.sop_uid not in known:
            offer = Offer("1.2.840.10008.5.1.4.1.1.2", each.sop_uid, ExplicitVRLittleEndian)
            receive(offer, [each.encoded[:2000], each.encoded[2000:]], peer, clock=clinic.clock)
            told.write([each.sop_uid, each.digest])
    receive(Offer("1.2.3", "1.2.3.99", ExplicitVRLittleEndian), [UNREADABLE], peer, clock=clinic.clock)
    clinic._intake.close_association(peer, now=clinic.now)


def _analyse(clinic: Clinic) -> None:
    """Analyse what is ready, as a worker does."""
    analyst = clinic.analyst("threshold", None, seconds=tuple(SECONDS))
    while (claim := analyst.claim(clock=clinic.clock)) is not None:
        analyst.analyse(claim, clock=clinic.clock)


def _advise(clinic: Clinic) -> None:
    """Let second engines read, as the adviser and its child process do."""
    ledger, options = Seconds(clinic.database), AnalyseOptions()
    adviser = Adviser(ledger, clinic.spool, tuple(SECONDS), worker=_ADVISER, options=options, destinations=DESTINATIONS)
    while (claim := adviser.claim(clock=clinic.clock)) is not None:
        examination = ChestCt(SECONDS[claim.name], ThresholdPipeline(CtOptions()))
        advice = advise(examination, claim, TRIAGE, clinic.spool.absolute)
        adviser.settle(claim, advice, clock=clinic.clock)
