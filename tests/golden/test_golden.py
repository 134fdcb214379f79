"""What others see of the scenario is what it was, byte for byte; `python -m tests.golden.make` writes it down anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden.comparing import differences
from tests.golden.figures import figures
from tests.golden.old.keeping import EXPECTED_OF_OLD, unpack
from tests.golden.outputs import EXPECTED, Files, outputs, seen, study
from tests.golden.scenario import END, FOUND, NEVER_STORED, follow_up
from tests.golden.wiring import Clinic


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Everything that the scenario gives now."""
    return outputs(tmp_path_factory.mktemp("clinic")) | figures(tmp_path_factory.mktemp("figures"))


def test_everything_that_others_see_is_as_it_was(made: Files) -> None:
    different = differences(made)
    assert not different, different


def test_no_file_is_expected_that_nothing_makes(made: Files) -> None:
    kept = {path.relative_to(EXPECTED).as_posix() for path in EXPECTED.rglob("*") if path.is_file()}
    assert kept == set(made)


def test_one_other_number_in_the_database_is_seen_where_it_is_told(tmp_path: Path) -> None:
    unpack(tmp_path)
    with closing(sqlite3.connect(tmp_path / "triaged.db")) as database:
        for table in ("study", "result"):
            database.execute(f"UPDATE {table} SET severity_left = 0.79 WHERE severity_left = 0.8")
        database.commit()
    clinic = Clinic(tmp_path, now=END)
    told = {name: text for name, text in seen(clinic).items() if name not in NEVER_STORED}
    different = differences(told, EXPECTED_OF_OLD)
    clinic.close()
    for name in ("api.json", "pages/11.html", "pages/worklist.html", "commands.txt"):
        assert f"--- expected/{name}" in different
    assert "--- expected/pages/4.html" not in different


def test_one_other_number_in_a_finding_is_seen(tmp_path: Path) -> None:
    unpack(tmp_path)
    clinic = Clinic(tmp_path, now=END)
    told = study(clinic, follow_up(clinic, replace(FOUND, left=0.63)))
    clinic.close()
    different = differences({"after/follow_up.json": told}, EXPECTED_OF_OLD)
    assert "+" in different
    assert len(different.splitlines()) > 4
