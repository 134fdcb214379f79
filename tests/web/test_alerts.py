"""Each alert goes off when its metric says so and not before, as Prometheus' own tool decides it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from starlette.testclient import TestClient

from tests.web.scene import Scene

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES: Mapping[str, Any] = {
    rule["alert"]: rule for rule in YAML(typ="safe").load(MONITORING / "alerts.yaml")["groups"][0]["rules"]
}
UP = {'up{job="triaged", instance="a"}': "1x150"}
WELL = {
    "triaged_database_up": "1x150",
    "triaged_disk_free_bytes": "20000000000x150",
    "triaged_config_accepted": "1x150",
}
STATIONS = {f'triaged_flagged_ratio{{station="CT{number}"}}': "0.1x150" for number in (1, 2, 3)}
SCORED = {f'triaged_scored{{station="CT{number}"}}': "100x150" for number in (1, 2, 3, 4)}
BUCKETS = {'triaged_order_seconds_bucket{instance="a", le="600.0"}': "0+9x150"}
LATE = {f'triaged_order_seconds_bucket{{instance="a", le="{bound}"}}': "0+10x150" for bound in ("1200.0", "+Inf")}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)"),
]


def promtool(*arguments: str, content: str | None = None, folder: Path = MONITORING) -> None:
    """Run the tool; fail where it finds fault."""
    run = subprocess.run(
        ["promtool", *arguments], cwd=folder, input=content, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def expect(folder: Path, alert: str, series: Mapping[str, str], minute: int, labels: Mapping[str, str] | None) -> None:
    """Compare what an alert says at a minute of series, one value a minute; without labels it is to say nothing."""
    said = [] if labels is None else [_said(alert, labels)]
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in {**UP, **WELL, **series}.items()],
        "alert_rule_test": [{"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": said}],
    }
    (folder / "case.yaml").write_text(json.dumps({"rule_files": [str(MONITORING / "alerts.yaml")], "tests": [case]}))
    promtool("test", "rules", "case.yaml", folder=folder)


def _said(alert: str, labels: Mapping[str, str]) -> dict[str, Any]:
    rule = RULES[alert]
    told = {
        name: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": told}


CASES: Mapping[str, tuple[Mapping[str, str], int, Mapping[str, str]]] = {
    "TriagedUnreachable": ({'up{job="triaged", instance="a"}': "0x150"}, 2, {"job": "triaged", "instance": "a"}),
    "TriagedDatabaseDown": ({"triaged_database_up": "0x150"}, 1, {}),
    "TriagedRoleSilent": (
        {'triaged_role_heartbeat_age_seconds{instance="a", role="worker"}': "31x150"},
        1,
        {"instance": "a", "role": "worker"},
    ),
    "TriagedStudiesWait": ({"triaged_oldest_waiting_seconds": "901x150"}, 1, {}),
    "TriagedOrderSlow": (
        {**BUCKETS, **LATE},
        16,
        {"instance": "a"},
    ),
    "TriagedNotSent": (
        {
            'triaged_outbox{instance="a", destination="pacs", state="PENDING"}': "3x150",
            'triaged_outbox{instance="a", destination="pacs", state="SENT"}': "7x150",
        },
        31,
        {"instance": "a", "destination": "pacs"},
    ),
    "TriagedGivenUp": (
        {'triaged_outbox{instance="a", destination="pacs", state="DEAD"}': "1x150"},
        5,
        {"instance": "a", "destination": "pacs"},
    ),
    "TriagedDiskFull": ({"triaged_disk_free_bytes": "1000000000x150"}, 5, {}),
    "TriagedConfigRejected": ({"triaged_config_accepted": "0x150"}, 1, {}),
    "TriagedStationOdd": (
        {**STATIONS, **SCORED, 'triaged_flagged_ratio{station="CT4"}': "0.9x150"},
        60,
        {"station": "CT4"},
    ),
}


def test_every_alert_is_tried() -> None:
    assert list(CASES) == list(RULES)


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_goes_off_when_it_has_been_so_for_long_enough(tmp_path: Path, alert: str) -> None:
    series, minute, labels = CASES[alert]
    expect(tmp_path, alert, series, minute, labels)
    expect(tmp_path, alert, series, minute - 1, None)


@pytest.mark.parametrize("alert", CASES)
def test_no_alert_goes_off_while_all_is_well(tmp_path: Path, alert: str) -> None:
    expect(tmp_path, alert, {}, 120, None)


@pytest.mark.parametrize(
    ("alert", "series"),
    [
        ("TriagedDiskFull", {"triaged_database_up": "0x150"}),
        ("TriagedStationOdd", {**STATIONS, 'triaged_flagged_ratio{station="CT4"}': "0.9x150"}),
        ("TriagedOrderSlow", {**BUCKETS, **dict.fromkeys(LATE, "0+9x150")}),
        (
            "TriagedNotSent",
            {
                'triaged_outbox{instance="a", destination="pacs", state="PENDING"}': "3x150",
                'triaged_outbox{instance="a", destination="pacs", state="SENT"}': "0+1x150",
            },
        ),
    ],
)
def test_an_alert_of_two_conditions_needs_both(tmp_path: Path, alert: str, series: Mapping[str, str]) -> None:
    expect(tmp_path, alert, series, 120, None)


def test_the_files_for_prometheus_are_sound() -> None:
    promtool("check", "config", "prometheus.yaml")


def test_the_metrics_keep_to_the_conventions(scene: Scene) -> None:
    scene.arrive(1, minutes=0)
    with TestClient(scene.app()) as client:
        promtool("check", "metrics", content=client.get("/metrics").text)
