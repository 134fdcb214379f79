"""Seconds from the last byte of a chest X-ray to the new order.

`python -m tests.bench.xrays [ENGINE [COUNT]]`. Generated radiographs of 2560 x 2560 pixels of 12 bits go one by one, by
DCMTK's storescu, to a whole daemon, each after the one before is on the list. The peer in the same run is DCMTK's
storescp, which only keeps what it gets. `settle_s` is part of the seconds: it is told beside them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.bench.flow import wait_for
from tests.ports import free_port
from tests.programs import Daemon, new_daemon, storescu, until
from tests.wire.peers import DCMTK_ENVIRONMENT
from triaged.exams.xray.squares import resampled
from triaged.lab.radiographs.dicom_writer import Writing, write_radiograph
from triaged.lab.radiographs.generated import draw_illness, generated_chest
from triaged.lab.radiographs.make import radiograph

SIDE, SETTLE_S = 2560, 1.0
SEED = 940_000


def main() -> None:
    """Print median and 95th percentile, and the ratio to storescp."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "cxr-open"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        studies = written(folder, count)
        theirs = storescp_seconds(folder, studies)
        ours = daemon_seconds(folder, studies, engine)
    high = sorted(ours)[max(0, round(0.95 * count) - 1)]
    middle = statistics.median(ours)
    sys.stdout.write(
        f"{count} X-rays of {SIDE} x {SIDE}, engine {engine}: last byte to order {middle:.2f} s (median), {high:.2f} s "
        f"(95th percentile), of which settle_s {SETTLE_S:g} s; storescp takes {statistics.median(theirs):.2f} s to "
        f"receive one (ratio {middle / statistics.median(theirs):.1f})\n"
    )


def written(folder: Path, count: int) -> list[Path]:
    """Return a folder for each X-ray: views of one generated chest, each as a study of its own."""
    chest = generated_chest(draw_illness(SEED))
    pictures = [
        radiograph(chest, number, 640).image.astype(np.float32) / np.float32(65535) for number in range(min(count, 4))
    ]
    folders = []
    for number in range(count):
        grey = resampled(pictures[number % len(pictures)], (SIDE, SIDE))
        study = folder / f"study-{number}"
        study.mkdir()
        write_radiograph(grey, study / "xray.dcm", Writing(key=f"xray {number}", patient_id=f"X{number}"))
        folders.append(study)
    return folders


def storescp_seconds(folder: Path, studies: list[Path]) -> list[float]:
    """Return how long DCMTK's storescp takes to receive each."""
    port, kept = free_port(), folder / "storescp"
    kept.mkdir()
    server = subprocess.Popen(["storescp", "--fork", "-B", "-od", str(kept), str(port)], env=DCMTK_ENVIRONMENT)
    try:
        wait_for(port)
        return [_timed(port, "STORESCP", study) for study in studies]
    finally:
        server.terminate()
        server.wait()


def daemon_seconds(folder: Path, studies: list[Path], engine: str) -> list[float]:
    """Return how long after its last byte each is on the list with its result."""
    completion = {"settle_s": SETTLE_S, "quiet_s": 5}
    daemon = new_daemon(folder / "daemon", models={"ct": "threshold", "cxr": engine}, completion=completion)
    daemon.start()
    try:
        until(lambda: "all roles serve" in daemon.log.read_text(), within_s=300, what="all roles serve")
        return [_ordered(daemon, study, number) for number, study in enumerate(studies, start=1)]
    finally:
        daemon.stop()


def _ordered(daemon: Daemon, study: Path, number: int) -> float:
    storescu("127.0.0.1", daemon.dicom_port, "TRIAGED", study)
    last_byte = time.perf_counter()
    daemon.settled(studies=number, within_s=120)
    return time.perf_counter() - last_byte


def _timed(port: int, ae_title: str, study: Path) -> float:
    started = time.perf_counter()
    storescu("127.0.0.1", port, ae_title, study)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
