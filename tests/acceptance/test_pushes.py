"""A whole daemon that tells receivers of changes, killed while it tells one, with another that is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.programs import Daemon, get_json, until
from tests.wire.receivers import MllpServer, acknowledged, mllp
from triaged.lab.phantom.study import phantom_study


def counts(daemon: Daemon) -> dict[str, Any]:
    """Return how many changes each receiver was told, as the API says it."""
    status = get_json(f"http://127.0.0.1:{daemon.web_port}/api/status") or {"pushes": {}}
    found: dict[str, Any] = status["pushes"]
    return found


def test_a_change_is_told_once_more_when_the_courier_was_killed_and_a_dead_receiver_holds_up_nobody(
    make_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    phantom_study(73, "severe", tmp_path / "study")
    with mllp(MllpServer(lambda message: [])) as ris:
        host, port = ris.address
        daemon = make_daemon(
            models={"ct": "threshold"},
            pushes=[
                {"name": "pager", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/"},
                {"name": "ris", "kind": "hl7", "host": host, "port": port},
            ],
        )
        daemon.start()
        until(lambda: set(counts(daemon)) == {"ris", "pager"}, within_s=30, what="receivers are known")
        daemon.send(tmp_path / "study")
        until(lambda: ris.messages, within_s=120, what=f"the receiver is told\n{daemon.tail()}")

        os.kill(daemon.role_pid("courier"), signal.SIGKILL)
        ris.answers = lambda message: [acknowledged(message)]
        until(lambda: counts(daemon).get("ris", {}).get("SENT"), within_s=60, what=f"told\n{daemon.tail()}")

        (entry,) = daemon.worklist()
        first, again = ris.messages
        assert str(first.segment("MSH")[10]) == str(again.segment("MSH")[10])
        told = {str(obx[3][0][0]): obx for obx in again.segments("OBX")}
        assert str(told["CLASS"][5][0][0]) == entry["class"]
        assert str(told["CLASS-BEFORE"][5][0][0]) == "U"
        assert again.unescape(str(told["REASON"][5])) == entry["reason"]
        assert str(told["113014"][5]) == entry["study_instance_uid"]
        assert counts(daemon)["pager"]["PENDING"] == 1

        command = [sys.executable, "-m", "triaged.cli", "check", "--config", str(daemon.config)]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert checked.returncode == 1
        (reached,) = [line for line in checked.stdout.splitlines() if "push ris" in line]
        assert f"{host}:{port} can be reached, not encrypted; it is told who the patient is" in reached
        (missed,) = [line for line in checked.stdout.splitlines() if "push pager" in line]
        assert "FAILED" in missed
        assert daemon.stop() == 0
