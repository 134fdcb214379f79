"""Neighbours as they are: `python -m tests.breaking.neighbours --seed 7 --minutes 5`.

One daemon delivers to one destination and one webhook that behave; then, in the same run, to these and to others that
are away, slow, abort, refuse one in ten, or answer with warnings, with subscribers that are away, fail or hang. The
ones that behave must not wait any longer for that, and the others get everything in the end.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.breaking.kills import stopped
from tests.breaking.ledger import Ledger
from tests.breaking.neighbour_scps import Hook, Neighbour, aborting, refusing, slowly, warning
from tests.breaking.plain_store import PlainStore, plain_store
from tests.breaking.senders import Address, PlainSocket
from tests.breaking.small_scans import SETTINGS, SmallStudy, small_study
from tests.breaking.trial import Trial, run_alone
from tests.ports import free_port
from tests.programs import Daemon, new_daemon

OBJECTS_OF_A_STUDY = 3
"""Pictures as one object, measurements, regions."""
_LONGEST_WAIT_S = 120.0


def neighbours(trial: Trial, folder: Path, studies: int) -> None:
    """Deliver so many studies with good neighbours only, then as many with all."""
    steady, hook = Neighbour("steady", free_port()), Hook(free_port())
    others = [
        Neighbour("slow", free_port(), slowly),
        Neighbour("aborts", free_port(), aborting),
        Neighbour("refuses", free_port(), refusing),
        Neighbour("warns", free_port(), warning),
    ]
    away = Neighbour("away", free_port())
    daemon = new_daemon(folder / "daemon", **_settings([steady], [hook]))
    with ExitStack() as stack:
        stack.callback(stopped, daemon)
        for each in (steady, *others):
            stack.enter_context(each.running())
        stack.enter_context(hook.running())
        alone = _latencies(trial, daemon, folder, range(1, studies + 1), steady)
        trial.expect(len(hook.took) >= studies, f"expected the webhook called for {studies}, found {len(hook.took)}")
        stopped(daemon)
        daemon.reconfigure(_settings([steady, *others, away], _hooks(stack, hook)))
        among = _latencies(trial, daemon, folder, range(101, 101 + studies), steady)
        _compare(trial, alone, among)
        stack.enter_context(away.running())
        _everything_arrives(trial, plain_store(daemon), [steady, *others, away], studies)


def _settings(destinations: Sequence[Neighbour], hooks: Sequence[Hook]) -> dict[str, Any]:
    """Return settings with short waits, in which a slow neighbour is slow and not yet silent."""
    return {
        **SETTINGS,
        "destinations": [each.as_destination() for each in destinations],
        "pushes": [
            {"name": f"hook-{number}", "kind": "webhook", "url": f"http://127.0.0.1:{each.port}/"}
            for number, each in enumerate(hooks)
        ],
        "delivery": {"first_wait_s": 0.5, "longest_wait_s": 1, "timeout_s": 5},
    }


def _hanging(number: int) -> int:
    time.sleep(4)
    return 200


def _hooks(stack: ExitStack, good: Hook) -> list[Hook]:
    """Return the good one, one that is away, one that fails, and one that hangs."""
    failing = Hook(free_port(), lambda number: 503 if number % 2 else 200)
    hanging = Hook(free_port(), _hanging)
    for each in (failing, hanging):
        stack.enter_context(each.running())
    return [good, Hook(free_port()), failing, hanging]


def _latencies(
    trial: Trial, daemon: Daemon, folder: Path, numbers: Sequence[int], steady: Neighbour
) -> Mapping[str, float]:
    """Send one study after the other; return seconds from the last slice to the last object, by study."""
    daemon.start()
    sender, ledger = PlainSocket(trial.random, cuts_of=10**9), Ledger()
    waited = {}
    for number in numbers:
        study = small_study(number, folder / "sent", triage_class=trial.random.choice("AD"))
        sender.send(study.instances, Address(daemon.dicom_port), ledger)
        trial.expect(all(map(ledger.is_acknowledged, study.instances)), f"expected study {number} to be accepted")
        waited[study.study_uid] = _seconds_until_taken(study, steady)
        trial.count("studies")
    return waited


def _seconds_until_taken(study: SmallStudy, steady: Neighbour) -> float:
    sent = time.monotonic()
    while time.monotonic() < sent + _LONGEST_WAIT_S:
        taken = [steady.took[uid] for uid, of in list(steady.studies.items()) if of == study.study_uid]
        if len(taken) >= OBJECTS_OF_A_STUDY:
            return max(taken) - sent
        time.sleep(0.02)
    return float("inf")


def _compare(trial: Trial, alone: Mapping[str, float], among: Mapping[str, float]) -> None:
    """Expect half of the studies to arrive as soon as before, within the noise of a busy machine."""
    before, after = statistics.median(alone.values()), statistics.median(among.values())
    trial.note("median seconds to the steady one, alone", round(before, 2))
    trial.note("median seconds to the steady one, among others", round(after, 2))
    trial.note("longest seconds to the steady one, alone", round(max(alone.values()), 2))
    trial.note("longest seconds to the steady one, among others", round(max(among.values()), 2))
    trial.expect(after <= 2 * before + 2, f"expected {before:.1f} s to the steady destination, found {after:.1f} s")


def _everything_arrives(trial: Trial, store: PlainStore, all_of_them: Sequence[Neighbour], studies: int) -> None:
    """Expect every delivery settled in the end, and each object there; once where it was taken at once.

    A destination that could never be asked what it accepts gets its pictures as one object each.
    """
    ends = time.monotonic() + _LONGEST_WAIT_S
    query = "SELECT destination, state, count(*) FROM outbox GROUP BY destination, state"
    while any(state != "SENT" for _, state, _ in store.rows(query)) and time.monotonic() < ends:
        time.sleep(0.2)
    states = store.rows(query)
    trial.expect(all(state == "SENT" for _, state, _ in states), f"expected every delivery settled, found {states}")
    wanted = {destination: count for destination, state, count in states if state == "SENT"}
    for each in all_of_them:
        trial.note(f"objects at {each.name}", len(each.took))
        trial.expect(
            len(each.took) == wanted.get(each.name, 0) >= studies * OBJECTS_OF_A_STUDY,
            f"expected {wanted.get(each.name)} objects at {each.name}, found {len(each.took)}",
        )
        twice = [uid for uid, times in each.times.items() if times > 1]
        trial.expect(each.name == "aborts" or not twice, f"expected objects once at {each.name}, found twice: {twice}")


if __name__ == "__main__":
    sys.exit(
        run_alone(
            "neighbours",
            lambda trial, folder, _: neighbours(trial, folder, max(5, int(trial.seconds / 20))),
            minutes=5,
        )
    )
