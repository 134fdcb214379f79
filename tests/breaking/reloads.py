"""Edits the configuration of a running daemon again and again while senders store: nobody is aborted, nothing is lost.

Edits change other sections each time, are broken now and then, and are taken by the watched file or by SIGHUP. Beside
senders that open an association for each instance, one stays on a long association across several edits.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE
from ruamel.yaml import YAML

from tests.breaking.site import Site, wait_for
from tests.breaking.steady_senders import Senders
from tests.breaking.trial import Trial, run_alone
from tests.config.broken import some_ways
from tests.wire.peers import CT_IMAGE, EXPLICIT, a_slice
from triaged.dicom.part10 import file_meta

_READY_S = 120.0
_VERDICT_S = 400.0
_BROKEN_OF = 5
_ON_ONE_ASSOCIATION = 150

Edit = Callable[[dict[str, Any], int], None]


def _set(section: str, key: str, values: list[Any]) -> Edit:
    def edit(settings: dict[str, Any], number: int) -> None:
        settings.setdefault(section, {})[key] = values[number % len(values)]

    return edit


_EDITS: list[Edit] = [
    _set("dicom", "idle_timeout_s", [50, 55, 60, 65, 70]),
    _set("delivery", "longest_wait_s", [2, 3, 4, 5]),
    _set("triage", "repeat_sd_points", [1.1, 1.2, 1.3]),
    _set("logging", "level", ["INFO", "DEBUG"]),
    _set("completion", "quiet_s", [5, 6, 7]),
    _set("dicom", "max_associations", [20, 25, 30]),
    _set("dicom", "receivers", [1, 2, 3]),
    _set("web", "refresh_s", [5, 6, 7]),
    _set("storage", "reserve_mb", [1, 2, 3]),
]


class LongAssociation:
    """A sender that stores one instance after the other on one association, releases it, and opens the next."""

    def __init__(self, trial: Trial, folder: Path, port: int) -> None:
        self._trial, self._folder, self._port = trial, folder, port
        self._over = threading.Event()
        self.acknowledged: set[str] = set()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send until left; the association that is open then is sent to its end."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number = self._associate(number)

    def _associate(self, number: int) -> int:
        ae = AE("LONG")
        ae.add_requested_context(CT_IMAGE, EXPLICIT)
        association = ae.associate("127.0.0.1", self._port, bind_address=("127.0.0.8", 0))
        self._trial.expect(association.is_established, "expected a long association, found none")
        for _ in range(_ON_ONE_ASSOCIATION):
            if not association.is_established or self._over.is_set():
                break
            number += 1
            self._store(association, number)
            self._over.wait(0.2)
        self._trial.expect(not association.is_aborted, "expected a long association to last, found it aborted")
        self._trial.count("long associations")
        association.release()
        return number

    def _store(self, association: Any, number: int) -> None:
        uid = f"1.2.3.9.{number}"
        meta = file_meta(
            sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="LONG"
        )
        path = self._folder / "long.dcm"
        content = a_slice(number, study_uid="1.2.3.9").replace(f"1.2.3.4.{number}".encode(), uid.encode(), 1)
        path.write_bytes(meta + content)
        status = association.send_c_store(pydicom.dcmread(path)).get("Status")
        self._trial.expect(status == 0, f"expected {uid} to be taken, found status {status}")
        if status == 0:
            self.acknowledged.add(uid)


def reloads(trial: Trial, folder: Path, times: int) -> None:
    """Edit the configuration `times` times under senders, and see what became of each edit and of each instance."""
    site = Site(folder, trial.seed)
    (folder / "sent").mkdir()
    site.start()
    try:
        site.health.start()
        site.wait_ready(within_s=_READY_S)
        wait_for(lambda: verdicts(site), within_s=_READY_S, what="the first configuration to be kept")
        trial.begin()
        senders = Senders(trial, folder / "sent", site.dicom_port, within_s=_VERDICT_S)
        long = LongAssociation(trial, folder / "sent", site.dicom_port)
        with senders.sending(), long.sending():
            for number in range(times):
                if not trial.left_s:
                    break
                _edit(trial, site, number)
        trial.note("acknowledged instances", float(len(senders.acknowledged | long.acknowledged)))
        nothing_lost(trial, site, senders.acknowledged | long.acknowledged)
        _roles_lived(trial, site)
    finally:
        site.end()


def _edit(trial: Trial, site: Site, number: int) -> None:
    before, started = len(verdicts(site)), time.monotonic()
    is_broken = trial.random.randrange(_BROKEN_OF) == 0
    good = json.dumps(site.settings, indent=1)
    if is_broken:
        broken = trial.random.choice(some_ways(block_style(site.settings), trial.random, 60))
        site.config.write_bytes(trial.random.choice([broken.content, broken.content, b""]))
    else:
        trial.random.choice(_EDITS)(site.settings, number + 1)
        if json.dumps(site.settings, indent=1) == good:
            site.settings["web"]["refresh_s"] = 10 + number % 100
        site.write_config()
    if trial.random.randrange(2):
        os.kill(site.supervisor_pid(), signal.SIGHUP)
    try:
        wait_for(lambda: len(verdicts(site)) > before, within_s=_VERDICT_S, what="a verdict")
    except TimeoutError as error:
        trial.expect(False, f"edit {number}: {error}")
    verdict = (verdicts(site) or ["none"])[-1]
    expected = "rejected" if is_broken else "taken"
    trial.expect(verdict == expected, f"edit {number}: expected {expected}, found {verdict}")
    trial.count(f"edits {verdict}")
    trial.highest("longest until a verdict (s)", round(time.monotonic() - started, 1))
    trial.say(f"edit {number}: {verdict}")
    if is_broken:
        site.write_config()
        time.sleep(1)


def block_style(settings: dict[str, Any]) -> str:
    """Return settings with one key a line, as people write them."""
    written = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(settings, written)
    return written.getvalue()


def verdicts(site: Site) -> list[str]:
    """Return what became of each configuration that the daemon read."""
    with suppress(OSError):
        return [str(row[0]) for row in site.store.rows("SELECT verdict FROM configuration ORDER BY id")]
    return []


def nothing_lost(trial: Trial, site: Site, acknowledged: set[str]) -> None:
    """Compare what was acknowledged with rows and files."""
    rows = {str(uid): str(path) for uid, path in site.store.rows("SELECT sop_instance_uid, path FROM instance")}
    lost = [uid for uid in acknowledged if uid not in rows or not (site.spool / rows[uid]).is_file()]
    trial.note("acknowledged instances lost", float(len(lost)))
    trial.expect(not lost, f"expected every acknowledged instance, found {len(lost)} lost: {sorted(lost)[:5]}")


def _roles_lived(trial: Trial, site: Site) -> None:
    """No role died or hung: each ended because it was asked to."""
    log = site.log.read_text(errors="replace")
    trial.note("roles killed because they took long to end", float(log.count("did not end in time")))
    for words in ("role died", "role hangs", "Traceback"):
        trial.note(f"log lines with {words!r}", float(log.count(words)))
        trial.expect(words not in log, f"expected no {words!r} in the log, found {log.count(words)}: {site.log}")
    trial.note("receivers that handed over", float(len(re.findall(r"role started .*role=receiver(-\d+)?\.", log))))


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--times", type=int, default=100, help="how many edits (default: %(default)s)")


def _alone(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    reloads(trial, folder, options.times)


if __name__ == "__main__":
    sys.exit(run_alone("reloads", _alone, minutes=40, more_options=_options))
