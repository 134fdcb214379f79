"""Seconds from the last slice to the new order, and the worker's memory.

`python -m tests.bench.flow [--per-second N] [ENGINE [SECOND ...]]`. One generated CT of 300 slices of 512 x 512 pixels
goes by DCMTK's storescu to a whole daemon. The peer in the same run is DCMTK's storescp, which only keeps what it gets:
the ratio says how many times as long as its receiving the whole way to the order takes. With second engines it also
tells what each needs afterwards. With `--per-second` the slices come at that rate on one association, as scanners send
them. Other machines and loads move the seconds; compare ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

from numpy.typing import NDArray
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from tests.ports import free_port
from tests.programs import Daemon, new_daemon, storescu, until
from tests.wire.peers import DCMTK_ENVIRONMENT
from triaged.imaging.geometry import Scalar
from triaged.lab.phantom.dicom_writer import write_study
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom, PhantomOptions

SLICES, MATRIX = 300, 512


def main() -> None:
    """Print the seconds of each part, the ratio and the memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-second", type=float, default=0.0, metavar="N")
    parser.add_argument("engines", nargs="*", default=["ct-open"])
    options = parser.parse_args()
    engine, *seconds = options.engines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = folder / "study"
        write_study(enlarged(generate(PhantomOptions(5, severity="moderate", matrix=256, pixel_mm=1.4))), study)
        files = len(list(study.iterdir()))
        theirs = storescp_seconds(folder, study)
        found = daemon_flow(folder, study, engine, seconds, options.per_second)
    read = "".join(f"; then {name} in {seconds_s:.1f} s" for name, seconds_s in found.seconds_s)
    sys.stdout.write(
        f"{files} instances of {MATRIX} x {MATRIX}, engine {engine}: storescp receives in {theirs:.1f} s; "
        f"ours receives in {found.received_s:.1f} s and has the new order {found.ordered_s:.1f} s after the last slice "
        f"(ratio to storescp {(found.received_s + found.ordered_s) / theirs:.1f}), its objects {found.drawn_s:.1f} s "
        "after that; "
        f"worker's peak resident memory {found.peak_mib:.0f} MiB{read}\n"
    )


def enlarged(phantom: Phantom) -> Phantom:
    """Return a phantom drawn coarsely as a study of the wanted size; textures repeat, sizes in mm stay."""
    along = -(-SLICES // phantom.voxels_hu.shape[0])
    across = MATRIX // phantom.voxels_hu.shape[1]

    def grow(voxels: NDArray[Scalar]) -> NDArray[Scalar]:
        return voxels.repeat(along, 0).repeat(across, 1).repeat(across, 2)[:SLICES]

    spacing = phantom.spacing_mm
    return dataclasses.replace(
        phantom,
        voxels_hu=grow(phantom.voxels_hu),
        spacing_mm=(spacing[0] / along, spacing[1] / across, spacing[2] / across),
        right_lung=grow(phantom.right_lung),
        left_lung=grow(phantom.left_lung),
        lesion=grow(phantom.lesion),
        other=grow(phantom.other),
    )


def storescp_seconds(folder: Path, study: Path) -> float:
    """Return how long DCMTK's storescp takes to receive the study."""
    port, kept = free_port(), folder / "storescp"
    kept.mkdir()
    server = subprocess.Popen(["storescp", "--fork", "-B", "-od", str(kept), str(port)], env=DCMTK_ENVIRONMENT)
    try:
        wait_for(port)
        started = time.perf_counter()
        storescu("127.0.0.1", port, "STORESCP", study)
        return time.perf_counter() - started
    finally:
        server.terminate()
        server.wait()


@dataclasses.dataclass(frozen=True)
class Flow:
    """Seconds to receive, from the last slice to the order, and from there until the objects are kept.

    `peak_mib` is the worker's peak memory in MiB. `seconds_s` is what each second engine took, from the order or the
    engine before it to its own result.
    """

    received_s: float
    ordered_s: float
    drawn_s: float
    peak_mib: float
    seconds_s: Sequence[tuple[str, float]]


def daemon_flow(folder: Path, study: Path, engine: str, seconds: Sequence[str], per_second: float) -> Flow:
    """Send the study to a daemon of its own, and wait until every engine has read it."""
    daemon = new_daemon(folder / "daemon", models={"ct": engine, "second": list(seconds)}, completion={})
    daemon.start()
    try:
        until(lambda: "all roles serve" in daemon.log.read_text(), within_s=300, what="all roles serve")
        worker = daemon.role_pid("worker")
        started = time.perf_counter()
        if per_second:
            paced(daemon.dicom_port, study, per_second)
        else:
            storescu("127.0.0.1", daemon.dicom_port, "TRIAGED", study)
        last_slice = time.perf_counter()
        until(lambda: rows(daemon, "SELECT id, at FROM result"), within_s=300, what="a result is in force")
        ordered = time.perf_counter()
        daemon.settled(studies=1, within_s=300)
        drawn = time.perf_counter()
        status = Path(f"/proc/{worker}/status").read_text()
        read = _read_by_seconds(daemon, len(seconds))
    finally:
        daemon.stop()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    return Flow(last_slice - started, ordered - last_slice, drawn - ordered, int(peak[1]) / 1024, read)


def paced(port: int, study: Path, per_second: float) -> None:
    """Store a study slice by slice at a rate, on one association."""
    ae = AE("SCANNER")
    ae.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", port, ae_title="TRIAGED")
    began = time.perf_counter()
    for number, path in enumerate(sorted(study.iterdir())):
        time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        assert association.send_c_store(path).Status == 0
    association.release()


def rows(daemon: Daemon, query: str) -> list[tuple[str, str]]:
    """Return what the daemon's store answers."""
    with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as connection:
        return connection.execute(query).fetchall()


def _read_by_seconds(daemon: Daemon, count: int) -> list[tuple[str, float]]:
    read = "SELECT name, at FROM second_result WHERE state = 'READ' ORDER BY at"
    until(lambda: len(rows(daemon, read)) == count, within_s=300, what="second engines have read")
    ends = [("", datetime.fromisoformat(at)) for _, at in rows(daemon, "SELECT '', at FROM result")]
    ends += [(name, datetime.fromisoformat(at)) for name, at in rows(daemon, read)]
    return [(name, (end - before).total_seconds()) for (_, before), (name, end) in itertools.pairwise(ends)]


def wait_for(port: int) -> None:
    """Return once somebody listens on a port of this machine."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nobody listens on port {port}")


if __name__ == "__main__":
    main()
