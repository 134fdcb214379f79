"""The short form of `soak`: that every role is sampled, and grows by no more than a short time's noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking.soak import soak
from tests.breaking.trial import Trial


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_daemon_that_works_for_a_while_takes_no_more_and_more(tmp_path: Path) -> None:
    trial = Trial("soak", seed=7, seconds=20)
    soak(trial, tmp_path, slack=8, every_s=1)
    trial.verify()
