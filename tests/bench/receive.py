"""How fast instances are received, against DCMTK's storescp in the same run: `-m tests.bench.receive [INSTANCES]`.

Compare the ratios: absolute figures move with the load of the machine. storescp writes without fsync and without a
ledger; ours acknowledges what is durable and in the store.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, a_slice, receiver_process
from triaged.dicom.part10 import file_meta
from triaged.store.tables.database import migrate, open_database

_PIXELS = os.urandom(512 * 512 * 2)


def main() -> None:
    """Print instances per second of both, for one client and for four."""
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for clients in (1, 4):
        with tempfile.TemporaryDirectory() as folder:
            shares = [_series(Path(folder) / f"series{k}", k, instances // clients) for k in range(clients)]
            with _storescp(Path(folder) / "dcmtk") as port:
                theirs = _rate(shares, port)
            with _ours(Path(folder)) as port:
                ours = _rate(shares, port)
        sys.stdout.write(
            f"storescu x{clients}: ours {ours:.0f}/s, storescp --fork -B {theirs:.0f}/s, ratio {ours / theirs:.2f}\n"
        )


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
        paths[-1].write_bytes(meta + a_slice(k, study_uid=f"1.2.3.{number}", pixels=_PIXELS))
    return paths


def _rate(shares: list[list[Path]], port: int) -> float:
    """Send every share from a client of its own, all at once; the first instance warms the receiver up."""
    _client(shares[0][:1], port).wait()
    started = time.perf_counter()
    for client in [_client(share, port) for share in shares]:
        if client.wait() != 0:
            raise SystemExit("storescu failed")
    return sum(map(len, shares)) / (time.perf_counter() - started)


def _client(paths: list[Path], port: int) -> subprocess.Popen[bytes]:
    command = ["storescu", "-R", "--max-send-pdu", "131072", "127.0.0.1", str(port), *map(str, paths)]
    return subprocess.Popen(command, env=DCMTK_ENVIRONMENT)


@contextmanager
def _ours(folder: Path) -> Iterator[int]:
    url = f"sqlite:///{folder}/triaged.db"
    database = open_database(url)
    migrate(database)
    database.close()
    with receiver_process(folder, url) as (ours, _):
        yield ours.port


@contextmanager
def _storescp(folder: Path) -> Iterator[int]:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = ["storescp", "--fork", "-B", "--max-pdu", "131072", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, env=DCMTK_ENVIRONMENT)
    try:
        while subprocess.run(["echoscu", "127.0.0.1", str(port)], env=DCMTK_ENVIRONMENT, check=False).returncode:
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
