"""The ground may move: `python -m tests.breaking.ground --seed 7 --minutes 45`.

While a modality sends small studies to a daemon, something under it changes: the spool, the database, the clock, its
processes, its limits, its configuration. Held for a while and put back, nothing that was acknowledged may be lost, no
readable study may have failed, `/health/ready` has to tell the truth within 15 s of each change, and a study that is
sent afterwards has to be on the list with its result within 60 s. `--list` names the faults, `--only` chooses of them.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from tests.breaking.fault import Fault, try_in_turn
from tests.breaking.faults import clock, configuration, database, limits, processes, spool
from tests.breaking.mounts import in_own_namespace, is_in_own_namespace
from tests.breaking.site import NotHere
from tests.breaking.trial import Trial, run_alone

FAULTS: Sequence[Fault] = [
    each for area in (spool, database, clock, processes, limits, configuration) for each in area.FAULTS
]
_NO_END = (AssertionError, OSError, RuntimeError, subprocess.SubprocessError, psycopg.Error, sqlite3.Error)
_SHORTEST_S = 45.0
"""A fault is not begun where less time than this is left."""


def move_ground(trial: Trial, folder: Path, turns: Sequence[Sequence[Fault]], at_once: int = 1) -> None:
    """Try every fault; those of one turn on one daemon. Most of it is waiting: several turns may run at once."""

    def attempt(numbered: tuple[int, Sequence[Fault]]) -> None:
        _attempt(trial, folder / str(numbered[0]), numbered[1])

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(attempt, enumerate(turns)))


def _attempt(trial: Trial, folder: Path, faults: Sequence[Fault]) -> None:
    names = ", ".join(fault.name for fault in faults)
    if trial.left_s < _SHORTEST_S:
        trial.note(names, "not tried: time was over")
        return
    try:
        outcomes = try_in_turn(faults, folder, trial.seed)
    except NotHere as why:
        trial.note(names, f"skipped: {why}")
        trial.say(f"{names}: skipped: {why}")
        return
    except _NO_END as error:
        trial.expect(False, f"{names}: the trial came to no end: {type(error).__name__}: {error}")
        return
    for outcome in outcomes:
        trial.note(outcome.fault.name, outcome.row())
        trial.say(f"{outcome.fault.name}: {outcome.row()}\n{outcome.log}")
        for promise in outcome.broken():
            trial.expect(False, promise)


def short_turn() -> list[Fault]:
    """Return the most telling faults of each kind that are possible here, for one daemon in a minute."""
    unmounted = spool.SHORT if is_in_own_namespace() else spool.SHORT_WITHOUT_MOUNTING
    clocks = [clock.SHORT] if shutil.which("cc") else []
    return [unmounted, processes.SHORT, configuration.SHORT, *clocks]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", default=[], help="words of the names of the faults that are tried")
    parser.add_argument("--at-once", type=int, default=1, help="faults tried at the same time (default: %(default)s)")
    parser.add_argument("--short", action="store_true", help="try the most telling ones on one daemon, in a minute")
    parser.add_argument("--list", action="store_true", help="print the names of all faults")


def _alone(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    chosen = [each for each in FAULTS if not options.only or any(words in each.name for words in options.only)]
    if options.list:
        sys.stdout.write("\n".join(each.name for each in chosen) + "\n")
    else:
        turns = [short_turn()] if options.short else [[fault] for fault in chosen]
        move_ground(trial, folder, turns, options.at_once)


if __name__ == "__main__":
    in_own_namespace("tests.breaking.ground")
    sys.exit(run_alone("ground", _alone, minutes=45, more_options=_options))
