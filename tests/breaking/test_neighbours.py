"""The short form of `neighbours`: a few studies with good neighbours only, and with all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking.neighbours import neighbours
from tests.breaking.trial import Trial


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_one_bad_neighbour_delays_no_other_and_gets_everything_in_the_end(tmp_path: Path) -> None:
    trial = Trial("neighbours", seed=7, seconds=18)
    neighbours(trial, tmp_path, 3)
    trial.verify()
