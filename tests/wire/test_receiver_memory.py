"""The memory of the receiver as a real process, whatever twenty senders do: the number in docs/architecture.md."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port
from tests.steps.test_beginnings import private
from tests.wire.peers import EXPLICIT, RawPeer, a_slice, dcmtk, eventually

DEFLATED = "1.2.840.10008.1.2.1.99"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MIB = 1024 * 1024
SENDERS = 20


def documented_mib() -> int:
    """The limit that operators are told of."""
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
    found = re.search(r"The receiver takes at most (\d+) MiB", text)
    assert found is not None
    return int(found[1])


def test_twenty_hostile_senders_do_not_take_the_memory(tmp_path: Path) -> None:
    with receiver_role(tmp_path) as (port, process):
        send_together(port, long_header(), EXPLICIT, SENDERS)
        send_together(port, bomb(), DEFLATED, SENDERS)
        send_together(port, many_items(), EXPLICIT, 3)
        assert dcmtk("echoscu", "127.0.0.1", port).returncode == 0
        assert memory_mib(process.pid, "VmHWM") < documented_mib()
        eventually(lambda: memory_mib(process.pid, "VmRSS") < documented_mib() * 3 / 4, "memory that is given back")


def memory_mib(process: int, which: str) -> float:
    """A figure of proc(5): `VmHWM` is the most that a process has had, `VmRSS` what it has now."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split(f"{which}:")[1].split()[0]) / 1024


def long_header() -> bytes:
    """A private element of 32 MiB before the pixels."""
    return a_slice(pixels=b"")[:-12] + private(32 * MIB)


def many_items() -> bytes:
    """A sequence of a million empty items."""
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    return sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * 1_000_000


def bomb() -> bytes:
    """A few kilobytes that inflate to 200 MiB."""
    deflating = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflating.compress(a_slice(pixels=b"")[:-12] + private(200 * MIB)) + deflating.flush()


def send_together(port: int, content: bytes, syntax: str, senders: int) -> None:
    """Send one instance from many senders at once; each is kept, or refused for now."""
    with ThreadPoolExecutor(senders) as pool:
        statuses = list(pool.map(lambda number: send(port, number, content, syntax), range(senders)))
    assert set(statuses) <= {0x0000, 0xA700}
    assert 0x0000 in statuses


def send(port: int, number: int, content: bytes, syntax: str) -> int:
    with RawPeer(port, [(CT_IMAGE, [syntax])], calling=f"HOSTILE{number}") as peer:
        if not peer.is_accepted:
            return 0xA700
        peer.socket.settimeout(120)
        return peer.store(content, fragment=100_000)


@contextmanager
def receiver_role(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The receiver as `triaged serve` starts it, with all associations for one address."""
    port = free_port()
    settings = folder / "config.yaml"
    settings.write_text(
        f"dicom: {{host: 127.0.0.1, port: {port}, max_associations: 27, max_associations_per_peer: {SENDERS}}}\n"
        "storage: {reserve_mb: 0}\n"
    )
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "receiver", "--config", str(settings)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: dcmtk("echoscu", "127.0.0.1", port).returncode == 0, "the receiver")
        yield port, process
    finally:
        process.kill()
        process.wait()
