"""The short form of `power`, and that its disk forgets what was not synced."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.breaking.power import power
from tests.breaking.traced_disk import TracedDisk, calls_of
from tests.breaking.trial import Trial


def _hex(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def _disk(tmp_path: Path, *lines: str) -> TracedDisk:
    trace = tmp_path / "trace"
    trace.write_text("".join(f"1 {line}\n" for line in lines))
    disk = TracedDisk(Path("/watched"))
    for call in calls_of(trace):
        disk.apply(call)
    return disk


OPEN = f'openat(AT_FDCWD<{_hex("/watched")}>, "{_hex("one")}", O_WRONLY|O_CREAT, 0666) = 5<{_hex("/watched/one")}>'
WRITE = f'write(5<{_hex("/watched/one")}>, "{_hex("abc")}", 3) = 3'
SYNC = f"fsync(5<{_hex('/watched/one')}>) = 0"
OPEN_FOLDER = f'openat(AT_FDCWD<{_hex("/")}>, "{_hex("/watched")}", O_RDONLY) = 6<{_hex("/watched")}>'
SYNC_FOLDER = f"fsync(6<{_hex('/watched')}>) = 0"


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ([OPEN, WRITE], {}),
        ([OPEN, WRITE, SYNC], {}),
        ([OPEN, WRITE, OPEN_FOLDER, SYNC_FOLDER], {"one": b""}),
        ([OPEN, WRITE, SYNC, OPEN_FOLDER, SYNC_FOLDER], {"one": b"abc"}),
        ([OPEN, WRITE, SYNC, OPEN_FOLDER, SYNC_FOLDER, WRITE], {"one": b"abc"}),
        ([OPEN, WRITE, SYNC, OPEN_FOLDER, SYNC_FOLDER, WRITE, SYNC], {"one": b"abcabc"}),
    ],
)
def test_a_disk_after_a_cut_has_what_was_synced(tmp_path: Path, lines: list[str], kept: dict[str, bytes]) -> None:
    _disk(tmp_path, *lines).after_cut(tmp_path / "after", "synced", random.Random(1))
    assert {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()} == kept


def test_what_was_not_synced_may_be_there_or_not(tmp_path: Path) -> None:
    disk, found = _disk(tmp_path, OPEN, WRITE, WRITE), set()
    for number in range(200):
        disk.after_cut(tmp_path / str(number), "random", random.Random(number))
        path = tmp_path / str(number) / "one"
        found.add(path.read_bytes() if path.exists() else None)
    assert {None, b"", b"abc", b"abcabc", b"\0\0\0abc"} <= found


def test_what_was_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode != 0:
        pytest.skip("strace is not installed, or may not trace here")
    trial = Trial("power", seed=7, seconds=14)
    power(trial, tmp_path, most=40, lived_on=1)
    trial.expect(trial.number("cuts"), "expected cuts, found none")
    trial.verify()
