"""The page of figures, the same for programs, and its tables as CSV: read by other parsers than wrote them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import Page, csrf, opened
from tests.web.scene import Scene

SEVERE, CRITICAL, NOT_FLAGGED = "1.2.826.0.1.4", "1.2.826.0.1.3", "1.2.826.0.1.1"
SECRETS = ("Ivanova", "Muster", "García", "山田", "P-3", "A-3", "1956", "CT thorax")
FORMULA = '=HYPERLINK("https://evil.example","x"), <b>\'\n'


def _say(browser: TestClient, uid: str, verdict: str, note: str = "") -> None:
    fields = {"csrf": csrf(browser), "verdict": verdict, "note": note}
    assert browser.post(f"/api/studies/{uid}/verdict", data=fields).status_code == 200


def _act(browser: TestClient, uid: str, kind: str) -> None:
    assert browser.post(f"/api/studies/{uid}/actions", data={"csrf": csrf(browser), "kind": kind}).status_code == 200


def _table(page: Page, first: str) -> list[str]:
    return next(row for row in page.rows if row and row[0].startswith(first))


def _csv(browser: TestClient, name: str) -> list[dict[str, Any]]:
    answer = browser.get(f"/figures/{name}.csv?period=24h")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.csv"'
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"))))


@pytest.fixture
def judged(browser: TestClient) -> TestClient:
    """Two results are called wrong and one right; two studies are done."""
    _say(browser, CRITICAL, "too-high", FORMULA)
    _say(browser, NOT_FLAGGED, "missed")
    _say(browser, SEVERE, "too-low")
    _say(browser, SEVERE, "agree")
    for uid in (SEVERE, CRITICAL):
        _act(browser, uid, "READING")
        _act(browser, uid, "DONE")
    return browser


def test_the_page_counts_verdicts_by_class_scanner_and_model(judged: TestClient) -> None:
    page = opened(judged, "/figures?period=24h")
    assert _table(page, "all studies")[1:] == ["1", "1", "0", "1", "0", "3", "33 % (6 to 79)"]
    assert _table(page, "Class A: critical")[1:6] == ["0", "1", "0", "0", "0"]
    assert _table(page, "Class N: not flagged")[1:6] == ["0", "0", "0", "1", "0"]
    assert _table(page, "Model ct-test")[6] == "3"


def test_the_page_shows_times_and_what_the_order_earned(judged: TestClient) -> None:
    page = opened(judged, "/figures")
    times = [row for row in page.rows if row and row[0] == "all studies"][1]
    assert times[1].startswith("0.5 min 95 %: 0.5 min, n = 2")  # the worker takes half a minute in this clinic
    assert times[2].startswith("20 min 95 %: 20 min, n = 2")  # 18.5 and 20.5 minutes: 19.5 and 20.4
    assert _table(page, "flagged by their images")[1] == "2"
    assert not [row for row in page.rows if row and row[0].startswith("without a score")]


def test_programs_get_the_same_numbers(judged: TestClient) -> None:
    figures = judged.get("/api/figures?period=7d").json()
    everything = next(each for each in figures["agreement"] if each["by"] == "all")
    assert (figures["period"], figures["studies"], figures["is_cut"]) == ("7d", 2, False)
    assert (everything["n"], everything["share"]) == (3, pytest.approx(1 / 3))
    assert everything["verdicts"] == {"agree": 1, "too-high": 1, "too-low": 0, "missed": 1, "other-disease": 0}
    assert {each["by"] for each in figures["turnaround"]} == {"all", "class", "scanner", "model"}
    assert [each["flag"] for each in figures["earned"]] == ["flagged"]


def test_verdicts_come_as_csv_that_no_spreadsheet_computes(judged: TestClient) -> None:
    rows = _csv(judged, "verdicts")
    assert [(row["study_instance_uid"], row["verdict"], row["class"]) for row in rows] == [
        (CRITICAL, "too-high", "A"),
        (NOT_FLAGGED, "missed", "N"),
        (SEVERE, "agree", "B"),
    ]
    assert rows[0]["note"] == "'" + FORMULA.strip()
    assert (rows[0]["person"], rows[0]["model"], rows[0]["revision"]) == ("local", "ct-test", "1")


def test_times_come_as_csv(judged: TestClient) -> None:
    rows = _csv(judged, "turnaround")
    (whole,) = (row for row in rows if (row["by"], row["stage"]) == ("all", "in_all"))
    assert (whole["n"], whole["median_min"]) == ("2", "20.00")  # 19 and 21 minutes


@pytest.mark.parametrize("path", ["/figures", "/api/figures", "/figures/verdicts.csv", "/figures/turnaround.csv"])
def test_no_patient_is_in_any_of_it(judged: TestClient, path: str) -> None:
    text = judged.get(path).text
    assert [secret for secret in SECRETS if secret in text] == []


def test_without_verdicts_and_done_studies_no_figure_stands(browser: TestClient) -> None:
    page = opened(browser, "/figures")
    assert "Nobody has said anything of a result in this time." in page.text
    assert "No study was done in this time." in page.text
    assert "%" not in page.text.partition("Do readers agree?")[2]
    assert browser.get("/api/figures").json()["agreement"] == []


def test_a_period_that_is_none_is_refused_to_programs_and_left_out_on_the_page(browser: TestClient) -> None:
    assert browser.get("/figures?period=year").status_code == 200
    for path in ("/api/figures", "/figures/verdicts.csv", "/figures/turnaround.csv"):
        assert browser.get(f"{path}?period=year").status_code == 422


def test_a_hostile_scanner_is_shown_as_text(filled: Scene) -> None:
    with filled.database.begin() as connection:
        connection.exec_driver_sql("UPDATE result SET device = '<img src=x onerror=alert(1)>'")
    with TestClient(filled.app()) as browser:
        _say(browser, SEVERE, "agree")
        answer = browser.get("/figures").text
    assert "<img" not in answer
    assert "<img src=x onerror=alert(1)>" in Page(answer).text
