"""How long what a host held that died waits until another host has it; measured by the times of the history.

Only deaths count during which nothing else happens and all others are well. Knows no faults.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.breaking.plain_store import PlainStore
from tests.breaking.trial import Trial

MOST_S = 15.0
"""What is promised: how long until another one claims it, where a worker is free."""
_BEFORE_S = 3.0
_BEATS = "SELECT name, beat FROM pulse WHERE name LIKE 'worker%' OR name LIKE 'clock%'"
_HELD = "SELECT id FROM study WHERE state = 'ANALYSING' AND worker LIKE '%@ct-{host}/%'"
_HISTORY = "SELECT study_id, at, event, detail FROM event WHERE event IN ('CLAIMED', 'LEASE_EXPIRED') ORDER BY id"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A study that a host had when it died."""

    study_id: int
    host: str
    died_at: datetime


class Takeovers:
    """Every death that was watched, and what was taken over from it."""

    def __init__(self, trial: Trial, store: PlainStore, *, is_judged: bool) -> None:
        self._trial, self._store, self._is_judged = trial, store, is_judged
        self._orphans: list[Orphan] = []
        self._beats: dict[str, str] = {}
        self._looked_at = 0.0
        self._moving: set[str] = set()

    def others_are_well(self, host: str) -> bool:
        """Tell whether a worker and a clock of other hosts give signs of life; to be asked again and again."""
        if time.monotonic() - self._looked_at > _BEFORE_S:
            beats = {str(name): str(beat) for name, beat in self._store.rows(_BEATS)}
            moving = [name for name, beat in beats.items() if self._beats.get(name, beat) != beat]
            self._moving = {name.partition("/")[0] for name in moving if f"@ct-{host}/" not in name}
            self._beats, self._looked_at = beats, time.monotonic()
        return {"worker", "clock"} <= {name.partition("@")[0].partition("-")[0] for name in self._moving}

    def died(self, host: str, at: datetime) -> None:
        """Note what a host holds that has just died."""
        held = self._store.rows(_HELD.format(host=host))
        self._trial.count("hosts killed while nothing else happened")
        self._orphans += [Orphan(int(study_id), host, at) for (study_id,) in held]

    def is_done(self) -> bool:
        """Tell whether all that was held has been claimed by another."""
        found = self._times()
        return len(found) == len(self._orphans)

    def judge(self) -> None:
        """Note how long it took."""
        found = self._times()
        self._trial.note("studies taken over from such a host", float(len(found)))
        of_free = [claimed for _, claimed, was_free in found if was_free]
        for name, seconds in (("free", [free for free, _, _ in found]), ("claimed by a free worker", of_free)):
            if seconds:
                self._trial.note(f"seconds from its death until {name}, median", round(statistics.median(seconds), 1))
                self._trial.note(f"seconds from its death until {name}, longest", round(max(seconds), 1))
        busy = sum(not was_free for _, _, was_free in found)
        self._trial.note("claimed later, since the other worker had another study", float(busy))
        if self._is_judged:
            for free_s, claimed_s, was_free in found:
                latest_s = claimed_s if was_free else free_s
                self._trial.expect(latest_s <= MOST_S, f"expected a takeover within {MOST_S} s, found {latest_s:.1f}")

    def _times(self) -> list[tuple[float, float, bool]]:
        """Return, for each study, the seconds until it was free and claimed, and whether a worker was free."""
        history = [(int(study), at, str(event), str(detail)) for study, at, event, detail in self._store.rows(_HISTORY)]
        found = []
        for orphan in self._orphans:
            later = [row for row in history if row[1] >= orphan.died_at - timedelta(milliseconds=1)]
            own = [row for row in later if row[0] == orphan.study_id]
            free = next((row[1] for row in own if row[2] == "LEASE_EXPIRED"), None)
            claimed = next((row[1] for row in own if row[2] == "CLAIMED"), None)
            if free is None or claimed is None:
                continue
            was_free = not _others(later, orphan, free - timedelta(seconds=_BEFORE_S), claimed)
            seconds = (free - orphan.died_at).total_seconds(), (claimed - orphan.died_at).total_seconds()
            found.append((*seconds, was_free))
        return found


def _others(
    later: Sequence[tuple[int, datetime, str, str]], orphan: Orphan, since: datetime, until: datetime
) -> list[int]:
    """Return which other studies were claimed meanwhile."""
    return [study for study, at, event, _ in later if event == "CLAIMED" and since <= at < until != orphan.died_at]
