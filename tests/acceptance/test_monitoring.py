"""Prometheus asks a whole daemon, evaluates every alert of `deploy/monitoring`, and finds the figures of a study."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.breaking.small_scans import small_study
from tests.ports import free_port
from tests.programs import Daemon, dcmsend, get_json, until

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """Run Prometheus with the project's files, but every second, and yield its address."""
    settings = YAML(typ="safe").load(MONITORING / "prometheus.yaml")
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(MONITORING / "alerts.yaml")]
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    (folder / "prometheus.yaml").write_text(json.dumps(settings))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", "--config.file=prometheus.yaml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log)
    try:
        yield f"http://{address}/api/v1"
    finally:
        process.terminate()
        process.wait(30)


def _value(api: str, query: str) -> float | None:
    answer: Any = get_json(f"{api}/query?query={urllib.parse.quote(query)}")
    found = [] if answer is None else answer["data"]["result"]
    return float(found[0]["value"][1]) if found else None


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_prometheus_reads_the_metrics_and_evaluates_every_alert(
    make_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    port = free_port()
    daemon = make_daemon(models={"ct": "threshold"}, metrics={"host": "127.0.0.1", "port": port})
    daemon.start()
    with prometheus(tmp_path, f"127.0.0.1:{port}") as api:
        until(lambda: _value(api, "up") == 1, within_s=60, what="Prometheus reaches the daemon")
        study = small_study(1, tmp_path / "study", triage_class="A")
        dcmsend("127.0.0.1", daemon.dicom_port, "TRIAGED", [each.path for each in study.instances])
        daemon.settled(studies=1, within_s=120)
        until(lambda: _value(api, "triaged_order_seconds_count") == 1, within_s=30, what="the study is counted")
        assert _value(api, 'triaged_instances_received_total{sender="DCMSEND"}') == len(study.instances)
        assert _value(api, "triaged_config_accepted") == 1

        def evaluated() -> list[Any]:
            rules = get_json(f"{api}/rules")["data"]["groups"][0]["rules"]
            return rules if all(rule["health"] != "unknown" for rule in rules) else []

        rules = until(evaluated, within_s=30, what="every alert is evaluated")
    assert {rule["health"] for rule in rules} == {"ok"}
    assert len(rules) == len(YAML(typ="safe").load(MONITORING / "alerts.yaml")["groups"][0]["rules"])
