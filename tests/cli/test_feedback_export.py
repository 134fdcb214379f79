"""What readers called wrong becomes a list of cases that `triaged model evaluate` reads, without a patient in it."""

from __future__ import annotations

import csv
import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.web.sliced import sliced
from triaged.lab.evaluation.cases import BadCase, Case, read_cases, with_truth
from triaged.store.listing.verdicts import Verdicts
from triaged.store.tables.database import Database
from triaged.study.verdict import Verdict

JUST_NOW = datetime.now(UTC) - timedelta(minutes=5)
SECRETS = ("Roe", "Jane", "P-3", "A-3", "19560412", "CT thorax", "1.2.826.0.1")
FORMULA = '=1+1, "x"\nmotion'


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    """A clinic with a study whose files are really there; two results are called wrong, one right."""
    made = Site(tmp_path)
    made.configure()
    made.fill(migrated_sqlite)
    with made.scene() as scene:
        uid = sliced(scene, 33, tmp_path / "files", minutes=40)
        _say(scene.database, uid, Verdict.TOO_HIGH, "anna", FORMULA)
        _say(scene.database, uid, Verdict.AGREE, "ben")
        _say(scene.database, "1.2.826.0.1.3", Verdict.MISSED, "anna")
        _say(scene.database, "1.2.826.0.1.4", Verdict.AGREE, "anna")
        _say(scene.database, "1.2.826.0.1.8", Verdict.MISSED, "anna")
        Verdicts(scene.database).take_back("1.2.826.0.1.8", "anna", revision=None, now=JUST_NOW)
    return made


def _say(database: Database, uid: str, verdict: Verdict, person: str, note: str = "") -> None:
    assert Verdicts(database).say(uid, verdict, person, note=note, revision=None, now=JUST_NOW)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_was_called_wrong_is_listed_under_names_that_tell_nothing(site: Site) -> None:
    out = site.folder / "out"
    ended = site.run("feedback", "export", "--out", str(out))
    assert ended.code == 0, ended.err
    assert f"2 cases in {out / 'cases.csv'}." in ended.out
    assert "The truth is missing" in ended.out
    rows = _table(out / "cases.csv")
    assert [(row["verdict"], row["group"], row["class"], row["model"]) for row in rows] == [
        ("too-high", "unknown", "C", "ct-test"),
        ("missed", "unknown", "A", "ct-test"),
    ]
    assert len({row["case"] for row in rows}) == len({row["patient"] for row in rows}) == 2
    assert all(row["images"] == f"images/{row['case']}" for row in rows)
    text = (out / "cases.csv").read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret in text] == []
    assert "note" not in rows[0]
    assert sorted(path.name for path in out.iterdir()) == ["cases.csv"]
    assert stat.S_IMODE((out / "cases.csv").stat().st_mode) == 0o600


def test_notes_and_the_key_are_written_where_they_are_asked_for(site: Site) -> None:
    out = site.folder / "out"
    assert site.run("feedback", "export", "--out", str(out), "--notes", "--key").code == 0
    noted, _ = _table(out / "cases.csv")
    assert noted["note"] == f"'{FORMULA}", "no spreadsheet computes it"
    assert {row["study_instance_uid"]: row["case"] for row in _table(out / "key.csv")}["1.2.826.0.1.33"] == noted[
        "case"
    ]


def test_the_same_study_has_the_same_name_in_every_list_of_a_site(site: Site) -> None:
    names = []
    for folder in ("first", "second"):
        site.run("feedback", "export", "--out", str(site.folder / folder))
        names.append([row["case"] for row in _table(site.folder / folder / "cases.csv")])
    assert names[0] == names[1]


def test_only_what_was_said_in_the_days_asked_for_is_listed(site: Site) -> None:
    with site.scene() as scene:
        long_ago = JUST_NOW - timedelta(days=10)
        Verdicts(scene.database).say("1.2.826.0.1.2", Verdict.MISSED, "ben", note="", revision=None, now=long_ago)
    out = str(site.folder / "out")
    assert "2 cases" in site.run("feedback", "export", "--out", out, "--days", "1").out
    assert "3 cases" in site.run("feedback", "export", "--out", out, "--days", "11").out


def test_the_list_is_read_by_evaluate_with_images_from_the_spool(site: Site) -> None:
    out, found = site.folder / "out", site.folder / "found.json"
    ended = site.run("feedback", "export", "--out", str(out), "--images")
    assert "1 of them have no images in the spool any more" in ended.out
    whole, missing = read_cases(out / "cases.csv")
    assert isinstance(whole, Case)
    assert isinstance(missing, BadCase)
    assert "images: expected a file or a folder, found nothing at" in missing.reason
    evaluated = site.run(
        "model", "evaluate", "--cases", str(out / "cases.csv"), "--pipeline", "threshold", "--json", str(found)
    )
    assert evaluated.code == 0, evaluated.err
    told = json.loads(found.read_text(encoding="utf-8"))
    assert [case["outcome"] for case in told["cases"]] == ["measured", "not read"]
    assert told["cases"][0]["severity"] is not None
    assert told["auc_by_group"] == {}


def test_where_truth_is_needed_an_unknown_group_is_refused(site: Site) -> None:
    out = site.folder / "out"
    site.run("feedback", "export", "--out", str(out), "--images")
    reasons = [case.reason for case in with_truth(read_cases(out / "cases.csv")) if isinstance(case, BadCase)]
    assert len(reasons) == 2
    assert reasons[0] == "group: expected what the patient has, found unknown"


def test_a_site_where_nothing_was_said_gets_an_empty_list(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    ended = site.run("feedback", "export", "--out", str(tmp_path / "out"))
    assert (ended.code, ended.out.startswith("0 cases in ")) == (0, True)
    assert _table(tmp_path / "out" / "cases.csv") == []


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(site: Site) -> None:
    (site.folder / "file").write_text("", encoding="utf-8")
    ended = site.run("feedback", "export", "--out", str(site.folder / "file"))
    assert ended.code == 1
    assert ended.err.count("\n") == 1
