"""What programs are told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.web.scene import Scene
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.store.tables.database import Database

KEYS = {
    "study_instance_uid",
    "position",
    "lane",
    "class",
    "reason",
    "identification",
    "severity",
    "severity_left",
    "severity_right",
    "grade",
    "state",
    "ready_at",
    "revision",
    "trend",
    "change_points",
    "engines_disagree",
    "modality",
    "modalities",
}
PATIENT_KEYS = ("name", "patient", "birth", "accession", "Muster", "P-1")


def test_the_list_comes_in_reading_order_with_the_promised_keys(browser: TestClient) -> None:
    answer = browser.get("/api/worklist")
    entries = answer.json()
    assert [entry["position"] for entry in entries] == list(range(1, 11))
    assert [entry["class"] for entry in entries] == ["E0", "A", "B", "C", "D", "C'", "U", "U", "U", "N"]
    assert all(set(entry) == KEYS for entry in entries)
    assert answer.headers["X-Total-Count"] == "10"


def test_a_scored_study_has_its_numbers_and_a_failed_one_has_null_and_never_zero(browser: TestClient) -> None:
    by_uid = {entry["study_instance_uid"]: entry for entry in browser.get("/api/worklist").json()}
    assert by_uid["1.2.826.0.1.3"] == {
        "study_instance_uid": "1.2.826.0.1.3",
        "position": 2,
        "lane": 1,
        "class": "A",
        "reason": "A critical — left lung 81 %, experimental P 0.97 ≥ 0.62",
        "identification": 0.97,
        "severity": 0.81,
        "severity_left": 0.81,
        "severity_right": 0.54,
        "grade": 4,
        "state": "TRIAGED",
        "ready_at": "2026-03-01T12:09:00+00:00",
        "revision": 1,
        "trend": "no prior",
        "change_points": None,
        "engines_disagree": None,
        "modality": "CT",
        "modalities": ["CT"],
    }
    failed = by_uid["1.2.826.0.1.5"]
    assert failed["state"] == "FAILED"
    assert [failed[key] for key in ("severity", "severity_left", "severity_right", "identification", "grade")] == [
        None
    ] * 5
    assert "missing slices" in failed["reason"]


def test_no_patient_attribute_is_given_to_programs(browser: TestClient) -> None:
    text = browser.get("/api/worklist").text + browser.get("/api/status").text
    assert not [word for word in PATIENT_KEYS if word in text]


def test_pages_of_the_list_join_without_gap(browser: TestClient) -> None:
    whole = browser.get("/api/worklist").json()
    parts = [browser.get("/api/worklist", params={"limit": 4, "offset": offset}).json() for offset in (0, 4, 8, 12)]
    assert [len(part) for part in parts] == [4, 4, 2, 0]
    assert [entry for part in parts for entry in part] == whole


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1", "limit=x"])
def test_a_stretch_that_makes_no_sense_is_refused(browser: TestClient, query: str) -> None:
    assert browser.get(f"/api/worklist?{query}").status_code == 422


def test_one_study_is_found_by_its_uid_and_another_is_not(browser: TestClient) -> None:
    assert browser.get("/api/worklist/1.2.826.0.1.3").json()["position"] == 2
    missing = browser.get("/api/worklist/1.2.3")
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith("no study with this Study Instance UID")


def test_the_version_changes_when_the_list_does_and_only_then(browser: TestClient, filled: Scene) -> None:
    before = browser.get("/api/version").json()
    assert browser.get("/api/version").json() == before
    filled.arrive(42, minutes=29)
    assert browser.get("/api/version").json() != before


def test_the_counts_say_what_waits_for_a_person(browser: TestClient) -> None:
    counts = browser.get("/api/status").json()
    assert counts["studies"] == {
        "RECEIVING": 2, "READY": 0, "ANALYSING": 0, "TRIAGED": 6, "OUT_OF_SCOPE": 1, "FAILED": 1,
    }  # fmt: skip
    assert counts["deliveries"] == {"pacs": {"PENDING": 3, "SENT": 0, "DEAD": 0, "REFUSED": 0, "WITHDRAWN": 0}}
    assert counts["uncommitted"] == {}
    assert [counts[what] for what in ("dead_letters", "refused", "withdrawn", "quarantined", "conflicts")] == [
        0, 0, 0, 1, 0,
    ]  # fmt: skip


def test_health_is_good_while_the_store_answers_and_the_disk_has_room(browser: TestClient) -> None:
    answer = browser.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "problems": [], "causes": [], "warnings": []}


def test_health_fails_and_says_why_when_the_disk_is_below_its_reserve(sqlite: Database, tmp_path: Path) -> None:
    full = Scene(sqlite, Spool(tmp_path / "spool", reserve_mb=10**9))
    with TestClient(full.app()) as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert "expected at least 1000000000 MiB free" in answer.json()["problems"][0]


def test_health_fails_and_says_why_when_nothing_can_be_written_to_the_spool(sqlite: Database, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "incoming").write_text("in the way of the folder")
    with TestClient(Scene(sqlite, Spool(tmp_path / "spool", reserve_mb=0)).app()) as client:
        answer = client.get("/health")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["the spool's file system refused: File exists"]


class _AwayDatabase(Database):
    """A database that does not answer."""

    def __init__(self) -> None:
        pass

    @contextmanager
    def read(self) -> Iterator[None]:  # type: ignore[override]
        raise TryLater("the database is away: connection refused")
        yield


def test_health_fails_and_says_why_when_the_store_is_away(spool: Spool) -> None:
    with TestClient(Scene(_AwayDatabase(), spool).app()) as client:
        answer = client.get("/health")
        assert answer.status_code == 503
        assert answer.json()["problems"] == ["the database is away: connection refused"]
        refused = client.get("/api/worklist")
        assert (refused.status_code, refused.json()["detail"]) == (503, "the database is away: connection refused")
        page = client.get("/")
        assert page.status_code == 503
        assert "the database is away" in page.text
