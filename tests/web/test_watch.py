"""The page of scanners within their limits, the same for programs, and the warning in health: without a patient."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from fastapi.testclient import TestClient

from tests.steps.test_control_charts import CT1, House
from tests.web.quality_scenes import watched
from tests.web.reading import Page, opened
from tests.web.scene import Scene


def test_the_page_says_in_words_what_is_outside(scene: Scene) -> None:
    with TestClient(watched(scene).app()) as browser:
        page = opened(browser, "/admin/watch?days=30")
    assert "Maker, M, CT1: on 2026-02-28 8 of 10 scored studies were flagged (80.0 %); 0.0 % to 58.0 %" in page.text
    (flagged,) = [row for row in page.rows if row and row[0] == "Share flagged"]
    assert flagged[1:4] == ["20.0 %", "28.6 % of 70", "5.7 % to 34.4 %"]
    assert flagged[4] == "within its limits; 1 day of the period outside"
    (arrived,) = [row for row in page.rows if row and row[0] == "Studies that arrived"]
    assert arrived[1:5] == ["10.0 on a workday, 10.0 on a weekend", "70", "45 to 95", "within its limits"]
    assert ["2026-02-28", "10", "8", "10", "0", "10"] in page.rows


def test_each_measure_is_drawn_with_its_limits_and_what_is_outside_is_marked(scene: Scene) -> None:
    with TestClient(watched(scene).app()) as browser:
        html = browser.get("/admin/watch?days=7").text
    plots = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg class=\"plot\".*?</svg>", html, re.DOTALL)]
    assert [plot.attrib["aria-label"].partition(": ")[2].partition(" on ")[0] for plot in plots] == [
        "studies that arrived",
        "share flagged",
        "share that could not be read",
    ]
    for plot in plots:
        kinds = [each.attrib["class"] for each in plot.iter("path")]
        assert [kinds.count(kind) for kind in ("limit", "middle", "values")] == [2, 1, 1]
    assert [len(list(plot.iter("circle"))) for plot in plots] == [0, 1, 0]
    (marked,) = (each.text for each in plots[1].iter("title"))
    assert marked is not None
    assert "8 of 10 scored studies were flagged" in marked


def test_health_warns_and_does_not_fail(scene: Scene) -> None:
    with TestClient(watched(scene).app()) as browser:
        health = browser.get("/health").json()
    (warning,) = [each for each in health["warnings"] if "/admin/watch" in each]
    assert warning.startswith("Maker, M, CT1: on 2026-02-28 8 of 10 scored studies were flagged")
    assert not [each for each in health["causes"] if "CT1" in each]


def test_a_clinic_of_few_studies_warns_of_nothing_and_says_that_they_are_few(browser: TestClient) -> None:
    assert not [each for each in browser.get("/health").json()["warnings"] if "watch" in each]
    browser.get("/admin/watch")


def test_small_numbers_are_said(scene: Scene) -> None:
    House(scene.database).came(1, CT1, ends={"A": 5})
    with TestClient(scene.app()) as browser:
        page = opened(browser, "/admin/watch")
    assert "Nothing that can be judged was outside its limits." in page.text
    assert page.text.count("too few before to say what is usual") == 3
    assert '<svg class="plot"' not in page.text


def test_programs_get_the_same_numbers(scene: Scene) -> None:
    with TestClient(watched(scene).app()) as browser:
        found = browser.get("/api/admin/watch?days=7&baseline=90").json()
    assert (found["days"], found["baseline"], found["first"], found["last"]) == (7, 90, "2026-02-22", "2026-02-28")
    flagged = found["charts"][1]
    assert (flagged["scanner"], flagged["measure"], len(flagged["days"])) == (CT1, "flagged", 7)
    last = flagged["days"][-1]
    assert (last["hits"], last["total"], last["signal"]) == (8, 10, "above")
    assert last["chance"] < 0.0002


def test_nothing_is_said_of_nothing_and_a_hostile_scanner_is_text(scene: Scene) -> None:
    with TestClient(scene.app()) as browser:
        assert "No study came in this time." in opened(browser, "/admin/watch").text
        assert 'href="/admin/watch"' in browser.get("/admin").text
    with TestClient(watched(scene, "<img src=x onerror=alert(1)>").app()) as browser:
        answer = browser.get("/admin/watch").text
    assert "<img" not in answer
    assert "<img src=x onerror=alert(1)>" in Page(answer).text
