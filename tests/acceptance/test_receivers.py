"""A whole daemon with several receivers on its port, under DCMTK's senders: one is killed, and their number changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.ports import free_port
from tests.programs import Daemon, until
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, RawPeer, a_slice
from triaged.daemon.alive_file import problem_of
from triaged.dicom.part10 import file_meta
from triaged.store.tables.database import open_database
from triaged.study.process import stable_part

MakeDaemon = Callable[..., Daemon]
_SENDERS, _SLICES = 4, 80
_RECEIVER_ENDED = r"role ended +.*role=receiver"
_PIXELS = b"\0\1" * 200_000


@dataclass
class Sending:
    """One of DCMTK's storescu, and what it sends."""

    process: subprocess.Popen[bytes]
    files: Sequence[Path]
    log: Path

    def acknowledged(self) -> set[str]:
        """The instances whose reception it was told of: its lines name a file and then the answer."""
        said = re.findall(r"Sending file: (\S+)|Received Store Response \((\w+)", self.log.read_text(errors="replace"))
        return {Path(name).stem for (name, _), (_, answer) in pairwise(said) if name and answer == "Success"}


@dataclass
class Site:
    """A daemon, its database, and what was made to be sent to it."""

    daemon: Daemon
    url: str
    folder: Path

    def rows(self, query: str) -> list[dict[str, Any]]:
        database = open_database(self.url)
        try:
            with database.read() as connection:
                return [dict(row) for row in connection.execute(text(query)).mappings()]
        finally:
            database.close()

    def delivering(self) -> set[str]:
        """Return which receivers have an association open that has brought something."""
        query = "SELECT receiver FROM association JOIN association_study ON association_id = id WHERE closed_at IS NULL"
        return {stable_part(row["receiver"]).partition("@")[0] for row in self.rows(query)}

    def pid(self, name: str) -> int:
        """Return the process that was started last under a name."""
        return int(re.findall(rf"role started +.*pid=(\d+) role={re.escape(name)}$", self.log(), re.MULTILINE)[-1])

    def times(self, words: str) -> int:
        return len(re.findall(words, self.log()))

    def send(self, files: Sequence[Path]) -> Sending:
        log = self.folder / f"sender-{len(list(self.folder.glob('sender-*')))}"
        command = ["storescu", "-v", "-R", "127.0.0.1", str(self.daemon.dicom_port), *map(str, files)]
        with log.open("wb") as output:
            return Sending(subprocess.Popen(command, env=DCMTK_ENVIRONMENT, stdout=output, stderr=output), files, log)

    def configure(self, **dicom: Any) -> None:
        self.daemon.reconfigure({"dicom": self.daemon.settings["dicom"] | dicom})

    def log(self) -> str:
        return self.daemon.log.read_text(errors="replace")


def _content(study: int, number: int) -> bytes:
    return a_slice(1000 * study + number, study_uid=f"1.2.3.{study}", pixels=_PIXELS)


def _slice(folder: Path, study: int, number: int) -> Path:
    uid = f"1.2.3.4.{1000 * study + number}"
    meta = file_meta(
        sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="STORESCU"
    )
    path = folder / f"{uid}.dcm"
    path.write_bytes(meta + _content(study, number))
    return path


def _site(make_daemon: MakeDaemon, url: str, folder: Path, **dicom: Any) -> Site:
    site = Site(make_daemon(database={"url": url}, models={"ct": "threshold"}), url, folder)
    site.configure(**dicom)
    site.daemon.start()
    until(lambda: site.times("all roles serve") == 1, within_s=120, what="all roles serve")
    return site


def _nothing_lost(site: Site, acknowledged: set[str]) -> None:
    """Every instance has a row and a file, with the bytes that were sent."""
    rows = {row["sop_instance_uid"]: row for row in site.rows("SELECT sop_instance_uid, path, sha256 FROM instance")}
    assert acknowledged <= rows.keys()
    for uid in acknowledged:
        study, number = divmod(int(uid.rpartition(".")[2]), 1000)
        assert rows[uid]["sha256"] == hashlib.sha256(_content(study, number)).hexdigest()
        assert (site.daemon.folder / "var/spool" / rows[uid]["path"]).is_file()


def test_one_of_two_receivers_is_killed_and_the_other_goes_on_and_nothing_is_lost(
    make_daemon: MakeDaemon, database_url: str, tmp_path: Path
) -> None:
    site = _site(make_daemon, database_url, tmp_path, receivers=2)
    victim = "receiver-1"
    first = site.pid(victim)
    studies = [[_slice(tmp_path, study, number) for number in range(_SLICES)] for study in range(_SENDERS)]
    senders = [site.send(files) for files in studies]
    until(lambda: len(site.delivering()) == 2, within_s=60, what=f"both receive\n{site.daemon.tail()}")
    os.kill(first, signal.SIGKILL)
    codes = [each.process.wait(120) for each in senders]
    assert 0 in codes, "the other one went on"
    assert any(codes), "the one that was killed had a sender"
    acknowledged = set().union(*(each.acknowledged() for each in senders))
    assert _SLICES <= len(acknowledged) < _SLICES * _SENDERS
    _nothing_lost(site, acknowledged)

    cut_off = [each for each, code in zip(senders, codes, strict=True) if code]
    assert [site.send(each.files).process.wait(120) for each in cut_off] == [0] * len(cut_off)
    until(lambda: site.pid(victim) != first, within_s=30, what="another in its place")
    until(lambda: site.times(rf"receiving  .*role={victim}") == 2, within_s=60, what="it receives")
    peers: list[RawPeer] = []

    def both_serve() -> bool:
        if len(peers) < 8:
            peers.append(RawPeer(site.daemon.dicom_port))
            assert peers[-1].store(_content(0, 900 + len(peers)), sop_instance_uid="1.2.3.4.1") == 0x0000
        return site.delivering() == {"receiver-1", "receiver-2"}

    until(both_serve, within_s=30, what="both serve")
    for each in peers:
        each.socket.close()
    site.daemon.settled(studies=_SENDERS, within_s=180)
    assert not site.rows("SELECT id FROM association WHERE closed_at IS NULL")
    _nothing_lost(site, {path.stem for each in senders for path in each.files})
    assert site.daemon.stop() == 0


def test_the_role_alone_is_all_of_them_and_ends_with_the_last_association(sqlite_url: str, tmp_path: Path) -> None:
    port, alive = free_port(), tmp_path / "alive"
    settings = {"dicom": {"host": "127.0.0.1", "port": port, "receivers": 2}, "database": {"url": sqlite_url}}
    (tmp_path / "config.yaml").write_text(json.dumps(settings | {"storage": {"reserve_mb": 0}}))
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "receiver", "--alive-file", str(alive)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--name", "ct"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        serves = partial(problem_of, alive, must_serve=True)
        until(lambda: not serves(monotonic_s=time.monotonic()), within_s=120, what="both serve")
        said = (tmp_path / "log").read_text()
        assert {each for each in ("role=ct-1", "role=ct-2") if each in said} == {"role=ct-1", "role=ct-2"}
        with RawPeer(port) as long:
            assert long.store(_content(1, 1), sop_instance_uid="1.2.3.4.1001") == 0x0000
            process.send_signal(signal.SIGUSR1)
            until(lambda: not _is_listened_on(port), within_s=30, what="nobody is accepted any more")
            assert long.store(_content(1, 2), sop_instance_uid="1.2.3.4.1002") == 0x0000
            assert process.poll() is None
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def _is_listened_on(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_receivers_become_more_and_fewer_while_senders_store_and_nobody_is_refused(
    make_daemon: MakeDaemon, sqlite_url: str, tmp_path: Path
) -> None:
    site = _site(make_daemon, sqlite_url, tmp_path)
    numbers, sent = count(), set[str]()

    def store_one(long: RawPeer) -> None:
        """Store one instance on an association of its own, and one on that which stays."""
        number = next(numbers)
        short, uid = site.send([_slice(tmp_path, 1, number)]), f"1.2.3.4.{2000 + number}"
        assert short.process.wait(60) == 0, f"{short.log.read_text()}\n{site.daemon.tail()}"
        assert short.acknowledged() == {short.files[0].stem}
        assert long.store(_content(2, number), sop_instance_uid=uid) == 0x0000
        sent.update({short.files[0].stem, uid})

    with RawPeer(site.daemon.dicom_port, calling="LONG") as long:
        for receivers, ended in ((3, 0), (1, 3)):
            site.configure(receivers=receivers)

            def is_over(receivers: int = receivers, ended: int = ended) -> bool:
                store_one(long)
                taken = re.search(rf"configuration taken .*dicom.receivers: \d → {receivers}", site.log())
                return taken is not None and site.times(_RECEIVER_ENDED) == ended

            until(is_over, within_s=180, what=f"{receivers} receivers\n{site.daemon.tail()}")
    until(lambda: site.times(_RECEIVER_ENDED) == 4, within_s=30, what="the first receiver ends")
    _nothing_lost(site, sent)
    for words in ("role died", "role hangs", "Traceback", "how=aborted", "association rejected"):
        assert words not in site.log()
    assert site.daemon.stop() == 0
