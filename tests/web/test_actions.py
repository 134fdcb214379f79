"""What readers do on the pages: taken, finished and moved studies, who did it, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import listed, opened
from tests.web.scene import OPEN, Scene
from triaged.study.ranking import Override
from triaged.study.read_state import ActionKind, ReadState
from triaged.web.offers import offers

SEVERE = "1.2.826.0.1.4"
LAST = "1.2.826.0.1.1"


def _token(browser: TestClient) -> str:
    found = re.search(r'data-csrf="(\w+)"', browser.get("/").text)
    assert found is not None
    return found[1]


def _act(browser: TestClient, uid: str, kind: str, **fields: str) -> Any:
    data = {"csrf": _token(browser), "kind": kind, **fields}
    return browser.post(f"/api/studies/{uid}/actions", data=data)


def _order(browser: TestClient, path: str = "/") -> list[str]:
    return [
        str(attributes["data-uid"])
        for tag, attributes in opened(browser, path).elements
        if tag == "tr" and "data-uid" in attributes
    ]


def test_a_study_that_is_read_shows_who_reads_it(browser: TestClient, filled: Scene) -> None:
    done = _act(browser, SEVERE, "READING")
    assert (done.status_code, done.json()["person"], done.json()["kind"]) == (200, "local", "READING")
    row = next(row for row in listed(browser) if row["class"] == "B severe")
    assert row["reader"] == "being read by local for 0 min"
    entry = filled.worklist.entry(SEVERE)
    assert entry is not None
    assert entry.read_state is ReadState.READING


def test_a_study_that_is_done_leaves_the_list_and_is_found_under_done(browser: TestClient) -> None:
    before = _order(browser)
    assert _act(browser, SEVERE, "DONE").status_code == 200
    assert _order(browser) == [uid for uid in before if uid != SEVERE]
    assert _order(browser, "/?show=done") == [SEVERE]
    assert set(_order(browser, "/?show=all")) == set(before)


def test_a_pinned_study_goes_to_the_top_and_undo_brings_it_back(browser: TestClient, filled: Scene) -> None:
    before = _order(browser)
    _act(browser, LAST, "PINNED", detail="asked for by <b>phone</b>")
    assert LAST in _order(browser)[:2]
    history = [row for row in opened(browser, f"/studies/{LAST}").rows if len(row) == 3]
    assert ["local pinned it to the top", "asked for by <b>phone</b>"] in [row[1:] for row in history]
    assert _act(browser, LAST, "UNDONE").status_code == 200
    assert _order(browser) == before
    history = [row for row in opened(browser, f"/studies/{LAST}").rows if len(row) == 3]
    assert "local took back: pinned it to the top" in [row[1] for row in history]


def test_only_the_action_that_a_person_saw_is_taken_back(browser: TestClient) -> None:
    seen = _act(browser, LAST, "RAISED").json()["action_id"]
    _act(browser, LAST, "PINNED")
    refused = _act(browser, LAST, "UNDONE", action_id=str(seen))
    assert refused.status_code == 409
    assert "a later one" in refused.json()["detail"]


def test_a_form_without_scripts_leads_back_to_where_it_was_sent_from(browser: TestClient) -> None:
    data = {"csrf": _token(browser), "kind": "READING", "next": "/?show=all"}
    answer = browser.post(f"/studies/{SEVERE}/actions", data=data, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?show=all")
    elsewhere = {**data, "kind": "RELEASED", "next": "//evil.example/"}
    answer = browser.post(f"/studies/{SEVERE}/actions", data=elsewhere, follow_redirects=False)
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("path", [f"/studies/{SEVERE}/actions", f"/api/studies/{SEVERE}/actions"])
def test_what_no_page_of_ours_sent_changes_nothing(browser: TestClient, filled: Scene, path: str) -> None:
    token, before = _token(browser), filled.worklist.version()
    assert browser.post(path, data={"kind": "DONE"}).status_code == 403
    assert browser.post(path, data={"kind": "DONE", "csrf": "0" * 64}).status_code == 403
    foreign = browser.post(path, data={"kind": "DONE", "csrf": token}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert filled.worklist.version() == before


@pytest.mark.parametrize(
    ("uid", "kind", "status"),
    [(SEVERE, "DELETED", 400), (SEVERE, "", 400), ("1.2.3", "DONE", 404), (SEVERE, "REOPENED", 409)],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    browser: TestClient, filled: Scene, uid: str, kind: str, status: int
) -> None:
    before = filled.worklist.version()
    answer = _act(browser, uid, kind)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert filled.worklist.version() == before


def test_everything_that_is_offered_can_be_done(filled: Scene) -> None:
    with TestClient(filled.app(access=OPEN)) as client:
        for uid in (SEVERE, LAST):
            for _ in range(3):
                entry = filled.worklist.entry(uid)
                assert entry is not None
                for offer in offers(entry, "local"):
                    assert _act(client, uid, offer.kind).status_code == 200, offer
                    if offer.kind != "UNDONE":
                        assert _act(client, uid, "UNDONE").status_code == 200
                _act(client, uid, "PINNED" if entry.override is Override.NONE else "READING")


def test_of_a_study_that_somebody_else_reads_only_taking_over_is_offered(filled: Scene) -> None:
    filled.readers.act(SEVERE, ActionKind.READING, "anna", now=filled.now)
    entry = filled.worklist.entry(SEVERE)
    assert entry is not None
    assert [(offer.kind, offer.label) for offer in offers(entry, "local")] == [("READING", "Take over")]


def test_filters_narrow_the_list_and_keep_the_positions(browser: TestClient) -> None:
    rows = opened(browser, "/?class=A&class=B").rows[1:]
    assert [(row[0], row[1]) for row in rows] == [("2", "A critical"), ("3", "B severe")]
    assert [row["notes"][:17] for row in listed(browser, "/?state=FAILED")] == ["could not be read"]
    assert [row["patient"] for row in listed(browser, "/?q=ivanova")] == ["Ivanova, Maria"]


def test_a_search_that_finds_nothing_says_so_and_shows_what_was_asked(browser: TestClient) -> None:
    page = opened(browser, "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "No study is found with these filters." in page.text
    assert [attributes["value"] for tag, attributes in page.elements if attributes.get("name") == "q"] == [
        '"><script>alert(1)</script>'
    ]


def test_the_order_of_arrival_is_one_click_away_and_says_that_it_is_not_triage(browser: TestClient) -> None:
    links = [attributes for tag, attributes in opened(browser, "/").elements if attributes.get("id") == "by-arrival"]
    page = opened(browser, str(links[0]["href"]))
    assert "order of arrival, without triage" in page.text
    rows = [attributes for tag, attributes in page.elements if tag == "tr" and "data-uid" in attributes]
    assert [str(row["data-uid"]).rpartition(".")[2] for row in rows] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("query", ["show=x&order=y&state=z&class=Q", "page=99999", "q=" + "x" * 5000])
def test_an_address_that_asks_for_what_is_not_there_is_still_a_page(browser: TestClient, query: str) -> None:
    assert browser.get(f"/?{query}").status_code == 200
