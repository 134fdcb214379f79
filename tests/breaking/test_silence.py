"""The short form: the marked patient goes the most telling ways once, with errors of the database's driver."""

from __future__ import annotations

from pathlib import Path

from tests.breaking.silence import TELLING_WAYS, silence
from tests.breaking.trial import Trial


def test_no_mark_of_a_patient_is_where_none_belongs(tmp_path: Path) -> None:
    trial = Trial("silence", seed=7, seconds=1)
    silence(trial, tmp_path, "postgresql", TELLING_WAYS)
    trial.verify()
