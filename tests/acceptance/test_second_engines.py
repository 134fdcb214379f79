"""A whole daemon with second engines, whose adviser and child processes are killed; reports arrive in an Orthanc."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.breaking.small_scans import small_study
from tests.programs import Daemon, Orthanc, get_json, until

MakeDaemon = Callable[..., Daemon]


def _seconds(daemon: Daemon) -> list[tuple[Any, ...]]:
    """Return study, name, state and number of attempts of every second result."""
    query = (
        "SELECT study.study_uid, second_result.name, second_result.state, second_result.attempts FROM second_result"
        " JOIN study ON study.id = second_result.study_id ORDER BY second_result.id"
    )
    with closing(sqlite3.connect(daemon.folder / "var" / "triaged.db")) as connection:
        return connection.execute(query).fetchall()


def _child(daemon: Daemon) -> int | None:
    """Return the process in which a second engine reads a study at this moment."""
    advisers = [pid for pid, role in daemon.role_pids().items() if role == "adviser"]
    if not advisers or not any(state == "RUNNING" for _, _, state, _ in _seconds(daemon)):
        return None
    with suppress(FileNotFoundError, IndexError):
        children = Path(f"/proc/{advisers[0]}/task/{advisers[0]}/children").read_text().split()
        return int(children[0])
    return None


def test_second_engines_read_everything_whoever_is_killed_and_move_nothing(
    make_daemon: MakeDaemon, orthanc: Orthanc, tmp_path: Path
) -> None:
    orthanc.start()
    pacs = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.dicom_port, "objects": ["sr"]}
    daemon = make_daemon(models={"ct": "threshold", "second": ["ct-open"]}, destinations=[pacs])
    daemon.start()
    studies = [small_study(number, tmp_path, triage_class=name) for number, name in ((1, "D"), (2, "N"), (3, "A"))]
    for study in studies:
        daemon.send(*(each.path for each in study.instances))
    first = {each["study_instance_uid"]: each for each in daemon.settled(studies=3, within_s=120)}

    os.kill(until(lambda: _child(daemon), within_s=120, what="a second engine reads"), signal.SIGKILL)
    until(lambda: any(attempts > 1 for *_, attempts in _seconds(daemon)), within_s=60, what="it is tried again")
    os.kill(daemon.role_pid("adviser"), signal.SIGKILL)

    read = {"READ"}
    until(lambda: {state for _, _, state, _ in _seconds(daemon)} == read, within_s=240, what="all are read")
    assert len(_seconds(daemon)) == 3
    for entry in daemon.worklist():
        before = first[entry["study_instance_uid"]]
        assert entry | {"engines_disagree": None} == before | {"engines_disagree": None}
        assert entry["engines_disagree"] is not None

    def reports() -> list[dict[str, Any]]:
        return [each["MainDicomTags"] for each in get_json(f"{orthanc.url}/series?expand") or []]

    until(lambda: len(reports()) == 6, within_s=60, what="a report of each engine on each study in the archive")
    assert sorted(each["SeriesNumber"] for each in reports()) == ["9002"] * 3 + ["9012"] * 3
    assert len(orthanc.instances()) == 6
    assert daemon.stop() == 0
