"""Seconds from the last slice to the new order, and the worker's memory: `python -m tests.bench.flow [ENGINE]`.

One generated CT of 300 slices of 512 x 512 pixels goes by DCMTK's storescu to a whole daemon. The peer in the same run
is DCMTK's storescp, which only keeps what it gets: the ratio says how many times as long as its receiving the whole way
to the order takes. Other machines and loads move the seconds; compare ratios.
"""

from __future__ import annotations

import dataclasses
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from numpy.typing import NDArray

from tests.ports import free_port
from tests.programs import Daemon, storescu
from tests.wire.peers import DCMTK_ENVIRONMENT
from triaged.imaging.geometry import Scalar
from triaged.lab.phantom.dicom_writer import write_study
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom, PhantomOptions

SLICES, MATRIX = 300, 512


def main() -> None:
    """Print the seconds of each part, the ratio and the memory."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "ct-open"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = folder / "study"
        write_study(enlarged(generate(PhantomOptions(5, severity="moderate", matrix=256, pixel_mm=1.4))), study)
        files = len(list(study.iterdir()))
        theirs = storescp_seconds(folder, study)
        received, ordered, peak_mib = daemon_seconds(folder, study, engine)
    sys.stdout.write(
        f"{files} instances of {MATRIX} x {MATRIX}, engine {engine}: storescp receives in {theirs:.1f} s; "
        f"ours receives in {received:.1f} s and has the new order {ordered:.1f} s after the last slice "
        f"(ratio to storescp {(received + ordered) / theirs:.1f}); worker's peak resident memory {peak_mib:.0f} MiB\n"
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
        _wait_for(port)
        started = time.perf_counter()
        storescu("127.0.0.1", port, "STORESCP", study)
        return time.perf_counter() - started
    finally:
        server.terminate()
        server.wait()


def daemon_seconds(folder: Path, study: Path, engine: str) -> tuple[float, float, float]:
    """Return seconds to receive, seconds from the last slice to the order, and the worker's peak memory in MiB."""
    home = folder / "daemon"
    home.mkdir()
    dicom_port, web_port = free_port(), free_port()
    settings = {
        "dicom": {"host": "127.0.0.1", "port": dicom_port},
        "web": {"host": "127.0.0.1", "port": web_port},
        "storage": {"reserve_mb": 10},
        "models": {"ct": engine},
    }
    daemon = Daemon(home, dicom_port, web_port, settings)
    daemon.start()
    try:
        worker = daemon.role_pid("worker")
        started = time.perf_counter()
        storescu("127.0.0.1", dicom_port, "TRIAGED", study)
        last_slice = time.perf_counter()
        daemon.settled(studies=1, within_s=300)
        ordered = time.perf_counter()
        status = Path(f"/proc/{worker}/status").read_text()
    finally:
        daemon.stop()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    return last_slice - started, ordered - last_slice, int(peak[1]) / 1024


def _wait_for(port: int) -> None:
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
