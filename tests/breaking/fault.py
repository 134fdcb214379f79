"""One way in which the ground moves, and how a trial of it goes: move it, hold it, put it back, and look what became.

Knows neither what the faults are nor how a study is analysed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.breaking.health import Says
from tests.breaking.site import DONE, Site, wait_for

TRUTH_S = 15.0
"""Within so many seconds of each change the daemon says how it is."""
HEALED_S = 60.0
"""Within so many seconds after the ground is back, a study that is sent then is on the list with its result."""
_STATES = "SELECT study_uid, state, reason FROM study"
_INSTANCES = "SELECT study_uid, sop_instance_uid, sha256, path FROM instance JOIN study ON study.id = study_id"
_LONGEST_WAIT_S = 90.0


class Truth(Enum):
    """What is true of a daemon while the ground is moved."""

    NOT_READY = "it cannot do its work"
    READY = "it does its work"
    EITHER = "it works more or less"


class Returns(Enum):
    """How the ground comes back."""

    WITH_TIME = "held for a while, then put back"
    BY_ITSELF = "the daemon has to mend it"


@dataclass(frozen=True, slots=True)
class Fault:
    """One move of the ground: `inject` makes it and undoes it, `prepare` is what the site needs before its start."""

    name: str
    inject: Callable[[Site], AbstractContextManager[None]]
    truth: Truth
    prepare: Callable[[Site], None] = lambda site: None
    hold_s: float = 25.0
    returns: Returns = Returns.WITH_TIME
    afterwards: Callable[[Site], list[str]] = lambda site: []
    """What else must hold once all is over: the broken promises."""


@dataclass(slots=True)
class Outcome:
    """What was seen in one trial; None where it did not come within the longest wait."""

    fault: Fault
    told_s: float | None = None
    healed_s: float | None = None
    wrong_s: float = 0.0
    acknowledged: int = 0
    refusals: int = 0
    lost: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    log: str = ""
    """The end of the daemon's log, where it was not healed."""
    others: list[str] = field(default_factory=list)

    def broken(self) -> list[str]:
        """Return the promises that were broken."""
        found = [*self.lost[:5], *self.failed[:5], *self.unfinished[:5], *self.others]
        if self.healed_s is None or self.healed_s > HEALED_S:
            found.append(f"expected to be healed within {HEALED_S:.0f} s, found {_seconds(self.healed_s)}")
        healed_at_once = self.healed_s is not None and self.healed_s <= TRUTH_S
        is_late = self.told_s is None or self.told_s > TRUTH_S
        if (
            self.fault.truth is Truth.NOT_READY
            and is_late
            and not (self.fault.returns is Returns.BY_ITSELF and healed_at_once)
        ):
            found.append(f"expected the truth within {TRUTH_S:.0f} s, found {_seconds(self.told_s)}")
        if self.wrong_s > 1.0:
            found.append(f"expected no untruth, found {self.wrong_s:.0f} s of it")
        return [f"{self.fault.name}: {each}" for each in found]

    def row(self) -> str:
        """Return what was seen as one line."""
        told = "not asked" if self.fault.truth is not Truth.NOT_READY else f"told after {_seconds(self.told_s)}"
        return (
            f"{told}, wrong for {self.wrong_s:.0f} s, healed after {_seconds(self.healed_s)}; "
            f"{self.acknowledged} acknowledged, {self.refusals} refusals, {len(self.lost)} lost, "
            f"{len(self.failed)} failed, {len(self.unfinished)} unfinished"
        )


def try_in_turn(faults: Sequence[Fault], folder: Path, seed: int) -> list[Outcome]:
    """Run one daemon through faults one after the other, with studies arriving all the time.

    What is kept is compared once, at the end, and stands with the last of them.
    """
    site = Site(folder, seed)
    outcomes = [Outcome(fault) for fault in faults]
    try:
        for fault in faults:
            fault.prepare(site)
        _begin(site)
        for outcome in outcomes:
            _try(site, outcome)
        site.modality.send_no_new()
        _finish(site, outcomes[-1])
        for outcome in outcomes:
            outcome.others += outcome.fault.afterwards(site)
        outcomes[-1].others += site.broken
    finally:
        site.end()
    return outcomes


def _try(site: Site, outcome: Outcome) -> None:
    fault, moved_at = outcome.fault, time.monotonic()
    with fault.inject(site):
        if fault.returns is Returns.WITH_TIME:
            time.sleep(fault.hold_s)
    back_at = time.monotonic() if fault.returns is Returns.WITH_TIME else moved_at
    _heal(site, outcome, back_at)
    _judge_health(site, outcome, moved_at, back_at)


def _begin(site: Site) -> None:
    """Start everything and wait until studies go through."""
    site.start()
    site.health.start()
    site.wait_ready(within_s=120)
    site.modality.start()
    wait_for(lambda: site.first_done(since=0.0), within_s=60, what=f"a first study\n{site.tail()}")


def _heal(site: Site, outcome: Outcome, back_at: float) -> None:
    try:
        healed_at = wait_for(lambda: site.first_done(since=back_at), within_s=_LONGEST_WAIT_S, what="a new study")
        site.wait_ready(within_s=max(1.0, back_at + _LONGEST_WAIT_S - time.monotonic()))
        outcome.healed_s = max(healed_at, time.monotonic()) - back_at
    except TimeoutError:
        outcome.log = site.tail()


def _judge_health(site: Site, outcome: Outcome, moved_at: float, back_at: float) -> None:
    """Note when the truth was told, and for how long an untruth."""
    health, truth = site.health, outcome.fault.truth
    told = health.first(Says.NOT_READY, since=moved_at)
    outcome.told_s = None if told is None else told.answered_at - moved_at
    if truth is Truth.NOT_READY:
        outcome.wrong_s = health.seconds(Says.READY, since=moved_at + TRUTH_S, until=back_at)
    elif truth is Truth.READY:
        outcome.wrong_s = health.seconds(Says.NOT_READY, since=moved_at + TRUTH_S, until=time.monotonic())


def _finish(site: Site, outcome: Outcome) -> None:
    """Let everything end that was begun, and compare what is kept with what was acknowledged."""
    with suppress(TimeoutError):
        wait_for(site.is_settled, within_s=HEALED_S, what="everything done")
    ledger, found = site.modality.ledger, {uid: (state, reason) for uid, state, reason in site.store.rows(_STATES)}
    outcome.acknowledged, outcome.refusals = len(ledger.everything()), site.modality.refusals
    outcome.lost = _lost(site)
    whole = ledger.whole()
    for each in site.modality.begun:
        uid = each.study.study_uid
        state, reason = found.get(uid, ("not in the database", ""))
        if state == "FAILED":
            outcome.failed.append(f"{uid} failed: {reason}")
        elif state not in DONE or uid not in whole:
            of_it = "all" if uid in whole else "not all"
            outcome.unfinished.append(f"{uid} is {state}, {of_it} of it acknowledged")


def _lost(site: Site) -> list[str]:
    """Return what is wrong with instances that were acknowledged: no row, no file, or another content."""
    paths = {(study, sop, digest): path for study, sop, digest, path in site.store.rows(_INSTANCES)}
    found = []
    for each in site.modality.ledger.everything():
        path = paths.get((each.study_uid, each.sop_uid, each.digest))
        if path is None:
            found.append(f"expected acknowledged instance {each.sop_uid}, found no row")
        elif site.store.digest(path) != each.digest:
            found.append(f"expected acknowledged instance {each.sop_uid}, found no such content in {path}")
    return found


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
