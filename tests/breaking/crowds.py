"""Crowds at the web: `python -m tests.breaking.crowds --seed 7 --minutes 3`.

Crowds of every manner, from several addresses at once, in random mixes hold the places of the web role while somebody
reads the list from another address: first with 1,024 descriptors, then with 64. `tests/web/test_crowds.py` is the short
form, one manner after the other. Knows no limit of the product.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.breaking.trial import Trial, run_alone
from tests.breaking.web_crowds import Crowd, Manner, Reader, waits_until
from tests.breaking.web_role import WebRole, web_role
from triaged.store.tables.database import migrate, open_database

SOON_S = 5.0
MOST_LOG = 20_000
"""Bytes of a process's whole log."""
MOST_MEMORY_MIB = 320
_DESCRIPTORS = (1024, 64)
_MOST_CLIENTS = 240
"""Of all crowds together: they share one interpreter with the reader, whose waits are measured."""
_ROUND_S = 3.0
_READER = "127.0.0.2"


def crowds(trial: Trial, folder: Path) -> None:
    """Let crowds come and go beside a reader, for half of the time with each number of descriptors."""
    migrated = folder / "migrated.db"
    database = open_database(f"sqlite:///{migrated}")
    migrate(database)
    database.close()
    for number, descriptors in enumerate(_DESCRIPTORS):
        place = folder / f"descriptors-{descriptors}"
        place.mkdir()
        until = trial.seconds * (number + 1) / len(_DESCRIPTORS)
        with web_role(place, migrated, descriptors) as role:
            while trial.elapsed_s < until:
                _round(trial, role, descriptors)
            _judge(trial, role, descriptors)


def _round(trial: Trial, role: WebRole, descriptors: int) -> None:
    """Let some crowds come, each from an address of its own, read beside them, and send them away."""
    manners = trial.random.choices(list(Manner), k=trial.random.randint(1, 5))
    coming = [
        Crowd(manner, role.port, f"127.0.1.{at}", trial.random.randint(5, _MOST_CLIENTS // len(manners)))
        for at, manner in enumerate(manners, start=1)
    ]
    with ExitStack() as stack:
        for crowd in coming:
            stack.enter_context(crowd.around())
        wanted = sum(crowd.size for crowd in coming) // 2
        waits_until(lambda: sum(crowd.opened + crowd.refused for crowd in coming) >= wanted, within_s=10)
        reader = Reader(role.port, _READER)
        reader.read(seconds=_ROUND_S)
        trial.highest(f"most descriptors of {descriptors}", role.descriptors())
    mix = ", ".join(f"{crowd.size}: {crowd.manner}" for crowd in coming)
    what = f"{descriptors} descriptors, {mix}"
    trial.say(f"{what}: longest wait {max(reader.waits_s):.1f} s")
    trial.count("crowds", len(coming))
    trial.count("connections of crowds", sum(crowd.opened for crowd in coming))
    trial.count("connections refused to crowds", sum(crowd.refused for crowd in coming))
    trial.count("pages read beside them", len(reader.waits_s))
    trial.count("pages refused", len(reader.failures))
    trial.highest(f"longest wait with {descriptors} descriptors, s", round(max(reader.waits_s), 1))
    trial.expect(not reader.failures, f"{what}: expected every page, found {reader.failures[:3]}")
    trial.expect(max(reader.waits_s) <= SOON_S, f"{what}: expected {SOON_S} s at most, found {max(reader.waits_s):.1f}")


def _judge(trial: Trial, role: WebRole, descriptors: int) -> None:
    log, memory = role.log.stat().st_size, round(role.most_memory_mib())
    trial.note(f"bytes of log with {descriptors} descriptors", log)
    trial.note(f"memory with {descriptors} descriptors, MiB", memory)
    trial.expect(role.process.poll() is None, f"{descriptors} descriptors: expected the web role to run")
    trial.expect(log < MOST_LOG, f"{descriptors} descriptors: expected a log below {MOST_LOG} bytes, found {log}")
    trial.expect(memory < MOST_MEMORY_MIB, f"{descriptors} descriptors: expected {MOST_MEMORY_MIB} MiB, found {memory}")


def main() -> int:
    """Let crowds come from the command line."""

    def came(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
        crowds(trial, folder)

    return run_alone("crowds", came, minutes=3)


if __name__ == "__main__":
    sys.exit(main())
