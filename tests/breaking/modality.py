"""A modality that sends small chest CTs one after the other and keeps what was not acknowledged, as a real one does.

Must not know what is done to the receiver meanwhile.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.breaking.ledger import Ledger
from tests.breaking.senders import Address, Storescu
from tests.breaking.small_scans import CHESTS, SmallInstance, SmallStudy, small_study

_STEADY_S = 4.0
_AGAIN_S = 1.0
_MOST_WAITING = 3
"""While so many studies are not acknowledged, no new one is begun: the backlog of a long outage stays small."""
_SENT_TWICE_OF = 5
"""Of one try in so many everything is sent again, also what was acknowledged."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A study that the modality sends, and since when."""

    study: SmallStudy
    at: float


class Modality:
    """Begins a new study every now and then where `has_room` says so, from a thread of its own, until it is stopped."""

    def __init__(self, folder: Path, port: int, seed: int, *, has_room: Callable[[], bool]) -> None:
        self.ledger = Ledger()
        self.begun: list[Begun] = []
        self._folder, self._to = folder, Address(port)
        self._random = random.Random(seed)
        self._sender = Storescu(self._random, killed_of=10**9)
        self._has_room = has_room
        self._is_steady = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modality", daemon=True)

    @property
    def refusals(self) -> int:
        """How often something else than Success was answered, or nothing."""
        return sum(times for answer, times in self.ledger.statuses.items() if answer != "Success")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def send_no_new(self) -> None:
        """Begin no further study; what was begun is sent until it is acknowledged."""
        self._is_steady = False

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def whole(self, *, since: float = 0.0) -> list[SmallStudy]:
        """Return the studies, of those begun after a moment, of which everything was acknowledged."""
        return [each.study for each in list(self.begun) if each.at >= since and not self._missing(each.study)]

    def _missing(self, study: SmallStudy) -> list[SmallInstance]:
        return [each for each in study.instances if not self.ledger.is_acknowledged(each)]

    def _run(self) -> None:
        due, waiting = 0.0, list[SmallStudy]()
        while not self._stopped.wait(0.05):
            is_due = self._is_steady and time.monotonic() >= due and len(waiting) < _MOST_WAITING
            if is_due and self._has_room():
                waiting.append(self._begin())
                due = time.monotonic() + _STEADY_S
            for study in list(waiting):
                self._send(study)
                if self._missing(study):
                    self._stopped.wait(_AGAIN_S)
                    break
                waiting.remove(study)

    def _begin(self) -> SmallStudy:
        triage_class = self._random.choice(sorted(CHESTS))
        study = small_study(10_001 + len(self.begun), self._folder, triage_class=triage_class)
        self.ledger.begins(study)
        self.begun.append(Begun(study, time.monotonic()))
        return study

    def _send(self, study: SmallStudy) -> None:
        again = self._random.randrange(_SENT_TWICE_OF) == 0
        self._sender.send(study.instances if again else self._missing(study), self._to, self.ledger)
