"""What administrators do, the same from a page and from the command line; each with a reason, and written down.

Knows no pages and no commands. What is said back names no patient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from triaged.errors import ActionRefused, TriagedError, UnknownDestination
from triaged.results.probe import NAME, probe
from triaged.spool.files import Spool
from triaged.steps.negotiate import Destination
from triaged.steps.ports import Outgoing, Peer, Refused, SendOutcome, Sent, Unreachable
from triaged.steps.quarantine import Quarantine
from triaged.steps.trail import Trail
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.rankings import Rankings
from triaged.store.roles.pauses import Pausable, Pause, Pauses
from triaged.store.studies.completion import Completion
from triaged.study.audit import AuditEvent
from triaged.study.kinds import EXPLICIT, ObjectKind
from triaged.study.ranking_input import RankingPolicy

log = structlog.get_logger()

MOST_REASON = 300


class Tester(Protocol):
    """Asks a peer whether it is there, and sends to it."""

    def echo(self, peer: Peer) -> SendOutcome:
        """Ask a peer whether it is there and knows us."""
        ...

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Return one outcome per object, in order."""
        ...


class ConfigurationFile(Protocol):
    """The file that the daemon runs with; raises `ActionRefused` where something cannot be done, and says what can."""

    def roll_back(self, number: int) -> None:
        """Put a version that was read before into the file; `ConfigError` where there is none, or it is none now."""
        ...

    def read_again(self) -> None:
        """Have the file read, as after a change of it."""
        ...


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, from where, and why."""

    person: str
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ledgers:
    """What administrators write to."""

    completion: Completion
    outbox: Outbox
    pushes: Notifications
    pauses: Pauses
    rankings: Rankings


class Administration:
    """Every action of an administrator; each returns in words what was done.

    Raises:
        ActionRefused: nothing was done, and why.
        UnknownStudy, IllegalTransition, UnknownDestination, UnknownQuarantined: as their names say.
        TryLater: store or spool are unreachable.
    """

    def __init__(
        self,
        ledgers: Ledgers,
        quarantine: Quarantine,
        spool: Spool,
        tester: Tester,
        trail: Trail,
        file: ConfigurationFile,
        *,
        ranking_policy: RankingPolicy,
        destinations: Mapping[str, Destination],
        subscribers: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._ledgers = ledgers
        self._quarantine = quarantine
        self._spool = spool
        self._tester = tester
        self._trail = trail
        self._file = file
        self._placing = ranking_policy
        self._destinations = destinations
        self._subscribers = subscribers
        self._clock = clock

    @property
    def destinations(self) -> list[str]:
        """Return the names of those that can be tested."""
        return sorted(self._destinations)

    def requeue(self, study_uid: str, asker: Asker) -> str:
        """Have a study read again; it keeps its place until the new result is there."""
        with _written(self._trail, "requeue", asker, study_uid=study_uid):
            self._ledgers.completion.requeue(study_uid, ranking=self._placing, now=self._clock())
        return f"{study_uid} waits for analysis again."

    def complete(self, study_uid: str, asker: Asker) -> str:
        """Have a study that waits for slices read as it is; a slice that comes later re-opens it."""
        with _written(self._trail, "complete now", asker, study_uid=study_uid):
            self._ledgers.completion.complete_now(
                study_uid, ranking=self._placing, cause="complete: an administrator said so", now=self._clock()
            )
        return f"{study_uid} counts as complete."

    def resend(self, study_uid: str | None, target: str | None, asker: Asker) -> str:
        """Try again to deliver what was refused or given up, of one study or all, to one name or all."""
        now, outbox, pushes = self._clock(), self._ledgers.outbox, self._ledgers.pushes
        with _written(self._trail, "resend", asker, study_uid=study_uid or "", target=target or "all"):
            known = {*self._destinations, *self._subscribers, *outbox.counts(), *pushes.counts()}
            _demand(target, known)
            if study_uid is not None:
                self._ledgers.rankings.ranking_input(study_uid, now=now)  # refuses a study that is not known
            number = outbox.resend(study_uid, target, now=now)
            changes = pushes.resend(study_uid, target, now=now)
        renotified = f" {changes} change{'' if changes == 1 else 's'} will be told again." if changes else ""
        return f"{number} object{'' if number == 1 else 's'} will be sent again.{renotified}"

    def move(self, target: str, to: str, asker: Asker) -> str:
        """Let another name get what waits for one, or was given up: a destination objects, a subscriber changes."""
        now, outbox, pushes = self._clock(), self._ledgers.outbox, self._ledgers.pushes
        with _written(self._trail, f"move what waits, to {to}", asker, target=target):
            _demand(to, {*self._destinations, *self._subscribers})
            moved = outbox.move(target, to, now=now) if to in self._destinations else pushes.move(target, to, now=now)
        return f"{moved} waited for {target} and will be sent to {to}."

    def drop(self, target: str, asker: Asker) -> str:
        """Withdraw what waits for a name, or was given up; it is not sent any more."""
        now, outbox, pushes = self._clock(), self._ledgers.outbox, self._ledgers.pushes
        with _written(self._trail, "drop what waits", asker, target=target):
            _demand(target, {*outbox.counts(), *pushes.counts()})
            why = f"dropped by {asker.person}"
            dropped = outbox.drop(target, why=why, now=now) + pushes.drop(target, why=why, now=now)
        return f"{dropped} waited for {target} and will not be sent."

    def roll_back(self, number: int, asker: Asker) -> str:
        """Put a version of the configuration into its file again; the daemon takes or rejects it as any other edit."""
        with _written(self._trail, "rollback of the configuration", asker, target=f"version {number}"):
            self._file.roll_back(number)
        return f"The file is version {number} again. What becomes of it stands under Configuration in some seconds."

    def read_again(self, asker: Asker) -> str:
        """Have the configuration file read."""
        with _written(self._trail, "reload of the configuration", asker):
            self._file.read_again()
        return "The file is read. What it changes, and whether it is taken, stands under Configuration in some seconds."

    def pause(self, what: Pausable, target: str, asker: Asker) -> str:
        """Stop receiving, or sending to one name or all, until `resume`; nothing is lost meanwhile."""
        with _written(self._trail, f"pause {what}", asker, target=target or "all"):
            self._demand_pausable(what, target)
            stop = Pause(what, target, asker.person, asker.reason, self._clock())
            self._ledgers.pauses.begin(stop)
        return f"{stop.words}."

    def resume(self, what: Pausable, target: str, asker: Asker) -> str:
        """Let it go on."""
        to = f" to {target}" if target else ""
        with _written(self._trail, f"resume {what}", asker, target=target or "all"):
            if not self._ledgers.pauses.end(what, target):
                raise ActionRefused(f"{what}{to} is not paused")
        return f"{what}{to} goes on."

    def release(self, number: int, changes: Mapping[str, str], asker: Asker) -> str:
        """File what is in quarantine, with attributes of its header set; their values are written nowhere else."""
        set_to = f"release from quarantine, set: {', '.join(changes) or 'nothing'}"
        with _written(self._trail, set_to, asker, target=f"quarantine {number}"):
            study_uid = self._quarantine.release(number, changes)
        return f"quarantine {number} is filed under the study {study_uid}."

    def delete(self, number: int, asker: Asker) -> str:
        """Remove what is in quarantine for ever."""
        with _written(self._trail, "delete from quarantine", asker, target=f"quarantine {number}"):
            aside = self._quarantine.delete(number)
        return f"quarantine {number} is deleted: {aside.kept.size_bytes} bytes, sha256 {aside.kept.sha256}."

    def test(self, name: str, asker: Asker) -> str:
        """Ask a destination by C-ECHO, then store a generated picture without a patient there."""
        with _written(self._trail, "test of a destination", asker, target=name):
            _demand(name, set(self._destinations))
            return self._tested(name)

    def _tested(self, name: str) -> str:
        destination = self._destinations[name]
        match self._tester.echo(destination.peer):
            case Refused(reason=reason) | Unreachable(reason=reason):
                raise ActionRefused(f"{name} does not answer C-ECHO: {reason}")
        uid, content = probe(name, self._clock())
        with self._spool.incoming() as part:
            part.write(content)
            part.sync()
            outgoing = Outgoing(part.path, ObjectKind.SC.sop_class_uid, uid, EXPLICIT)
            (outcome,) = self._tester.send([outgoing], destination.peer)
        match outcome:
            case Sent():
                return (
                    f"{name} answers C-ECHO and stored a test picture of the patient {NAME} ({uid}). Delete it there."
                )
            case Refused(reason=reason) | Unreachable(reason=reason):
                raise ActionRefused(f"{name} answers C-ECHO, and did not store a test picture: {reason}")

    def _demand_pausable(self, what: Pausable, target: str) -> None:
        if what is Pausable.RECEIVING and target:
            raise ActionRefused("expected receiving to be paused as a whole: no name")
        _demand(target or None, {*self._destinations, *self._subscribers})


class _written:  # reads as a statement
    """Writes down what an administrator did, or tried to, once it is known how it ended."""

    def __init__(self, trail: Trail, did: str, asker: Asker, *, study_uid: str = "", target: str = "") -> None:
        if not asker.reason.strip():
            raise ActionRefused("expected a reason, found none")
        self._trail = trail
        self._what = {
            "person": asker.person,
            "address": asker.address,
            "reason": " ".join(asker.reason.split())[:MOST_REASON],
            "detail": did,
            "study_uid": study_uid,
            "target": target,
        }

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        foreseen = error is None or isinstance(error, TriagedError)
        if foreseen:
            self._trail.record(AuditEvent.ADMINISTRATION, **self._what, succeeded=error is None)
            log.info("administrator acted", did=self._what["detail"], target=self._what["target"], done=error is None)


def _demand(name: str | None, known: set[str]) -> None:
    if name is not None and name not in known:
        names = ", ".join(sorted(known)) or "none at all"
        raise UnknownDestination(f"expected a destination (there is: {names}), found {name}")
