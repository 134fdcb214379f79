"""The service unit is closed as far as the daemon can bear it, in the judgement of systemd's own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from triaged.cli.program import app
from triaged.config.loading import parse
from triaged.daemon import member
from triaged.daemon.pools import pool_of
from triaged.daemon.roles import Role

SYSTEMD = Path(__file__).parents[2] / "deploy" / "systemd"
UNIT = SYSTEMD / "triaged.service"
UNITS = sorted(SYSTEMD.glob("*.service"))
MOST_EXPOSED = 2.0
OWN = {"Description", "Documentation", "ExecStart", "ExecReload", "PartOf", "WantedBy", "MemoryMax", "TasksMax"}
"""What each unit says in its own words."""
ENDS = {"KillSignal", "TimeoutStopSec"}
"""How a worker ends, which finishes its study; all others end by SIGTERM."""
WORKER, GPU = SYSTEMD / "triaged-worker@.service", SYSTEMD / "gpu.conf"

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


@each_unit
def test_the_unit_is_hardly_exposed(unit: Path, tmp_path: Path) -> None:
    assert _exposure(unit.read_text(), tmp_path / unit.name.replace("@.", "@1.")) <= MOST_EXPOSED


def test_a_worker_with_a_gpu_has_that_device_and_is_hardly_more_exposed(tmp_path: Path) -> None:
    added = dict(_settings(GPU))
    assert added.keys() == {"After", "PrivateDevices", "DevicePolicy", "DeviceAllow", "MemoryMax"}
    assert added["DevicePolicy"] == "closed"
    assert _exposure(WORKER.read_text() + GPU.read_text(), tmp_path / "triaged-worker@1.service") <= MOST_EXPOSED


def test_the_unit_of_a_worker_names_its_pool(tmp_path: Path) -> None:
    text = 'workers: [{name: gpu0, number: 2, device: "cuda:0"}, {name: cpu, device: cpu}]\n'
    (called,) = re.findall(r"--name (\S+)", WORKER.read_text())
    assert pool_of(parse(text, tmp_path / "config.yaml"), called.replace("%i", "gpu0-1")).name == "gpu0"
    assert "triaged-worker@gpu0-1 is the first worker of the pool `gpu0`" in GPU.read_text()


def _exposure(text: str, instance: Path) -> float:
    """Return what systemd's own tool makes of a unit; the test is skipped where there is none."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    instance.write_text(text)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(instance)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for \S+: ([\d.]+)", run.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze judges no file: {run.stderr.strip()[:200]}")
    return float(found[1])


def test_the_unit_says_what_the_daemon_relies_on() -> None:
    settings = dict(re.findall(r"(?m)^(\w+)=(.*)$", UNIT.read_text()))
    assert settings["Type"] == "notify"
    assert 5 <= int(settings["WatchdogSec"]) <= 60
    assert settings["Restart"] == "always"
    assert "RestartPreventExitStatus" not in settings  # one bad start must not keep a daemon down that could run
    assert int(settings["TimeoutStopSec"]) > 5
    assert settings["CapabilityBoundingSet"] == ""
    assert {"LimitNOFILE", "MemoryMax", "TasksMax", "SystemCallFilter", "StateDirectory"} <= set(settings)


@each_unit
def test_a_role_alone_may_reach_no_more_than_the_whole_daemon(unit: Path) -> None:
    ends = ENDS if unit == WORKER else set()
    assert {pair for pair in _shared(unit) if pair[0] not in ends} == {
        pair for pair in _shared(UNIT) if pair[0] not in ends
    }


def test_a_worker_is_asked_to_finish_its_study_and_has_the_time_for_it() -> None:
    settings = dict(_settings(WORKER))
    assert settings["KillSignal"] == "SIGUSR1"
    assert int(settings["TimeoutStopSec"]) > member._FINISHES[Role.WORKER]


@each_unit
def test_what_a_unit_starts_is_a_command_that_there_is(unit: Path) -> None:
    (line,) = re.findall(r"(?m)^ExecStart=(.*)$", unit.read_text())
    words = line.replace("%i", "1" if "worker" in unit.name else Role.COURIER.value).split()
    program, command, *options = words
    assert program.endswith("/triaged")
    ran = CliRunner().invoke(app, [command, *options, "--help"])
    assert ran.exit_code == 0, ran.output


def test_the_target_has_a_service_for_each_role() -> None:
    enabled = (SYSTEMD / "triaged.target").read_text()
    started = {Role(name) for name in re.findall(r"triaged@(\w+)", enabled)}
    assert started | {Role.WORKER} == set(Role)
    assert "triaged-worker@1" in enabled


def _settings(unit: Path) -> list[tuple[str, str]]:
    return re.findall(r"(?m)^(\w+)=(.*)$", unit.read_text())


def _shared(unit: Path) -> set[tuple[str, str]]:
    return {pair for pair in _settings(unit) if pair[0] not in OWN}
