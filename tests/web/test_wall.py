"""The screen on the wall: counts and the first studies, and no patient unless the site asks for that."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.study.read_state import ActionKind

NAMES = ("Ivanova", "Muster", "García", "山田", "Roe", "Bobby", "P-2", "A-2", "1956")


def test_the_wall_counts_the_open_studies_of_each_class(browser: TestClient, filled: Scene) -> None:
    filled.readers.act("1.2.826.0.1.4", ActionKind.DONE, "anna", now=filled.now)
    text = browser.get("/wall").text
    found = re.findall(r'<span class="class [\w-]+">([^<]+)</span> <b>(\d+)</b>', text)
    expected = {"E0": "1", "A": "1", "B": "0", "C": "1", "D": "1", "U": "3", "C&#39;": "1", "N": "1"}
    assert dict(found) == expected
    assert '<span class="all">all</span> <b>9</b>' in text


def test_the_wall_shows_the_first_studies_and_names_nobody(browser: TestClient) -> None:
    page = opened(browser, "/wall")
    assert [row[:2] for row in page.rows[1:4]] == [["1", "E0 emergency"], ["2", "A critical"], ["3", "B severe"]]
    assert not [name for name in NAMES if name in page.text]
    titles = " ".join(str(value) for _, each in page.elements for value in each.values())
    assert not [name for name in NAMES if name in titles]


def test_the_wall_names_patients_where_the_site_asks_for_that(filled: Scene) -> None:
    with TestClient(filled.app(wall_names=True)) as client:
        page = opened(client, "/wall")
    assert "Ivanova, Maria" in page.text
    assert "<script>alert('x')</script>, <b>Bobby</b>" in page.text
    assert [tag for tag, _ in page.elements].count("b") == 9 + 1, "counts and what is due, no markup of a name"


def test_the_wall_of_an_empty_list_says_so(scene: Scene) -> None:
    with TestClient(scene.app()) as client:
        assert "No study waits to be read." in opened(client, "/wall").text


def test_programs_may_ask_for_classes_alone(browser: TestClient) -> None:
    answer = browser.get("/api/worklist?class=A&class=B")
    assert [(row["class"], row["position"]) for row in answer.json()] == [("A", 2), ("B", 3)]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Left-Out-Count"]) == ("2", "8")
    assert browser.get("/api/worklist?class=Z").status_code == 422
