"""What a newcomer sees: the demonstration, started twice, and stopped by Ctrl-C."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.programs import until


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration on ports of its own, with the model that is shipped."""
    path = tmp_path / "config.yaml"
    settings = {
        "dicom": {"host": "127.0.0.1", "port": free_port()},
        "web": {"port": free_port()},
        "storage": {"reserve_mb": 1},
    }
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


@contextmanager
def _demo(config: Path) -> Iterator[str]:
    """Run the demonstration until it serves, give what it printed, and stop it as Ctrl-C does."""
    printed = config.with_name("printed.txt")
    with printed.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "triaged.cli", "demo", "--config", str(config)], stdout=file, stderr=file
        )

        def serves() -> bool:
            assert process.poll() is None, printed.read_text(encoding="utf-8")
            return "Ctrl-C stops everything" in printed.read_text(encoding="utf-8")

        try:
            until(serves, within_s=240, what="the demonstration serves")
            yield printed.read_text(encoding="utf-8")
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert not _processes_of(config)


def _processes_of(config: Path) -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(config) in line:
            lines.append(line)
    return lines


def _patients(printed: str, title: str) -> list[str]:
    """Return the patients of the table under a title, from its top."""
    table = printed.split(title)[1].split("└")[0]
    return re.findall(r"PHANTOM, (\w+)", table)


@pytest.mark.timeout(600)
def test_the_demonstration_turns_the_order_of_arrival_round_and_sends_nothing_twice(config: Path) -> None:
    with _demo(config) as printed:
        assert _patients(printed, "Before: in order of arrival") == ["NONE", "MODERATE", "SEVERE"]
        assert _patients(printed, "After: in reading order") == ["SEVERE", "MODERATE", "NONE"]
        (address,) = re.findall(r"http://\S+/", printed)
        with urllib.request.urlopen(f"{address}api/worklist", timeout=10) as answer:
            entries = json.load(answer)
        severities = [entry["severity"] for entry in entries]
        assert severities == sorted(severities, reverse=True)
        assert [entry["class"] for entry in entries][-1] == "N"
        revisions = {entry["study_instance_uid"]: entry["revision"] for entry in entries}
    with _demo(config) as printed:
        assert "nothing is sent again" in printed
        assert "Sending" not in printed
        with urllib.request.urlopen(f"{address}api/worklist", timeout=10) as answer:
            assert {entry["study_instance_uid"]: entry["revision"] for entry in json.load(answer)} == revisions
