"""The short form of `steps`: every step is a function of the product, and some deaths chosen at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breaking.one_process import looked_up
from tests.breaking.steps import STEPS, deaths, steps
from tests.breaking.trial import Trial


def test_every_step_is_a_function_of_the_product() -> None:
    for each in deaths():
        looked_up(each.function)
    parts = {"migration", "spool", "intake", "completion", "analysis", "publication", "second engines", "delivery"}
    assert set(STEPS) == parts


def test_a_step_that_was_renamed_is_noticed() -> None:
    with pytest.raises(AttributeError):
        looked_up("triaged.spool.files:Spool.keep_what_was_derived")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_life_that_ends_at_a_step_arrives_where_an_undisturbed_one_does(tmp_path: Path, database: str) -> None:
    trial = Trial("steps", seed=7, seconds=12)
    steps(trial, tmp_path, database, most=5)
    trial.expect(trial.number("deaths"), "expected deaths, found none")
    trial.verify()
