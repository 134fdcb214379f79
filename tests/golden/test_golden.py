"""What others see of the scenario is what it was, byte for byte; `python -m tests.golden.make` writes it down anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden.comparing import differences
from tests.golden.figures import figures
from tests.golden.outputs import EXPECTED, Files, outputs, seen
from tests.golden.scenario import END, play
from tests.golden.wiring import Clinic, Found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Everything that the scenario gives now."""
    return outputs(tmp_path_factory.mktemp("clinic")) | figures(tmp_path_factory.mktemp("figures"))


def test_everything_that_others_see_is_as_it_was(made: Files) -> None:
    different = differences(made)
    assert not different, different


def test_no_file_is_expected_that_nothing_makes(made: Files) -> None:
    kept = {str(path.relative_to(EXPECTED)) for path in EXPECTED.rglob("*") if path.is_file()}
    assert kept == set(made)


def test_one_other_number_in_one_study_is_seen_wherever_it_is_told(tmp_path: Path) -> None:
    def change(number: int, found: Found) -> Found:
        return replace(found, left=0.79) if number == 11 else found

    clinic = play(tmp_path, change)
    different = differences(seen(clinic))
    clinic.close()
    for name in ("api.json", "hl7.txt", "webhook.json", "objects.json", "cfind.json", "commands.txt", "pages/11.html"):
        assert f"--- expected/{name}" in different
    assert "objects/2-sr.json" not in different


def test_one_other_number_in_the_database_is_seen(tmp_path: Path) -> None:
    play(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "triaged.db")) as database:
        database.execute("UPDATE result SET severity_left = severity_left + 0.01 WHERE severity_left > 0.5")
        database.execute("UPDATE study SET severity_left = severity_left + 0.01 WHERE severity_left > 0.5")
        database.commit()
    clinic = Clinic(tmp_path, now=END)
    different = differences(seen(clinic))
    clinic.close()
    assert "--- expected/workitems.json" in different
    assert "--- expected/pages/11.html" in different
