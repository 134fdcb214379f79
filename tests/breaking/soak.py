"""Lets a daemon work for long: `python -m tests.breaking.soak --seed 7 --minutes 30`.

A steady mix: studies that are aborted, repeated, late and given up, one destination that takes everything, one that
refuses one in ten, one that is away until the end, and a webhook that fails every other time. Meanwhile memory,
descriptors, threads and latency of each role are sampled.

The rule: of each figure, the median of the last quarter of the samples may lie above that of the third quarter by no
more than the noise named in `NOISE`. What a role takes while it warms up, in the first half, does not count; what it
goes on taking does. The medians of the second, third and last quarter are the figures.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from tests.breaking.hospital import Hospital
from tests.breaking.killer import ROLES
from tests.breaking.kills import compare, settle, stopped
from tests.breaking.neighbour_scps import Hook, Neighbour, refusing
from tests.breaking.plain_store import PlainStore, plain_store
from tests.breaking.promises import Watch
from tests.breaking.senders import Address
from tests.breaking.small_scans import SETTINGS
from tests.breaking.trial import Trial, run_alone
from tests.ports import free_port
from tests.programs import Daemon, get_json, new_daemon, until
from tests.wire.peers import RawPeer

MEMORY, DESCRIPTORS, THREADS, LATENCY = "memory MiB", "descriptors", "threads", "latency s"
NOISE: Mapping[str, tuple[float, float]] = {
    MEMORY: (6.0, 0.03),
    DESCRIPTORS: (3.0, 0.05),
    THREADS: (2.0, 0.05),
    LATENCY: (0.5, 0.5),
}
"""By how much a figure may grow from the third to the last quarter: so much, and this share of it."""
_LATENCIES = {
    "clock": "SELECT last_instance_at, ready_at FROM study WHERE ready_at >= last_instance_at ORDER BY ready_at",
    "worker": "SELECT ready_at, at FROM result JOIN study ON study.id = study_id WHERE superseded_by IS NULL "
    "AND at >= ready_at ORDER BY at",
    "courier": "SELECT created_at, sent_at FROM outbox WHERE destination = 'steady' AND state = 'SENT' "
    "ORDER BY sent_at",
}
"""From when to when each role's latency counts, in the order of time."""
_WARM = (
    "SELECT count(*) FROM outbox JOIN derived ON derived.id = outbox.derived_id"
    " WHERE destination = 'steady' AND state = 'SENT' AND kind = 'sc-multiframe'"
)
"""Worker and courier are warm once a study is drawn in 3-D and the views have been sent."""
_WARM_WITHIN_S = 120.0
_EVERY_S = 5.0
Samples = dict[tuple[str, str], list[float]]
"""By figure and role, in the order of time."""


def soak(trial: Trial, folder: Path, *, slack: float = 1.0, every_s: float = _EVERY_S) -> None:
    """Work until time is over, then let everything settle; `slack` widens the noise where there is little time."""
    steady, picky = Neighbour("steady", free_port()), Neighbour("picky", free_port(), refusing)
    hook = Hook(free_port(), lambda number: 503 if number % 2 else 200)
    away = Neighbour("away", free_port())
    daemon = new_daemon(folder / "daemon", **_settings([steady, picky, away], hook))
    samples: Samples = defaultdict(list)
    with ExitStack() as stack:
        for each in (steady.running(), picky.running(), hook.running()):
            stack.enter_context(each)
        stack.callback(stopped, daemon)
        daemon.start()
        hospital = Hospital(trial, Address(daemon.dicom_port), folder / "sent", pause_s=(5.0, 13.0))
        watch = Watch(trial, hospital.ledger, plain_store(daemon), Random(trial.seed))
        hospital.start()
        until(
            lambda: watch.store.rows(_WARM)[0][0], within_s=_WARM_WITHIN_S, what="the largest object of a study is sent"
        )
        trial.begin()
        while trial.left_s:
            time.sleep(every_s)
            _sample(trial, daemon, samples)
            compare(trial, daemon, hospital, watch)
        hospital.finish(within_s=60)
        stack.enter_context(away.running())
        settle(trial, daemon, hospital, watch)
        for role, query in _LATENCIES.items():
            samples[LATENCY, role] = _seconds(watch.store, query)
    _judge(trial, samples, slack)


def _settings(destinations: Sequence[Neighbour], hook: Hook) -> dict[str, Any]:
    return {
        **SETTINGS,
        "destinations": [each.as_destination() for each in destinations],
        "pushes": [{"name": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{hook.port}/"}],
    }


def _sample(trial: Trial, daemon: Daemon, samples: Samples) -> None:
    """Look at every role once, and ask those that answer."""
    roles = daemon.role_pids()
    trial.highest("roles that ran", len(roles))
    for pid, role in roles.items():
        folder = Path(f"/proc/{pid}")
        samples[MEMORY, role].append(_memory_mib(folder))
        samples[DESCRIPTORS, role].append(len(list((folder / "fd").iterdir())))
        samples[THREADS, role].append(len(list((folder / "task").iterdir())))
    started = time.monotonic()
    with RawPeer(daemon.dicom_port, calling="SOAK") as peer:
        trial.expect(peer.is_accepted, "expected the receiver to accept one more association, found it refused")
    samples[LATENCY, "receiver"].append(time.monotonic() - started)
    started = time.monotonic()
    page = get_json(f"http://127.0.0.1:{daemon.web_port}/api/worklist?limit=50")
    trial.expect(page is not None, "expected the first page of the list, found no answer")
    samples[LATENCY, "web"].append(time.monotonic() - started)


def _memory_mib(process: Path) -> float:
    """Return what is resident for this process, shared pages by their share (proc_pid_smaps)."""
    lines = (process / "smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _seconds(store: PlainStore, query: str) -> list[float]:
    times = [(datetime.fromisoformat(since), datetime.fromisoformat(until)) for since, until in store.rows(query)]
    return [(until - since).total_seconds() for since, until in times]


def _judge(trial: Trial, samples: Samples, slack: float) -> None:
    """Compare the quarters of each figure, where there are enough samples to tell."""
    roles = {role for figure, role in samples if figure == MEMORY}
    expected = set(ROLES) - {"adviser"}  # it runs where second engines are named
    trial.expect(roles == expected, f"expected samples of {expected}, found {roles}")
    for (figure, role), values in sorted(samples.items()):
        if len(values) < 4:
            trial.note(f"{figure}, {role}", f"only {len(values)} samples")
            continue
        second, third, last = (statistics.median(_quarter(values, number)) for number in (1, 2, 3))
        trial.note(f"{figure}, {role}", f"{second:.2f}, {third:.2f}, {last:.2f}")
        least, share = NOISE[figure]
        allowed = third + slack * (least + share * third)
        trial.expect(last <= allowed, f"expected {figure} of {role} to stay below {allowed:.2f}, found {last:.2f}")


def _quarter(values: Sequence[float], number: int) -> Sequence[float]:
    return values[len(values) * number // 4 : len(values) * (number + 1) // 4]


if __name__ == "__main__":
    sys.exit(run_alone("soak", lambda trial, folder, _: soak(trial, folder), minutes=30))
