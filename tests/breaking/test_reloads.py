"""The short forms of `reloads` and `bad_edits`: a few edits of a running daemon under senders, sound and broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.bad_edits import bad_edits
from tests.breaking.reloads import reloads
from tests.breaking.trial import Trial


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_no_association_ends_and_nothing_is_lost_where_the_configuration_changes(tmp_path: Path) -> None:
    if shutil.which("storescu") is None:
        pytest.skip("DCMTK is not installed")
    trial = Trial("reloads", seed=3, seconds=60)
    reloads(trial, tmp_path, 4)
    trial.expect(trial.number("edits taken"), "expected an edit that was taken, found none")
    trial.expect(trial.number("acknowledged instances"), "expected acknowledged instances, found none")
    trial.verify()


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_broken_file_changes_nothing_but_words(tmp_path: Path) -> None:
    if shutil.which("storescu") is None:
        pytest.skip("DCMTK is not installed")
    trial = Trial("bad_edits", seed=3, seconds=90)
    bad_edits(trial, tmp_path, 12)
    trial.expect(trial.number("files rejected"), "expected a file that was rejected, found none")
    trial.expect(trial.number("acknowledged instances"), "expected acknowledged instances, found none")
    trial.verify()
