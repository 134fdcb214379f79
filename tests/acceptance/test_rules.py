"""A whole daemon under rules: a trial is on no list, a child has no score, an emergency goes to one archive alone."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pydicom import dcmread

from tests.breaking.small_scans import SmallStudy, small_study
from tests.ports import free_port
from tests.programs import Daemon, Orthanc, until

RULES: list[dict[str, Any]] = [
    {"name": "trials", "when": {"sender": ["RESEARCH", "TRIAL_*"]}, "then": {"ignore": True}},
    {"name": "children", "when": {"age_years": {"below": 16}}, "then": {"model": "none", "show": "unscored"}},
    {
        "name": "emergency thin",
        "when": {"sender": "CT_ER", "slice_mm": {"at_most": 10}},
        "then": {"model": "threshold-contours", "destinations": ["er"], "urgency": "high"},
    },
]


def _sent_to(daemon: Daemon, uid: str) -> set[tuple[str, str]]:
    """Return where objects of a study go, and in which state."""
    query = (
        "SELECT DISTINCT outbox.destination, outbox.state FROM outbox JOIN derived ON derived.id = outbox.derived_id"
        " JOIN study ON study.id = derived.study_id WHERE study.study_uid = ?"
    )
    with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as connection:
        return set(connection.execute(query, (uid,)).fetchall())


def _listed(daemon: Daemon, *arguments: str) -> Any:
    command = [sys.executable, "-m", "triaged.cli", *arguments, "--config", str(daemon.config), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def _of_a_child(study: SmallStudy) -> None:
    for each in study.instances:
        image = dcmread(each.path)
        image.PatientAge = "005Y"
        image.save_as(each.path)


def test_rules_at_work_in_a_whole_daemon(make_daemon: Callable[..., Daemon], orthanc: Orthanc, tmp_path: Path) -> None:
    orthanc.start()
    er = {"name": "er", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.dicom_port, "objects": ["sr"]}
    away = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": free_port(), "objects": ["sr"]}
    daemon = make_daemon(models={"ct": "threshold"}, destinations=[away, er], rules=RULES)
    daemon.start()
    trial, child, emergency, other = (small_study(number, tmp_path, triage_class="A") for number in range(1, 5))
    _of_a_child(child)
    for study, sender in ((trial, "TRIAL_7"), (child, "CT1"), (emergency, "CT_ER"), (other, "CT1")):
        daemon.send(*(each.path for each in study.instances), sender=sender)
    entries = {each["study_instance_uid"]: each for each in daemon.settled(studies=3, within_s=120)}

    assert trial.study_uid not in entries
    assert entries[child.study_uid]["reason"] == "U not scored — by rule: children"
    assert entries[emergency.study_uid]["reason"].endswith(", rule emergency thin")
    until(lambda: _sent_to(daemon, emergency.study_uid) == {("er", "SENT")}, within_s=60, what="sent to the ER")
    assert {name for name, _ in _sent_to(daemon, other.study_uid)} == {"er", "pacs"}
    assert _sent_to(daemon, child.study_uid) == _sent_to(daemon, trial.study_uid) == set()
    ignored = _listed(daemon, "worklist", "--ignored")
    assert [each["study_instance_uid"] for each in ignored] == [trial.study_uid]
    tried = _listed(daemon, "config", "try", str(daemon.config))
    assert [each["differences"] for each in tried["studies"]] == [[]] * 4
    assert tried["summary"]["rule trials"] == tried["summary"]["rule children"] == tried["summary"]["ignored"] == 1
    assert daemon.stop() == 0
