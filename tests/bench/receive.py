"""How fast instances are received, against Orthanc and DCMTK's storescp: `python -m tests.bench.receive 400 --runs 5`.

Each run sends the same instances to all three, one after the other, from one client and from four. Compare the ratios:
absolute figures move with the load of the machine; the CPU time that an instance takes moves least. Ours acknowledges
what is durable and in the store. Orthanc syncs its files too, and its index at times; storescp syncs nothing.

With `--receivers 2` and `--postgresql` our receivers are compared with each other instead, as `triaged serve` starts
them: one and two, on SQLite and on PostgreSQL, whose CPU time is counted too.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from struct import pack

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as Items

from tests.bench.serving import serving_receivers
from tests.breaking.postgres_server import PostgresServer, postgres_server
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, orthanc_process, receiver_process
from triaged.dicom.part10 import file_meta
from triaged.store.tables.database import migrate, open_database

_PIXELS = os.urandom(512 * 512 * 2)
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Figure:
    """Instances per second, and the CPU time that one took, in milliseconds."""

    rate: float
    cpu_ms: float


Contender = Callable[[Path], AbstractContextManager[tuple[int, Callable[[], Sequence[int]]]]]
"""Starts a receiver in a folder that is there; gives its port, and what tells the processes that work for it."""


def main() -> None:
    """Print the medians of all runs, for one client and for four."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.receive")
    parser.add_argument("instances", nargs="?", type=int, default=100, help="how many are sent in each run")
    parser.add_argument("--runs", type=int, default=1, help="how often everything is sent")
    parser.add_argument("--receivers", type=int, default=1, help="compare one with so many")
    parser.add_argument("--postgresql", action="store_true", help="compare PostgreSQL with SQLite")
    parser.add_argument("--clients", type=int, nargs="*", default=(1, 4), help="how many send at once")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="below which everything is written")
    options = parser.parse_args()
    with ExitStack() as stack:
        contenders: dict[str, Contender] = {"ours": _ours, "Orthanc": _orthanc, "storescp": _storescp}
        if options.receivers > 1 or options.postgresql:
            server = stack.enter_context(postgres_server(options.folder)) if options.postgresql else None
            contenders = _our_own(sorted({1, options.receivers}), server)
        for clients in options.clients:
            runs = [_run(contenders, clients, options.instances, options.folder) for _ in range(options.runs)]
            _say(runs, clients)


def _our_own(numbers: Sequence[int], server: PostgresServer | None) -> dict[str, Contender]:
    on_sqlite: dict[str, Contender] = {f"{each} on SQLite": partial(_serving, each, None) for each in numbers}
    if server is None:
        return on_sqlite
    return on_sqlite | {f"{each} on PostgreSQL": partial(_serving, each, server) for each in numbers}


def _say(runs: Sequence[Mapping[str, Figure]], clients: int) -> None:
    found = {name: [run[name] for run in runs] for name in runs[0]}
    words = [
        f"{name} {median(each.rate for each in figures):.0f}/s {median(each.cpu_ms for each in figures):.1f} ms CPU"
        for name, figures in found.items()
    ]
    first, *others = found
    ratios = [f"{median(run[first].rate / run[name].rate for run in runs):.2f} of {name}" for name in others]
    load = os.getloadavg()[0]
    sys.stdout.write(f"storescu x{clients}: {', '.join(words)}; {first} is {', '.join(ratios)}; load {load:.0f}\n")
    sys.stdout.flush()


def _run(contenders: Mapping[str, Contender], clients: int, instances: int, parent: Path) -> dict[str, Figure]:
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        shares = [_series(folder / f"series{k}", k, instances // clients) for k in range(clients)]
        figures = {}
        for number, (each, start) in enumerate(contenders.items()):
            (own := folder / str(number)).mkdir()
            with start(own) as (port, processes):
                figures[each] = _measured(shares, port, processes)
    return figures


def _series(folder: Path, number: int, count: int) -> list[Path]:
    folder.mkdir()
    paths = []
    for k in range(number * 10_000 + 1, number * 10_000 + 1 + count):
        meta = file_meta(
            sop_class_uid=CT_IMAGE,
            sop_instance_uid=f"1.2.3.4.{k}",
            transfer_syntax_uid=EXPLICIT,
            source_ae_title="BENCH",
        )
        paths.append(folder / f"{k}.dcm")
        paths[-1].write_bytes(meta + _slice(k, f"1.2.3.{number}"))
    return paths


def _slice(number: int, study_uid: str) -> bytes:
    """Return a slice with a header as scanners write it: a hundred elements, and sequences of undefined length."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT_IMAGE, f"1.2.3.4.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study_uid, f"{study_uid}.4"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Roe^Jane", "P-1", "CT"
    dataset.ImagePositionPatient = [-180, -170.5, 1.25 * (number % 1000)]
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.7, 0.7]
    dataset.Rows, dataset.Columns, dataset.InstanceNumber, dataset.SliceThickness = 512, 512, number % 1000, 1.25
    referenced = Dataset()
    referenced.ReferencedSOPClassUID, referenced.ReferencedSOPInstanceUID = CT_IMAGE, "1.2.3.4.5"
    referenced.is_undefined_length_sequence_item = True
    for keyword in ("ReferencedImageSequence", "SourceImageSequence", "ReferencedStudySequence"):
        setattr(dataset, keyword, Items([referenced, referenced]))
        dataset[keyword].is_undefined_length = True
    dataset.add_new(0x00190010, "LO", "PRIVATE")
    for element in range(0x00191001, 0x00191001 + 80):
        dataset.add_new(element, "DS", "1.25")
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, dataset)
    return stream.getvalue() + pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, len(_PIXELS)) + _PIXELS


def _measured(shares: Sequence[list[Path]], port: int, processes: Callable[[], Sequence[int]]) -> Figure:
    """Send every share from a client of its own, all at once; the first instance warms the receiver up."""
    for _ in range(4):
        _client(shares[0][:1], port).wait()
    spent_s, started = sum(map(_cpu_s, processes())), time.perf_counter()
    for client in [_client(share, port) for share in shares]:
        if client.wait() != 0:
            raise SystemExit("storescu failed")
    took_s, count = time.perf_counter() - started, sum(map(len, shares))
    return Figure(count / took_s, 1000 * (sum(map(_cpu_s, processes())) - spent_s) / count)


def _cpu_s(process: int) -> float:
    """Return the CPU time of a process and of its children that have ended, user and system."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS_PER_S


def _client(paths: list[Path], port: int) -> subprocess.Popen[bytes]:
    command = ["storescu", "-R", "--max-send-pdu", "131072", "127.0.0.1", str(port), *map(str, paths)]
    return subprocess.Popen(command, env=DCMTK_ENVIRONMENT)


@contextmanager
def _ours(folder: Path) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
    url = f"sqlite:///{folder}/triaged.db"
    database = open_database(url)
    migrate(database)
    database.close()
    with receiver_process(folder, url) as (ours, process):
        yield ours.port, lambda: [process.pid]


@contextmanager
def _serving(
    receivers: int, server: PostgresServer | None, folder: Path
) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
    url = "sqlite:///triaged.db" if server is None else server.new_database(f"bench_{next(_numbers)}")
    with serving_receivers(folder, url, receivers) as (port, pids):
        yield port, lambda: [*pids(), *([] if server is None else server.pids())]


@contextmanager
def _orthanc(folder: Path) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
    with orthanc_process(folder, {"DicomCheckCalledAet": False, "MaximumPduLength": 131072}) as there:
        yield there.dicom_port, lambda: [there.process_id]


@contextmanager
def _storescp(folder: Path) -> Iterator[tuple[int, Callable[[], Sequence[int]]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["storescp", "--fork", "-B", "--max-pdu", "131072", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, env=DCMTK_ENVIRONMENT)
    try:
        while subprocess.run(["echoscu", "127.0.0.1", str(port)], env=DCMTK_ENVIRONMENT, check=False).returncode:
            time.sleep(0.05)
        yield port, lambda: [process.pid]
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
