"""The page of second engines beside the first, and the same for programs: for administrators, without a patient."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from tests.web.quality_scenes import SHARES, shadowed
from tests.web.reading import Page, opened
from tests.web.scene import Scene


def test_the_page_compares_by_class_scanner_and_kernel(scene: Scene) -> None:
    with TestClient(shadowed(scene).app()) as browser:
        page = opened(browser, "/admin/shadow?days=1")
    (whole,) = [row for row in page.rows if row and row[0] == "all studies"]
    assert whole[1] == "6"
    assert whole[2].startswith("3.5 (\N{MINUS SIGN}")  # differences 2, 2, 10, -2, 10 and -1
    assert whole[7:] == ["1 (16.7 %)", "1", "0"]
    names = [row[0] for row in page.rows if row]
    assert {"Class D: mild", "Scanner Maker, Model 1, CT1", "Kernel not said"} < set(names)
    assert [row[2:5] for row in page.rows if row and row[0] == "Class A: critical"] == [["too few"] * 3]
    assert "1 of 6 studies (16.7 %) would have another class: 1 a more urgent one, 0 a less urgent one." in page.text
    assert "of 15 pairs of studies that waited at the same time" in page.text
    assert "The second engine could not read 1 that the first has read; the first could not read 0." in page.text
    assert "other 2.0 beside ct-test" in page.text


def test_the_plot_has_a_point_for_each_study_and_says_what_it_shows(scene: Scene) -> None:
    with TestClient(shadowed(scene).app()) as browser:
        html = browser.get("/admin/shadow").text
    (svg,) = re.findall(r"<svg class=\"plot\".*?</svg>", html, re.DOTALL)
    plot = ElementTree.fromstring(svg)
    assert plot.attrib["aria-label"].startswith(f"Differences of the affected share of {len(SHARES)} studies")
    (dots,) = (each.attrib["d"] for each in plot.iter("path") if each.attrib["class"] == "dots")
    assert dots.count("h0") == len(SHARES)
    assert [each.attrib["class"] for each in plot.iter("path")].count("limit") == 2
    assert not re.search(r"(style|fill|stroke)=", svg), "colours are those of the style sheet"


def test_programs_get_the_same_numbers(scene: Scene) -> None:
    with TestClient(shadowed(scene).app()) as browser:
        found = browser.get("/api/admin/shadow?days=7").json()
    (shadow,) = found["shadows"]
    assert (shadow["first"], shadow["second"], shadow["pairs"]) == ("ct-test", "other 2.0", 15)
    whole = shadow["groups"][0]
    assert (whole["n"], whole["other_class"], whole["raised"], whole["second_failed"]) == (6, 1, 1, 1)
    assert whole["bias"]["value"] == pytest.approx(3.5)
    assert sum(each["n"] for each in shadow["classes"]) == 6
    assert found["unread"] == []


def test_without_second_engines_the_page_says_so(browser: TestClient) -> None:
    page = opened(browser, "/admin/shadow")
    assert "No second engine has come to an end with a study of this time." in page.text
    assert browser.get("/api/admin/shadow").json()["shadows"] == []
    assert 'href="/admin/shadow"' in browser.get("/admin").text


def test_a_hostile_scanner_is_shown_as_text(scene: Scene) -> None:
    with TestClient(shadowed(scene, "<img src=x onerror=alert(1)>").app()) as browser:
        answer = browser.get("/admin/shadow").text
    assert "<img" not in answer
    assert "<img src=x onerror=alert(1)>" in Page(answer).text
