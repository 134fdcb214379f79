"""The short form of `kills`: 40 on each database, most of them while the daemon starts again after another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.kills import kills
from tests.breaking.trial import Trial


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost_whatever_is_killed(tmp_path: Path, database: str) -> None:
    if shutil.which("Orthanc") is None or shutil.which("storescu") is None:
        pytest.skip("Orthanc or DCMTK is not installed")
    trial = Trial("kills", seed=7, seconds=90)
    kills(trial, tmp_path, database, 40, waits=0.2)
    trial.expect(trial.number("kills"), "expected kills, found none")
    trial.expect(trial.number("acknowledged instances"), "expected acknowledged instances, found none")
    trial.verify()
