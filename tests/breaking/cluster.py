"""Lets any machine of a cluster die, stop, or lose its network or its spool, again and again, under load.

`python -m tests.breaking.cluster --seed 7 --faults 300 --minutes 60`. Three hosts share a PostgreSQL with a synchronous
standby and a spool; senders of DCMTK, pynetdicom, plain sockets and STOW-RS store, an Orthanc receives. A seed decides
which faults come and when; in the end all is healed, and what the senders were told is compared with what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.breaking import cluster_promises as promises
from tests.breaking.hospital import Hospital
from tests.breaking.host_faults import Fault, Faults, Kind, Undo, plan
from tests.breaking.hosts import Hosts
from tests.breaking.killer import LONGEST_STEP_S
from tests.breaking.kills import compare, destination, section, settle, spool_and_database_agree
from tests.breaking.ledger import Ledger
from tests.breaking.plain_store import PlainStore
from tests.breaking.postgres_pair import postgres_pair
from tests.breaking.promises import Watch
from tests.breaking.senders import Address, Sender, every_kind
from tests.breaking.senders_elsewhere import Anywhere, Stow
from tests.breaking.small_scans import SETTINGS
from tests.breaking.takeovers import Takeovers
from tests.breaking.tcp_proxy import proxies
from tests.breaking.trial import Trial, run_alone
from tests.programs import Orthanc

_TIMES = {
    "completion": {"settle_s": 1, "quiet_s": 5},
    "worker": {"retry_wait_s": 1},
    "delivery": {"first_wait_s": 0.5, "longest_wait_s": 1},
}
_SENDERS_PAUSE_S = (1.0, 5.0)
_STOW_FROM = 500_001
_COMPARED_EVERY_S = 20.0
_MOST_HOSTS_AT_ONCE = 2
_WHERE_DATABASE = (Kind.DATABASE_RESTART, Kind.FAILOVER, Kind.TICKETS_EMPTIED)


class Conductor:
    """Lets faults happen as they were planned, up to two hosts at once, and ends each in its time."""

    def __init__(self, trial: Trial, hosts: Hosts, hospital: Hospital, watch: Watch, takeovers: Takeovers) -> None:
        self._trial, self._hosts, self._hospital = trial, hosts, hospital
        self._watch, self._takeovers = watch, takeovers
        self._faults = Faults(hosts)
        self._active: list[tuple[Fault, float, Undo]] = []
        self._compared_at = time.monotonic()

    def happen(self, faults: Sequence[Fault]) -> None:
        """Let one after the other begin, until time is over; then end those that last."""
        for fault in faults:
            self._go_on_for(fault.pause_s)
            self._wait_for(fault)
            if not self._trial.left_s:
                break
            self._begin(fault)
        while self._active:
            self._step()

    def _begin(self, fault: Fault) -> None:
        self._trial.say(str(fault))
        undo = self._faults.begin(fault)
        self._active.append((fault, time.monotonic() + fault.lasts_s, undo))
        self._trial.count("faults")
        self._trial.count(str(fault.kind))
        if fault.is_alone:
            self._takeovers.died(fault.host, self._hosts.by_name[fault.host].killed_at)

    def _go_on_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._trial.left_s:
            self._step()

    def _wait_for(self, fault: Fault) -> None:
        """Wait until a fault may begin: when others leave its host alone, or all of them, as it needs."""
        while not self._may_begin(fault) and self._trial.left_s:
            self._step()

    def _may_begin(self, fault: Fault) -> bool:
        busy = [each for each, _, _ in self._active]
        if any(each.is_alone for each in busy):
            return False
        if fault.is_alone:
            return not busy and self._hosts.pair.is_paired and self._takeovers.others_are_well(fault.host)
        if fault.kind in (Kind.KILL_ALL, Kind.TICKETS_EMPTIED):  # who is stopped may have locked tickets
            return not busy
        if fault.kind in _WHERE_DATABASE:
            return self._hosts.pair.is_paired and not any(each.kind in _WHERE_DATABASE for each in busy)
        hosts = {each.host for each in busy if each.host}
        return fault.host not in hosts and len(hosts) < _MOST_HOSTS_AT_ONCE

    def _step(self) -> None:
        """End what is over, keep up what ended by itself, and compare now and then."""
        for each in self._active[:]:
            fault, until, undo = each
            if time.monotonic() > until or (fault.is_alone and self._takeovers.is_done()):
                undo()
                self._active.remove(each)
                self._trial.say(f"    over: {fault.kind} {fault.host}")
        self._hosts.keep_up()
        is_there = not any(each.kind in (*_WHERE_DATABASE, Kind.SPOOL_AWAY_FROM_ALL) for each, _, _ in self._active)
        if is_there and time.monotonic() - self._compared_at > _COMPARED_EVERY_S:
            compare(self._trial, self._hosts, self._hospital, self._watch)
            self._compared_at = time.monotonic()
            acknowledged = len(self._hospital.ledger.everything())
            self._trial.say(f"    {acknowledged} instances acknowledged")
        time.sleep(0.1)


def cluster(trial: Trial, folder: Path, faults: Sequence[Fault], *, is_judged: bool = True) -> None:
    """Let these faults happen, or as many as there is time for, heal everything, and compare.

    `is_judged`: whether a takeover that takes too long breaks a promise; on a
    busy machine it may.
    """
    with ExitStack() as stack:
        pacs = stack.enter_context(destination(folder / "pacs"))
        pair = stack.enter_context(postgres_pair())
        settings = {**SETTINGS, **_TIMES, "destinations": [section(pacs)]}
        hosts = Hosts(trial, folder / "hosts", pair, stack.enter_context(proxies()), settings)
        stack.callback(hosts.end)
        hosts.start()
        ledger, store = Ledger(), PlainStore(pair.url, folder / "hosts" / "spool")
        hospitals = _hospitals(trial, folder, hosts, ledger)
        watch = Watch(trial, ledger, store, random.Random(trial.seed))
        takeovers = Takeovers(trial, store, is_judged=is_judged)
        trial.begin()
        for hospital in hospitals:
            hospital.start()
        conductor = Conductor(trial, hosts, hospitals[0], watch, takeovers)
        conductor.happen(faults)
        for hospital in hospitals:
            hospital.finish(within_s=LONGEST_STEP_S)
        settle(trial, hosts, hospitals[0], watch)
        _compare_all(trial, store, ledger, watch, pacs)
        takeovers.judge()
        _comes_back(trial, hosts)
        hosts.end()
        spool_and_database_agree(trial, hosts.by_name["a"].daemons[""], store.spool)


def _hospitals(trial: Trial, folder: Path, hosts: Hosts, ledger: Ledger) -> list[Hospital]:
    """Return who sends by DICOM, and who by STOW-RS, where other content under known identifiers is refused."""

    def anywhere(sender: Sender, role: str) -> Sender:
        return Anywhere(sender, hosts.addresses(role), random.Random(trial.random.random()))

    def dicom(seeded: random.Random) -> list[Sender]:
        return [anywhere(sender, "receiver") for sender in every_kind(seeded)]

    def stow(_seeded: random.Random) -> list[Sender]:
        return [anywhere(Stow(), "web")]

    shared: dict[str, Any] = {"pause_s": _SENDERS_PAUSE_S, "ledger": ledger, "is_full": threading.Event()}
    nowhere = Address(0)
    return [
        Hospital(trial, nowhere, folder / "sent", senders=dicom, **shared),
        Hospital(trial, nowhere, folder / "sent", senders=stow, sends_altered=False, first=_STOW_FROM, **shared),
    ]


def _compare_all(trial: Trial, store: PlainStore, ledger: Ledger, watch: Watch, pacs: Orthanc) -> None:
    watch.once_at_destination(pacs)
    promises.objects_in_order(trial, store, pacs)
    promises.histories_give_the_list(trial, store)
    promises.nobody_changes_what_is_not_his(trial, store)
    promises.one_result_each(trial, store, ledger)


def _comes_back(trial: Trial, hosts: Hosts) -> None:
    """Kill all hosts at once while nothing is left to do, and expect the same list afterwards."""

    def shown() -> list[tuple[Any, ...]] | None:
        found = hosts.whole_list()
        wanted = ("position", "study_instance_uid", "state", "class", "ready_at", "reason")
        return None if found is None else [tuple(entry[each] for each in wanted) for entry in found]

    before = shown()
    hosts.kill()
    hosts.start_all()
    took_s = hosts.wait(lambda: shown() is not None, what="the list is shown again")
    trial.note("seconds until the list was shown after all were killed", round(took_s, 1))
    hosts.wait(lambda: all(hosts.answers(host) for host in hosts.all), what="all answer")
    after = shown()
    trial.expect(before and before == after, "expected the same list after all hosts were killed at once")
    trial.note("studies on that list", float(len(after or ())))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--faults", type=int, default=300, help="how many at most (default: %(default)s)")
    parser.add_argument("--longest", type=float, default=float("inf"), help="seconds of a fault (default: as planned)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--busy", action="store_true", help="the machine is busy: do not judge how long takeovers take")


def _trial(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    faults = plan(random.Random(trial.seed), options.faults, longest_s=options.longest)
    cluster(trial, folder, faults, is_judged=not options.busy)
    if options.json is not None:
        figures = {"seed": trial.seed, "seconds": round(trial.elapsed_s), **trial.figures, "broken": trial.broken}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    if shutil.which("Orthanc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        sys.exit("expected Orthanc (Debian package orthanc), which receives the results; found none")
    sys.exit(run_alone("cluster", _trial, minutes=60, more_options=_options))
