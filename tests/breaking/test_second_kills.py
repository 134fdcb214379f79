"""The short form of `second_kills`: two studies whose order is known, two second engines, three kills."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.second_kills import second_kills
from tests.breaking.small_scans import small_study
from tests.breaking.trial import Trial


def test_a_second_engine_that_is_killed_loses_nothing_and_moves_nothing(tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None or shutil.which("dcmsend") is None:
        pytest.skip("Orthanc or DCMTK is not installed")
    studies = [small_study(number, tmp_path / "sent", triage_class="NA"[number]) for number in range(2)]
    order = [{"study_instance_uid": each.study_uid, "class": each.triage_class} for each in reversed(studies)]
    trial = Trial("second_kills", seed=7, seconds=30)
    second_kills(trial, tmp_path, {"ct": "threshold", "second": ["ct-cascade", "ct-open"]}, studies, order, 3)
    trial.expect(trial.number("kills during a reading"), "expected kills during a reading, found none")
    trial.expect(trial.number("readings READ") == 4, "expected four readings")
    trial.verify()
