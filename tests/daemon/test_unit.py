"""The service unit is closed as far as the daemon can bear it, in the judgement of systemd's own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "triaged.service"
MOST_EXPOSED = 2.0


def test_the_unit_is_hardly_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for triaged.service: ([\d.]+)", run.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze judges no file: {run.stderr.strip()[:200]}")
    assert float(found[1]) <= MOST_EXPOSED


def test_the_unit_says_what_the_daemon_relies_on() -> None:
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", UNIT.read_text()))
    assert settings["Type"] == "notify"
    assert 5 <= int(settings["WatchdogSec"]) <= 60
    assert settings["Restart"] == "always"
    assert "RestartPreventExitStatus" not in settings  # one bad start must not keep a daemon down that could run
    assert int(settings["TimeoutStopSec"]) > 5
    assert settings["CapabilityBoundingSet"] == ""
    assert {"LimitNOFILE", "MemoryMax", "TasksMax", "SystemCallFilter", "StateDirectory"} <= set(settings)
