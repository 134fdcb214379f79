"""What people and programs see of second engines: on the study's page, on the list, on the status page and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.store.making import NOON, at, study_uid
from tests.web.reading import opened
from tests.web.scene import Scene, found
from triaged.spool.files import Spool
from triaged.store.studies.seconds import Seconds
from triaged.store.tables.database import Database
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.assessment import Assessed, Reason, ReasonCode
from triaged.study.finding import Measurement, QualityFlag
from triaged.study.radiomics import MOVED_BY
from triaged.study.second import SecondFailed, SecondOutcome, SecondRead

UID = study_uid(1).value
DISAGREES = SecondRead(
    "other 2.0",
    found(0.12, 0.05, 0.4, (QualityFlag.CONTRAST,)),
    Agreement(-19.0, "right lung", 0.31, (Disagreement.GRADE, Disagreement.SHARE, Disagreement.OUTLINE)),
)
PLAIN = found(0.3, 0.12, 0.9)
EXPLAINED = replace(PLAIN, measurements=(*PLAIN.measurements, Measurement(MOVED_BY["firstorder_entropy"], -0.25)))
MOVED = "probability most moved by entropy of grey levels (-0.25)"
AGREES = SecondRead("threshold 1", EXPLAINED, Agreement(-1.0, "right lung", 0.8))
FAILED = SecondFailed("other 2.0", Reason(ReasonCode.GAVE_UP, "gave up after 3 attempts: attempt 1: <b>ValueError</b>"))


@pytest.fixture
def scene(database: Database, spool: Spool) -> Scene:
    return Scene(database, spool, NOON)


def _scored(scene: Scene, configuration: str = "", **outcomes: SecondOutcome | None) -> TestClient:
    """Let a study be scored, and second engines come to these ends; None: it still waits."""
    scene.arrive(1, minutes=0)
    scene.complete(1, minutes=0)
    scene.end(1, Assessed(found(0.31, 0.12, 0.91)), minutes=1, seconds=tuple(outcomes))
    ledger = Seconds(scene.database)
    for name, outcome in outcomes.items():
        if outcome is not None:
            claim = ledger.claim_next("adviser", (name,), lease_s=60, now=at(5))
            assert claim is not None
            ledger.commit(claim, outcome, destinations={}, configuration=configuration, now=at(6))
    return TestClient(scene.app())


def test_the_page_shows_each_second_engine_and_how_it_compares(scene: Scene) -> None:
    with _scored(scene, other=DISAGREES, threshold=AGREES, late=None) as browser:
        page = opened(browser, f"/studies/{UID}")
    rows = {row[0]: row[1:] for row in page.rows if row and row[0] in ("other 2.0", "threshold 1", "late")}
    assert rows["other 2.0"][:4] == [
        "disagrees: other grade, other share, other outline",
        "12 %",
        "computed CT-1",
        "0.40",
    ]
    assert rows["other 2.0"][4:6] == ["−19 points in the right lung, outlines overlap by 0.31 (Dice)", "contrast"]
    assert rows["threshold 1"][4] == f"−1 point in the right lung, outlines overlap by 0.80 (Dice), {MOVED}"
    assert rows["threshold 1"][:2] == ["agrees", "30 %"]
    assert rows["late"][0] == "waiting until no study waits for its first result"


@pytest.mark.parametrize("outcome", [DISAGREES, FAILED])
def test_each_names_the_configuration_that_it_was_read_under(scene: Scene, outcome: SecondOutcome) -> None:
    with _scored(scene, other=outcome, configuration="cd" * 32) as browser:
        page = opened(browser, f"/studies/{UID}")
        (item,) = browser.get(f"/api/studies/{UID}/second-results").json()
    assert [row[0] for row in page.rows if row and row[0].startswith("other")] == [
        "other 2.0, configuration cdcdcdcdcdcd"
    ]
    assert item["configuration"] == "cd" * 32


def test_one_that_failed_is_shown_with_its_reason_and_not_flagged(scene: Scene) -> None:
    with _scored(scene, other=FAILED) as browser:
        page = opened(browser, f"/studies/{UID}")
        (item,) = browser.get("/api/worklist").json()
    (row,) = (row for row in page.rows if row and row[0] == "other 2.0")
    assert row[1] == "could not read it"
    assert row[5] == "gave up after 3 attempts: attempt 1: <b>ValueError</b>"
    assert item["engines_disagree"] is None


def test_a_study_that_no_second_engine_is_to_read_says_nothing_of_them(scene: Scene) -> None:
    with _scored(scene) as browser:
        page, status = browser.get(f"/studies/{UID}").text, browser.get("/status").text
        assert browser.get(f"/api/studies/{UID}/second-results").json() == []
    assert "Second engines" not in page
    assert "Second engines" not in status


@pytest.mark.parametrize(("outcome", "flagged"), [(DISAGREES, True), (AGREES, False)])
def test_the_list_flags_a_study_with_which_an_engine_disagrees(
    scene: Scene, outcome: SecondRead, flagged: bool
) -> None:
    with _scored(scene, other=outcome) as browser:
        text = browser.get("/").text
        (item,) = browser.get("/api/worklist").json()
    assert ('<span class="flag">engines disagree</span>' in text) == flagged
    assert item["engines_disagree"] is flagged


def test_what_an_engine_found_does_not_change_the_first_result_on_the_list(scene: Scene) -> None:
    with _scored(scene, other=None) as browser:
        (before,) = browser.get("/api/worklist").json()
        ledger = Seconds(scene.database)
        claim = ledger.claim_next("adviser", ("other",), lease_s=60, now=at(5))
        assert claim is not None
        ledger.commit(claim, DISAGREES, destinations={}, now=at(6))
        (after,) = browser.get("/api/worklist").json()
    assert before | {"engines_disagree": True} == after


def test_programs_get_the_numbers_by_the_names_of_the_list(scene: Scene) -> None:
    with _scored(scene, other=DISAGREES, threshold=FAILED) as browser:
        first, second = browser.get(f"/api/studies/{UID}/second-results").json()
    assert (first["name"], first["state"], first["algorithm"]) == ("other", "READ", "other 2.0")
    assert first["numbers"]["severity"] == 0.12
    assert first["numbers"]["identification"] == 0.4
    assert (first["grade"], first["quality"]) == (1, ["contrast"])
    assert (first["points"], first["part"], first["overlap"]) == (-19.0, "right lung", 0.31)
    assert first["disagreements"] == ["other-grade", "other-share", "other-outline"]
    assert (second["state"], second["numbers"], second["reason"]) == ("FAILED", None, FAILED.reason.detail)


def test_versions_are_counted_on_the_status_page_and_in_the_api(scene: Scene) -> None:
    with _scored(scene, other=DISAGREES, threshold=AGREES) as browser:
        counts = browser.get("/api/status").json()["second_engines"]
        page = opened(browser, "/status")
    assert counts == [
        {"algorithm": "other 2.0", "device": "", "read": 1, "disagreed": 1, "failed": 0},
        {"algorithm": "threshold 1", "device": "", "read": 1, "disagreed": 0, "failed": 0},
    ]
    assert ["other 2.0", "not known", "1", "1", "100 %", "0"] in page.rows


def test_the_history_says_that_it_was_read_by_a_second_engine(scene: Scene) -> None:
    with _scored(scene, other=DISAGREES) as browser:
        page = opened(browser, f"/studies/{UID}")
    what = "read by a second engine", "other 2.0: disagrees (other-grade, other-share, other-outline)"
    assert what in [tuple(row[1:]) for row in page.rows]
