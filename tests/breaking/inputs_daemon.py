"""The same spoilt images by C-STORE to a whole daemon: `python -m tests.breaking.inputs_daemon --seed 7 --minutes 10`.

Several associations send them at once, as fast as the daemon analyses; beside them DCMTK sends sound studies, one after
the other. What was answered with Success has its digest in the database and its bytes in the spool; no answer takes
longer than 10 s; every study ends with a score or a reason, or the instance in quarantine with one; a sound study is
triaged as it must be, within a minute; no role dies; memory of each stays below its documented number; and the log has
no traceback. All of it is read by plain SQL, from plain files, and from /proc.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import struct
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.breaking.ledger import Ledger
from tests.breaking.plain_store import PlainStore, plain_store
from tests.breaking.senders import Address, Storescu
from tests.breaking.small_scans import SETTINGS, small_study
from tests.breaking.spoilt_studies import spoilt_study
from tests.breaking.trial import Trial, run_alone
from tests.programs import Daemon, new_daemon, until
from tests.wire.peers import CT_IMAGE, RawPeer, p_data

LONGEST_ANSWER_S = 10.0
LONGEST_TRIAGE_S = 60.0
"""For a sound study, from its first byte, however many hostile ones wait."""
SENDERS = 3
_MOST_WAITING = 6
_FRAGMENT = 100_000
_DOCUMENTS = Path(__file__).parents[2] / "docs"
_UNFINISHED = "SELECT study_uid, state FROM study WHERE state IN ('RECEIVING', 'READY', 'ANALYSING')"
_UNSAID = "SELECT study_uid FROM study WHERE state IN ('FAILED', 'OUT_OF_SCOPE') AND reason NOT LIKE '%:%'"
_UNSAID_ASIDE = "SELECT path FROM quarantine WHERE reason = ''"
_BUGS = re.compile(rb"because of a bug|Traceback|analysis failed|role died|role hangs|ending the worker")


@dataclass(slots=True)
class Answers:
    """What the hostile senders were told; safe to use from all of them."""

    acknowledged: dict[str, None] = field(default_factory=dict)
    """Digests of what was answered with Success."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, trial: Trial, status: int, content: bytes, seconds: float) -> None:
        """Note one answer."""
        with self._lock:
            trial.count(f"answered 0x{status:04X}")
            trial.highest("longest answer s", seconds)
            trial.expect(seconds < LONGEST_ANSWER_S, f"expected an answer in {LONGEST_ANSWER_S:.0f} s, found {seconds}")
            trial.expect(status in (0x0000, 0xA700), f"expected Success or out of resources, found 0x{status:04X}")
            if status == 0:
                self.acknowledged[hashlib.sha256(content).hexdigest()] = None

    def count(self, trial: Trial, figure: str) -> None:
        """Add one to a figure."""
        with self._lock:
            trial.count(figure)

    def broke(self, trial: Trial, promise: str) -> None:
        """Note a broken promise."""
        with self._lock:
            trial.expect(False, promise)


def inputs_daemon(trial: Trial, folder: Path) -> None:
    """Start a daemon, send until the time is over, let everything end, and compare."""
    completion = {"settle_s": 0.5, "quiet_s": 2}
    daemon = new_daemon(folder / "daemon", **SETTINGS, completion=completion)
    daemon.start()
    trial.begin()
    answers, ledger = Answers(), Ledger()
    try:
        with watched(trial, daemon) as highest:
            senders = [threading.Thread(target=_hostile, args=(trial, daemon, answers, n)) for n in range(SENDERS)]
            for each in senders:
                each.start()
            _sound(trial, daemon, ledger, folder / "sound")
            for each in senders:
                each.join()
            _settle(trial, daemon)
        _judge_memory(trial, highest)
        _judge(trial, daemon, answers, ledger)
    finally:
        daemon.stop()


def _hostile(trial: Trial, daemon: Daemon, answers: Answers, sender: int) -> None:
    """Send spoilt studies, each over an association of its own, while few wait for analysis."""
    chance, store, number = random.Random(trial.seed * 1000 + sender), plain_store(daemon), sender
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while trial.left_s:
            if len(store.rows(_UNFINISHED)) > _MOST_WAITING:
                time.sleep(0.2)
                continue
            number += SENDERS
            images = list(spoilt_study(number, chance, lambda figure: answers.count(trial, figure)))
            try:
                _send(trial, daemon, answers, images, chance)
            except (OSError, AssertionError, IndexError, struct.error) as error:
                answers.broke(trial, f"expected answers to study {number}, found {error!r}")
            answers.count(trial, "hostile studies")


def _send(
    trial: Trial, daemon: Daemon, answers: Answers, images: Sequence[tuple[bytes, str]], chance: random.Random
) -> None:
    syntaxes = sorted({syntax for _, syntax in images})
    with RawPeer(daemon.dicom_port, [(CT_IMAGE, (syntax,)) for syntax in syntaxes], calling="HOSTILE") as peer:
        if not peer.is_accepted:
            answers.count(trial, "associations refused")
            return
        results = peer.results()
        contexts = {syntax: 2 * at + 1 for at, syntax in enumerate(syntaxes) if results.get(2 * at + 1) == 0}
        for content, syntax in images:
            if syntax in contexts:
                begun = time.monotonic()
                status = store(peer, contexts[syntax], content, f"1.2.3.{chance.randrange(10**12)}")
                answers.took(trial, status, content, time.monotonic() - begun)
            else:
                answers.count(trial, "syntaxes not accepted")


def store(peer: RawPeer, context_id: int, content: bytes, sop_instance_uid: str) -> int:
    """Send one instance in large pieces and return the status."""
    peer.socket.sendall(peer.command(sop_instance_uid=sop_instance_uid, context_id=context_id))
    for start in range(0, max(len(content), 1), _FRAGMENT):
        is_last = start + _FRAGMENT >= len(content)
        peer.socket.sendall(p_data(context_id, bytes([2 if is_last else 0]) + content[start : start + _FRAGMENT]))
    return peer.status()


def _sound(trial: Trial, daemon: Daemon, ledger: Ledger, folder: Path) -> None:
    """Send sound studies by DCMTK, and wait for each on the list."""
    sender = Storescu(trial.random, killed_of=sys.maxsize)
    number = 0
    while trial.left_s or not number:
        number += 1
        study = small_study(900_000 + number, folder, triage_class=trial.random.choice("NDA"))
        ledger.begins(study)
        begun = time.monotonic()
        sender.send(study.instances, Address(daemon.dicom_port), ledger)
        missing = [each for each in study.instances if not ledger.is_acknowledged(each)]
        trial.expect(not missing, f"expected a sound study taken at once, found {ledger.statuses}")
        found = None
        while time.monotonic() - begun < LONGEST_TRIAGE_S and found is None:
            entry = daemon.entry(study.study_uid)
            found = entry if entry is not None and entry["state"] in ("TRIAGED", "FAILED", "OUT_OF_SCOPE") else None
            time.sleep(0.2)
        state = None if found is None else (found["state"], found["class"])
        expected = ("TRIAGED", study.triage_class)
        trial.expect(state == expected, f"expected a sound study {expected} in a minute, found {state}: {found}")
        trial.count("sound studies")
        trial.highest("longest way to a result of a sound study s", time.monotonic() - begun)


@contextmanager
def watched(trial: Trial, daemon: Daemon) -> Iterator[Mapping[str, float]]:
    """Give the highest resident memory of each role (VmHWM), read while the block runs; expect no role to be replaced.

    Call it while nothing else writes to the trial's broken promises but by its own lock.
    """
    highest: dict[str, float] = {}
    first, ended = daemon.role_pids(), threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            for pid, role in daemon.role_pids().items():
                highest[role] = max(highest.get(role, 0.0), peak_mib(pid))

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()
        last = daemon.role_pids()
        trial.expect(last == first, f"expected every role to live, found {first} replaced by {last}")


def peak_mib(pid: int) -> float:
    """Return the highest resident memory of a process so far; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def documented_mib() -> Mapping[str, float]:
    """Return what the documents say that each role takes at most."""
    table = re.findall(r"^\| (\w+) \| (\d+) \|", (_DOCUMENTS / "operations.md").read_text(encoding="utf-8"), re.M)
    receiver = re.search(
        r"The receiver takes at most (\d+) MiB", (_DOCUMENTS / "architecture.md").read_text(encoding="utf-8")
    )
    assert receiver is not None
    return {role: float(mib) for role, mib in table} | {"receiver": float(receiver[1])}


def _settle(trial: Trial, daemon: Daemon) -> None:
    try:
        until(lambda: not plain_store(daemon).rows(_UNFINISHED), within_s=120, what="every study to end")
    except AssertionError:
        left = plain_store(daemon).rows(_UNFINISHED)
        trial.expect(False, f"expected every study to end, found {left[:5]}")


def _judge_memory(trial: Trial, highest: Mapping[str, float]) -> None:
    limits = documented_mib()
    for role, mib in sorted(highest.items()):
        trial.note(f"memory of {role} MiB", mib)
        trial.expect(mib < limits[role], f"expected the {role} below {limits[role]:.0f} MiB, found {mib:.0f}")


def _judge(trial: Trial, daemon: Daemon, answers: Answers, ledger: Ledger) -> None:
    store = plain_store(daemon)
    acknowledged = [*answers.acknowledged, *(each.digest for each in ledger.everything())]
    trial.note("acknowledged digests", float(len(acknowledged)))
    lost = _lost(store, acknowledged)
    trial.note("lost", float(len(lost)))
    trial.expect(not lost, f"expected every acknowledged digest with its bytes, found {len(lost)} without: {lost[:3]}")
    for state, count in store.rows("SELECT state, count(*) FROM study GROUP BY state"):
        trial.note(f"studies {state}", float(count))
    for table in ("quarantine", "conflict"):
        trial.note(f"instances in {table}", float(store.rows(f"SELECT count(*) FROM {table}")[0][0]))
    for query in (_UNSAID, _UNSAID_ASIDE):
        unsaid = store.rows(query)
        trial.expect(not unsaid, f"expected a reason for everything without a score, found none for {unsaid[:3]}")
    bugs = [line for line in daemon.log.read_bytes().splitlines() if _BUGS.search(line)]
    trial.expect(not bugs, f"expected no bug in the log, found {len(bugs)}, the first: {bugs[:1]}")


def _lost(store: PlainStore, acknowledged: Sequence[str]) -> list[str]:
    """Return the digests that have no row, or whose file holds other bytes."""
    paths: dict[str, list[str]] = {}
    for table in ("instance", "quarantine", "conflict"):
        for sha256, path in store.rows(f"SELECT sha256, path FROM {table}"):
            paths.setdefault(str(sha256), []).append(str(path))
    return [each for each in acknowledged if not any(store.digest(path) == each for path in paths.get(each, ()))]


def _main(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
    inputs_daemon(trial, folder)


if __name__ == "__main__":
    sys.exit(run_alone("inputs_daemon", _main))
