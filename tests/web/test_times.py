"""The page of the times to notification, and the same for programs: for administrators, without a patient."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.store.making import at
from tests.web.reading import Page, opened
from tests.web.scene import Scene
from triaged.study.kinds import ObjectKind


def test_the_page_has_a_table_for_each_stage(filled: Scene, browser: TestClient) -> None:
    filled.settle(ObjectKind.SC, lambda item: filled.outbox.sent(item, now=filled.now))
    filled.settle(ObjectKind.SR, lambda item: filled.outbox.sent(item, now=filled.now))
    page = opened(browser, "/admin/times?days=1")
    everything = [row for row in page.rows if row and row[0] == "all studies"]
    assert everything[0] == ["all studies", "8", "30.0 s (30.0 s to 30.0 s)", "30.0 s", "30.0 s", "30.0 s"]
    assert everything[1] == ["all studies", "1 of 8", "21 min", "21 min", "21 min", "21 min"]  # minute 9 to 30
    assert everything[2] == ["all studies", "0 of 8", "–", "–", "–", "–"]
    assert ["Class A: critical", "1", "30.0 s", "30.0 s", "30.0 s", "30.0 s"] in page.rows
    assert ["To pacs", "1", "21 min", "21 min", "21 min", "21 min"] in page.rows


def test_programs_get_the_same_numbers(browser: TestClient) -> None:
    found = browser.get("/api/admin/times?days=7").json()
    assert (found["days"], found["studies"], found["is_cut"]) == (7, 8, False)
    first, *_ = found["times"]
    assert (first["stage"], first["by"], first["n"], first["studies"]) == ("order", "all", 8, 8)
    assert first["mean_s"] == pytest.approx(30, abs=0.01)
    missing = [each for each in found["times"] if each["stage"] == "notification" and each["by"] == "all"]
    assert [(each["n"], each["mean_s"], each["low_s"]) for each in missing] == [(0, None, None)]


def test_a_period_that_is_none_is_refused_to_programs_and_left_out_on_the_page(browser: TestClient) -> None:
    for days in ("year", "0", "367", "-1", "²"):
        page = browser.get("/admin/times", params={"days": days})
        assert (page.status_code, "triaged times --since 30" in page.text) == (200, True)
        assert browser.get("/api/admin/times", params={"days": days}).status_code == 422


def test_nothing_is_said_of_nothing_and_a_hostile_scanner_is_text(scene: Scene) -> None:
    with TestClient(scene.app()) as browser:
        assert "No study was ordered in this time." in opened(browser, "/admin/times").text
    scene.scored(1, minutes=0, right=0.2, left=0.1, p=0.5)
    scene.now = at(70)
    with scene.database.begin() as connection:
        connection.exec_driver_sql("UPDATE result SET device = '<img src=x onerror=alert(1)>'")
    with TestClient(scene.app()) as browser:
        answer = browser.get("/admin/times").text
    assert "<img" not in answer
    assert "<img src=x onerror=alert(1)>" in Page(answer).text


def test_administrators_find_the_page(browser: TestClient) -> None:
    assert 'href="/admin/times"' in browser.get("/admin").text
