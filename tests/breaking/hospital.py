"""A hospital that sends without end: a thread for each kind of sender, which repeat what was not acknowledged.

Senders behave as real ones do: they retry what was refused, repeat what was answered, send a slice late, give a study
up, and now and then send other content under known identifiers. Must not know who receives or what is done to it.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.breaking.ledger import Ledger
from tests.breaking.senders import Address, Sender, every_kind
from tests.breaking.small_scans import CHESTS, SmallInstance, SmallStudy, altered, small_study
from tests.breaking.trial import Trial

RETRY_S = (0.1, 0.6)
_LATE_S = (1.0, 4.0)


@dataclass(slots=True)
class Hospital:
    """Sends studies from several threads from `start` to `finish`."""

    trial: Trial
    to: Address
    folder: Path
    pause_s: tuple[float, float] = (0.2, 1.5)
    """Between two studies of one sender."""
    sends_altered: bool = True
    """Whether other content is sent under identifiers that are known already, of which both must be kept."""
    senders: Callable[[random.Random], Sequence[Sender]] = every_kind
    """Makes one sender of each kind; each gets a thread."""
    first: int = 10_001
    """The number of the first study, from which UIDs are made."""
    ledger: Ledger = field(default_factory=Ledger)
    is_full: threading.Event = field(default_factory=threading.Event)
    """While set no new study is begun, so that what waits stays bounded."""
    _closing: threading.Event = field(default_factory=threading.Event)
    _deadline: float = float("inf")
    _threads: list[threading.Thread] = field(default_factory=list)
    _numbers: itertools.count[int] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(self.first)

    def start(self) -> None:
        """Begin to send."""
        for sender in self.senders(self.trial.random):
            own = random.Random(self.trial.random.random())
            thread = threading.Thread(target=self._work, args=(sender, own), daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self, *, within_s: float) -> None:
        """Let every sender get rid of what it has begun, which must be possible within that time."""
        self._deadline = time.monotonic() + within_s
        self._closing.set()
        for thread in self._threads:
            thread.join(within_s + 60)
        self.trial.expect(
            not any(thread.is_alive() for thread in self._threads), "expected every sender to end, found one that hangs"
        )
        self.trial.note("studies sent", len(self.ledger.whole()))
        self.trial.note("acknowledged instances", len(self.ledger.everything()))
        self.trial.note("answers", ", ".join(f"{what}: {times}" for what, times in self.ledger.statuses.most_common()))

    def _work(self, sender: Sender, own: random.Random) -> None:
        try:
            self._send(sender, own)
        except BaseException as error:
            self.trial.expect(False, f"expected {type(sender).__name__} to send on, found {error!r}")
            raise

    def _send(self, sender: Sender, own: random.Random) -> None:
        while not self._closing.wait(own.uniform(*self.pause_s)):
            if not self.is_full.is_set():
                study = small_study(next(self._numbers), self.folder, triage_class=own.choice(sorted(CHESTS)))
                self._deliver(study, sender, own)

    def _deliver(self, study: SmallStudy, sender: Sender, own: random.Random) -> None:
        self.ledger.begins(study)
        instances = list(study.instances)
        own.shuffle(instances)
        kind = own.randrange(20)
        if kind == 0:  # gives up: the study stays as it is
            sender.send(instances[: own.randrange(1, len(instances))], self.to, self.ledger)
            self.trial.count("studies given up by their sender")
        elif kind in (1, 2):
            self._until_acknowledged(instances[:-1], sender, own)
            self._closing.wait(own.uniform(*_LATE_S))
            self._until_acknowledged(instances[-1:], sender, own)
            self.trial.count("studies with a late slice")
        else:
            self._until_acknowledged(instances, sender, own)
            if kind in (3, 4):
                sender.send(instances, self.to, self.ledger)
                self.trial.count("studies sent twice")
            elif kind == 5 and self.sends_altered:
                self._until_acknowledged([altered(instances[0])], sender, own)
                self.trial.count("instances sent with other content")

    def _until_acknowledged(self, instances: Sequence[SmallInstance], sender: Sender, own: random.Random) -> None:
        """Repeat what was not acknowledged until nothing is left, as a modality does with its queue."""
        rest = list(instances)
        while rest:
            sender.send(rest, self.to, self.ledger)
            rest = [each for each in rest if not self.ledger.is_acknowledged(each)]
            if rest and time.monotonic() > self._deadline:
                self.trial.expect(False, f"expected {rest[0].sop_uid} to be accepted at last, found only refusals")
                return
            if rest:
                time.sleep(own.uniform(*RETRY_S))
