"""Under which name the daemon's engine publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from triaged.config.settings import Config
from triaged.daemon.working import engine_and_pipeline

_PRINT = (
    "from triaged.triage.scheme import TriageOptions, described\n"
    "from hashlib import sha256\n"
    "print(sha256(described(TriageOptions()).encode()).hexdigest())"
)


def _digest(triage: Mapping[str, object]) -> str:
    config = Config.model_validate({"models": {"ct": "threshold"}, "triage": triage})
    return engine_and_pipeline(config)[0].settings_digest


def test_every_process_describes_one_policy_by_the_same_text() -> None:
    """Else a worker that takes over publishes other objects than the one that was killed."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "triage", [{"cut_offs": {"s2": 0.3}}, {"repeat_sd_points": 2.0}, {"scheme": "combined"}], ids=str
)
def test_settings_that_alter_a_result_give_its_objects_other_names(triage: dict[str, object]) -> None:
    assert _digest(triage) != _digest({})


@pytest.mark.parametrize("triage", [{"discipline": "fifo"}, {"strict_cap_min": 60}, {"prevalence": 0.1}], ids=str)
def test_the_order_of_reading_alters_no_result(triage: dict[str, object]) -> None:
    assert _digest(triage) == _digest({})


@pytest.mark.parametrize(
    ("keys", "digest"),
    [
        ({}, "32b619c554f5"),
        ({"triage": {"scheme": "combined", "cut_offs": {"s2": 0.3}}}, "a1be5844c740"),
        (
            {
                "pictures": {"palette": "viridis"},
                "triage": {"grade_cut_offs": [0.02, 0.06, 0.29, 0.83], "head_start_min": {"suspected_mild": 33}},
            },
            "fed3f5137361",
        ),
    ],
    ids=str,
)
def test_unchanged_settings_keep_the_names_of_the_objects_that_sites_already_have(
    keys: dict[str, object], digest: str
) -> None:
    """As the last version computed them: every derived UID rests on this digest."""
    config = Config.model_validate({"models": {"ct": "threshold"}} | keys)
    assert engine_and_pipeline(config)[0].settings_digest == digest
