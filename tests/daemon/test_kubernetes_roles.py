"""Every role starts by the command of its pod, answers its probes, receives, and ends as its pod is ended."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.breaking.small_scans import small_study
from tests.daemon.manifests import commands, config_text, container, of_kind, pods, rendered
from tests.ports import free_port
from tests.programs import dcmsend, get_json, until
from triaged.cli.program import app

ROLES = ("receiver", "worker", "courier", "clock", "web")
_ALIVE = "/run/triaged/alive"


@dataclass
class Cluster:
    """What a cluster does with the pods of an overlay, with folders and ports of this test in the place of its own."""

    folder: Path
    changes: Mapping[str, str]
    ports: Mapping[str, int]
    processes: dict[str, subprocess.Popen[bytes]]

    def words(self, role: str, what: str) -> list[str]:
        """Return what a command of a pod says to the program, as it stands there but for folders."""
        program, *words = commands(pods(rendered("cpu"))[role])[what]
        assert program == "triaged"
        changes = {**self.changes, _ALIVE: str(self.folder / f"alive-{role}")}
        return [_changed(word, changes) for word in words]

    def start(self, role: str) -> None:
        """Start the process of a pod."""
        command = [sys.executable, "-m", "triaged.cli", *self.words(role, "start")]
        with (self.folder / f"{role}.log").open("wb") as log:
            self.processes[role] = subprocess.Popen(command, stdout=log, stderr=log)

    def answers(self, role: str, probe: str) -> bool:
        """Ask a pod as the cluster does: by a command, whose exit status counts, or by HTTP."""
        process = self.processes[role]
        assert process.poll() is None, self.log(role)
        asked: Mapping[str, Any] = container(pods(rendered("cpu"))[role])[probe]
        if "exec" in asked:
            # Asked within this process: the cluster starts one, which takes seconds where all cores are busy.
            return CliRunner().invoke(app, self.words(role, probe)).exit_code == 0
        return get_json(f"http://127.0.0.1:{self.ports['web']}{asked['httpGet']['path']}") is not None

    def await_answer(self, role: str, probe: str) -> None:
        """Ask again and again, as the cluster does."""
        until(lambda: self.answers(role, probe), within_s=180, what=f"{probe} of {role}")

    def ends(self, role: str, number: signal.Signals) -> int:
        """Send a signal to a pod's process, and return its exit status."""
        self.processes[role].send_signal(number)
        return self.processes[role].wait(60)

    def log(self, role: str) -> str:
        """Return what a pod said."""
        return f"{role}: {(self.folder / f'{role}.log').read_text(errors='replace')[-3000:]}"


@pytest.fixture
def cluster(tmp_path: Path, postgresql_url: str) -> Iterator[Cluster]:
    """The pods of the overlay without GPUs, none of them started."""
    ports = {"dicom": free_port(), "web": free_port(), "metrics": free_port()}
    changes = {
        "/etc/triaged": str(tmp_path),
        "/run/secrets/triaged": str(tmp_path),
        "/var/lib/triaged": str(tmp_path / "state"),
    }
    text = _changed(config_text(rendered("cpu")), {**changes, "host: 0.0.0.0": "host: 127.0.0.1"})
    for name, port in ports.items():
        number = next(
            each["containerPort"]
            for template in pods(rendered("cpu")).values()
            for each in container(template).get("ports", ())
            if each["name"] == name
        )
        text = re.sub(rf"port: {number}\b", f"port: {port}", text)
    # The test needs little disk, and no network.
    text = text.replace("storage: {", "storage: {reserve_mb: 10, ") + "models: {ct: threshold}\n"
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "database-url").write_text(postgresql_url)
    (tmp_path / "state").mkdir()
    found = Cluster(tmp_path, changes, ports, {})
    yield found
    for process in found.processes.values():
        process.kill()
        process.wait()


@pytest.mark.timeout(600)
def test_every_role_starts_answers_its_probes_and_ends_as_its_pod_does(cluster: Cluster, tmp_path: Path) -> None:
    cluster.start("migrate")
    assert cluster.processes["migrate"].wait(120) == 0, cluster.log("migrate")
    for role in ROLES:
        cluster.start(role)
    for role in ROLES:
        cluster.await_answer(role, "readinessProbe")
        assert cluster.answers(role, "startupProbe")
        assert cluster.answers(role, "livenessProbe")
    web = f"http://127.0.0.1:{cluster.ports['web']}"
    until(lambda: get_json(f"{web}/health/ready"), within_s=60, what=f"studies can be read: {cluster.log('web')}")

    study = small_study(1, tmp_path / "study", triage_class="A")
    dcmsend("127.0.0.1", cluster.ports["dicom"], "TRIAGED", [each.path for each in study.instances])
    until(lambda: _studies(cluster)["TRIAGED"] == 1, within_s=120, what=f"the study is read: {cluster.log('worker')}")
    (scaler,) = of_kind(rendered("cpu"), "HorizontalPodAutoscaler").values()
    metric = scaler["spec"]["metrics"][0]["external"]["metric"]
    assert metric["name"] == "triaged_studies"
    assert _studies(cluster)[metric["selector"]["matchLabels"]["state"]] == 0

    for role in ROLES:
        finishes = "kill -USR1 1" in " ".join(commands(pods(rendered("cpu"))[role]).get("stop", ()))
        number = signal.SIGUSR1 if finishes else signal.SIGTERM
        assert cluster.ends(role, number) == 0, cluster.log(role)


def _studies(cluster: Cluster) -> Mapping[str, float]:
    """Return how many studies are in each state, as a monitoring system is told."""
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports['metrics']}/metrics", timeout=20) as answer:
        said = answer.read().decode()
    return {state: float(number) for state, number in re.findall(r'(?m)^triaged_studies\{state="(\w+)"\} (\S+)$', said)}


def _changed(text: str, changes: Mapping[str, str]) -> str:
    for what, to in changes.items():
        text = text.replace(what, to)
    return text
