"""Peers are hostile: whatever they do, a sender beside them waits 5 s at most, is never refused, and loses nothing.

A receiver as `triaged serve` starts it, with TLS besides; hostile peers from several addresses, and from the one that
the sender calls from. Beside them DCMTK's storescu, with and without TLS, and a sender of pynetdicom go on sending. In
the end all that was acknowledged is there, memory stayed under its number, and threads and descriptors are back.
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pynetdicom import AE

from tests.breaking.hostile_peers import HOSTILES
from tests.breaking.trial import Trial, run_alone
from tests.ports import free_port
from tests.programs import until
from tests.wire.authority import Authority, Issued
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, a_slice
from triaged.dicom.part10 import file_meta

LONGEST_WAIT_S = 5.0
_ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
_MOST_LOG_LINES_PER_MINUTE = 1500
_OF_THE_DATABASE = 24
"""Descriptors of the connections to SQLite that the pool keeps once it has needed them."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """The process that is tried."""

    process: subprocess.Popen[bytes]
    port: int
    tls_port: int
    folder: Path

    def status(self, name: str) -> int:
        """A figure of the kernel's: VmHWM in KiB, Threads."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split(f"{name}:")[1].split()[0])

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stored(self) -> set[str]:
        """The instances that have a row and a file."""
        with sqlite3.connect(f"file:{self.folder}/triaged.db?mode=ro", uri=True) as database:
            rows = database.execute("SELECT sop_instance_uid, path FROM instance").fetchall()
        return {uid for uid, path in rows if (self.folder / "spool" / path).is_file()}


class Senders:
    """Legitimate senders, each in a thread: they send one new instance after the other and note how long it took."""

    def __init__(self, trial: Trial, receiver: Receiver, shown: Issued, ca_file: Path) -> None:
        self._trial = trial
        self._receiver = receiver
        self._tls = ["+tls", str(shown.key), str(shown.certificate), "+cf", str(ca_file)]
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._number = 0
        self.acknowledged: set[str] = set()
        self.waits: list[float] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send until left."""
        threads = [
            threading.Thread(target=self._go_on, args=(way,))
            for way in (self._by_storescu, self._by_storescu_over_tls, self._by_pynetdicom)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _go_on(self, way: object) -> None:
        assert callable(way)
        while not self._over.wait(0.5):
            uid, path = self._next()
            started = time.monotonic()
            problem = way(path)
            waited = time.monotonic() - started
            with self._lock:
                self.waits.append(waited)
                self._trial.count("instances sent")
                self._trial.highest("longest wait (s)", round(waited, 2))
                self._trial.expect(not problem, f"expected {uid} to be taken, found: {problem}")
                self._trial.expect(
                    waited <= LONGEST_WAIT_S, f"expected {uid} within {LONGEST_WAIT_S:g} s, found {waited:.1f} s"
                )
                if not problem:
                    self.acknowledged.add(uid)

    def _next(self) -> tuple[str, Path]:
        with self._lock:
            self._number += 1
            number = self._number
        uid = f"1.2.3.4.{number}"
        meta = file_meta(
            sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="CT1"
        )
        path = self._receiver.folder / "sent.dcm"
        path = path.with_name(f"sent-{number}.dcm")
        path.write_bytes(meta + a_slice(number, study_uid=f"1.2.3.{number % 5}"))
        return uid, path

    def _by_storescu(self, path: Path) -> str:
        return self._storescu([], self._receiver.port, path)

    def _by_storescu_over_tls(self, path: Path) -> str:
        return self._storescu(self._tls, self._receiver.tls_port, path)

    def _storescu(self, more: list[str], port: int, path: Path) -> str:
        command = ["storescu", *more, "-R", "-aet", "CT1", "127.0.0.1", str(port), str(path)]
        done = subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
        return "" if done.returncode == 0 else f"storescu: {done.stderr.strip()}"

    def _by_pynetdicom(self, path: Path) -> str:
        ae = AE("CT2")
        ae.add_requested_context(CT_IMAGE, EXPLICIT)
        association = ae.associate("127.0.0.1", self._receiver.port, bind_address=("127.0.0.9", 0))
        if not association.is_established:
            return "pynetdicom: no association"
        status = association.send_c_store(pydicom.dcmread(path)).get("Status")
        association.release()
        return "" if status == 0 else f"pynetdicom: status {status}"


def peers(trial: Trial, folder: Path) -> None:
    """Let hostile peers come, some at a time, until the time is over."""
    with _receiver(folder) as (receiver, shown, authority):
        calm_threads, calm_descriptors = receiver.status("Threads"), receiver.descriptors()
        senders = Senders(trial, receiver, shown, authority.ca_file)
        with senders.sending():
            while trial.left_s:
                _attack(trial, receiver)
        until(
            lambda: (
                receiver.status("Threads") <= calm_threads + 1
                and receiver.descriptors() <= calm_descriptors + _OF_THE_DATABASE
            ),
            within_s=75,
            what="threads and descriptors to come back",
        )
        _check(trial, receiver, senders)


def _attack(trial: Trial, receiver: Receiver) -> None:
    """Let three kinds of hostile peers come at once, from one address or another."""
    chosen = trial.random.sample(HOSTILES, 3)
    attacks = []
    for hostile in chosen:
        address, port = trial.random.choice(_ADDRESSES), trial.random.choice((receiver.port, receiver.tls_port))
        port = receiver.port if trial.random.random() < 0.7 else port
        randomness = random.Random(trial.random.random())
        attacks.append(
            threading.Thread(
                target=lambda h=hostile, a=address, p=port, r=randomness: trial.count(h.__name__, h(a, p, r))
            )
        )
    trial.say(", ".join(hostile.__name__ for hostile in chosen))
    for attack in attacks:
        attack.start()
    for attack in attacks:
        attack.join()


def _check(trial: Trial, receiver: Receiver, senders: Senders) -> None:
    trial.expect(receiver.process.poll() is None, "expected the receiver to live, found it ended")
    missing = senders.acknowledged - receiver.stored()
    trial.expect(not missing, f"expected all that was acknowledged in database and spool, found {len(missing)} missing")
    highest = receiver.status("VmHWM") / 1024
    trial.note("highest memory (MiB)", round(highest))
    trial.expect(highest < documented_mib(), f"expected at most {documented_mib()} MiB, found {highest:.0f}")
    if senders.waits:
        trial.note("median wait (s)", round(sorted(senders.waits)[len(senders.waits) // 2], 2))
    lines = (receiver.folder / "log").read_text(errors="replace").splitlines()
    trial.note("log lines", len(lines))
    most = _MOST_LOG_LINES_PER_MINUTE * max(1.0, trial.elapsed_s / 60)
    trial.expect(len(lines) <= most, f"expected at most {most:.0f} log lines, found {len(lines)}")
    trial.expect(not any("because of a bug" in line for line in lines), "expected no bug in the log, found one")


def documented_mib() -> int:
    """The memory that operators are told of."""
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
    found = re.search(r"The receiver takes at most (\d+) MiB", text)
    assert found is not None
    return int(found[1])


@contextmanager
def _receiver(folder: Path) -> Iterator[tuple[Receiver, Issued, Authority]]:
    authority = Authority(folder)
    own, shown = authority.issue("triaged"), authority.issue("ct1.hospital.example")
    port, tls_port = free_port(), free_port()
    tls = f"{{certificate: {own.certificate}, key: {own.key}, ca_file: {authority.ca_file}, port: {tls_port}}}"
    settings = folder / "config.yaml"
    settings.write_text(
        f"dicom: {{host: 127.0.0.1, port: {port}, tls: {tls}}}\n"
        "storage: {path: spool, reserve_mb: 0}\n"
        "database: {url: sqlite:///triaged.db}\n"
    )
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "receiver", "--config", str(settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    receiver = Receiver(process, port, tls_port, folder)
    try:
        until(lambda: _echoes(port), within_s=60, what="the receiver to answer")
        yield receiver, shown, authority
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _echoes(port: int) -> bool:
    command = ["echoscu", "127.0.0.1", str(port)]
    return subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, check=False).returncode == 0


def _alone(trial: Trial, folder: Path, _options: argparse.Namespace) -> None:
    peers(trial, folder)


if __name__ == "__main__":
    sys.exit(run_alone("peers", _alone))
