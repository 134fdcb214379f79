"""The short form of `peers`: every PDU in every state, then hostile peers beside four senders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.peers import peers
from tests.breaking.trial import Trial


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_sender_is_served_soon_whatever_other_peers_do(tmp_path: Path) -> None:
    if shutil.which("storescu") is None:
        pytest.skip("DCMTK is not installed")
    trial = Trial("peers", seed=7, seconds=14)
    peers(trial, tmp_path)
    trial.expect(trial.figures.get("instances sent"), "expected instances to be sent, found none")
    trial.verify()
