"""The short form: every door once, markup on the pages that show most, and the most telling texts as they leave."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.breaking.doors import doors
from tests.breaking.doors_clinic import clinic_of
from tests.breaking.doors_dicom import dicom_doors
from tests.breaking.doors_markup import NAMES, TELLING, markup
from tests.breaking.doors_outgoing import DELIMITERS, outgoing
from tests.breaking.trial import Trial
from tests.wire.peers import DCMTK_PATH


def test_every_door_is_closed_to_whom_it_must_be(tmp_path: Path) -> None:
    trial = Trial("doors", seed=7, seconds=1)
    doors(trial, tmp_path)
    trial.verify()


def test_who_may_not_store_or_ask_by_dicom_gets_nothing(tmp_path: Path) -> None:
    if shutil.which("storescu", path=DCMTK_PATH) is None:
        pytest.skip("DCMTK is not installed here")
    trial = Trial("doors", seed=7, seconds=20)
    dicom_doors(trial, tmp_path)
    trial.verify()


def test_texts_of_others_stay_one_value_in_all_that_leaves(tmp_path: Path) -> None:
    trial = Trial("doors", seed=7, seconds=20)
    outgoing(trial, tmp_path, DELIMITERS[:4])
    trial.verify()


def test_markup_of_others_is_text_on_every_page(tmp_path: Path) -> None:
    if not any(map(shutil.which, NAMES)):
        pytest.skip("Chromium is not installed here")
    trial = Trial("doors", seed=7, seconds=60)
    with clinic_of(tmp_path) as scene:
        markup(trial, scene, TELLING)
    trial.verify()
