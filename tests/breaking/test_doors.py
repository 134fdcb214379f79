"""The short form: every door once, and markup on every page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.doors import clinic_of, doors
from tests.breaking.doors_markup import NAMES, markup
from tests.breaking.trial import Trial


def test_every_door_is_closed_to_whom_it_must_be(tmp_path: Path) -> None:
    trial = Trial("doors", seed=7, seconds=1)
    doors(trial, tmp_path)
    trial.verify()


def test_markup_of_others_is_text_on_every_page(tmp_path: Path) -> None:
    if not any(map(shutil.which, NAMES)):
        pytest.skip("Chromium is not installed here")
    trial = Trial("doors", seed=7, seconds=60)
    with clinic_of(tmp_path) as scene:
        markup(trial, scene)
    trial.verify()
