"""A study that does not fit into the memory of its worker ends with that reason, and costs no other study anything."""

from __future__ import annotations

import random
import re
import resource
import sys
from pathlib import Path

from tests.breaking.inputs_daemon import store
from tests.breaking.ledger import Ledger
from tests.breaking.senders import Address, Storescu
from tests.breaking.small_scans import ROOT, SETTINGS, large_slices, small_study
from tests.programs import Daemon, new_daemon
from tests.wire.peers import CT_IMAGE, RawPeer

DEFLATED = "1.2.840.10008.1.2.1.99"
MORE_MIB = 160
"""So much more than a worker holds after its start: the small study fits from 130 on, the large not with 250."""


def test_a_study_that_does_not_fit_into_a_worker_fails_with_that_reason_and_no_other_does(tmp_path: Path) -> None:
    daemon = new_daemon(tmp_path / "daemon", **SETTINGS, completion={"settle_s": 0.5, "quiet_s": 2})
    daemon.start()
    try:
        limit_workers(daemon)
        with RawPeer(daemon.dicom_port, [(CT_IMAGE, (DEFLATED,))]) as peer:
            assert {store(peer, 1, *each) for each in large_slices(77, 200)} == {0}
        ledger, sender = Ledger(), Storescu(random.Random(7), killed_of=sys.maxsize)
        sender.send(small_study(5, tmp_path / "sound").instances, Address(daemon.dicom_port), ledger)
        settled = daemon.settled(studies=2, within_s=240)  # after each end of a worker the pause is longer
        found = {each["study_instance_uid"]: each for each in settled}
    finally:
        daemon.stop()
    large, sound = found[f"{ROOT}.77"], found[f"{ROOT}.5"]
    assert large["state"] == "FAILED"
    assert "expected a study that fits into a worker's memory, found 200 images that do not" in large["reason"]
    assert (sound["state"], sound["class"]) == ("TRIAGED", "D")
    log = daemon.log.read_text()
    assert "no memory for a study, ending the worker" in log
    assert "Traceback" not in log


def limit_workers(daemon: Daemon) -> None:
    """Give the present worker, and by way of the supervisor all later ones, less memory than they would take."""
    assert daemon.process is not None
    worker = daemon.role_pid("worker")
    (held,) = re.findall(r"VmData:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    most = int(held) * 1024 + MORE_MIB * 2**20
    for pid in (daemon.process.pid, worker):
        _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
        resource.prlimit(pid, resource.RLIMIT_DATA, (most, hard))
