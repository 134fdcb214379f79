"""What readers say of a result on the pages and by script: kept, shown, taken back, refused where it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import Page, csrf, opened
from tests.web.scene import Scene
from triaged.web.options import WebOptions
from triaged.web.view import Whose, kept_view, view_of

SEVERE, FAILED, PENDING = "1.2.826.0.1.4", "1.2.826.0.1.5", "1.2.826.0.1.9"
HOSTILE = "\"><script>alert(1)</script>' {{7*7}} =cmd|'x'!A0"


def _send(browser: TestClient, uid: str, what: str, **fields: str) -> Any:
    return browser.post(f"/api/studies/{uid}/{what}", data={"csrf": csrf(browser), **fields})


def _history(browser: TestClient) -> list[list[str]]:
    rows = opened(browser, f"/studies/{SEVERE}").rows
    return [row[1:] for row in rows if len(row) == 3 and row[1].startswith("local ")]


def _pressed(page: Page) -> list[str | None]:
    return [found["value"] for tag, found in page.elements if tag == "button" and found.get("aria-pressed") == "true"]


def test_a_verdict_by_script_is_kept_with_its_note_and_shown(browser: TestClient) -> None:
    kept = _send(browser, SEVERE, "verdict", verdict="too-high", note="  motion,\n no infiltrate ", revision="1")
    assert (kept.status_code, kept.json() | {"at": ""}) == (
        200,
        {
            "verdict": "too-high",
            "taken_back": False,
            "note": "motion, no infiltrate",
            "revision": 1,
            "person": "local",
            "at": "",
        },
    )
    page = opened(browser, f"/studies/{SEVERE}")
    assert _pressed(page) == ["too-high"]
    assert ["local said: too high", "the result of revision 1: motion, no infiltrate"] in _history(browser)


def test_buttons_work_without_scripts_and_lead_back_to_the_study(browser: TestClient) -> None:
    fields = {"csrf": csrf(browser), "verdict": "missed", "revision": "1", "next": f"/studies/{SEVERE}"}
    answer = browser.post(f"/studies/{SEVERE}/verdict", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/studies/{SEVERE}")
    fields = {"csrf": csrf(browser), "assignee": "Chest team", "next": "//evil.example/"}
    answer = browser.post(f"/studies/{SEVERE}/assignment", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    done = [row[0] for row in _history(browser)]
    assert done[:2] == ["local assigned it to Chest team", "local said: missed something"]


def test_a_verdict_is_changed_and_taken_back_and_all_of_it_stays_in_the_history(browser: TestClient) -> None:
    for verdict in ("agree", "too-low", "take-back", "take-back"):
        assert _send(browser, SEVERE, "verdict", verdict=verdict).status_code == 200
    assert _pressed(opened(browser, f"/studies/{SEVERE}")) == []
    assert [row[0] for row in _history(browser)][:4] == [
        "local took back: agree",
        "local took back: too low",
        "local said: too low",
        "local said: agree",
    ]
    assert _send(browser, SEVERE, "verdict", verdict="take-back").status_code == 409


@pytest.mark.parametrize(
    ("uid", "fields", "status", "words"),
    [
        (SEVERE, {"verdict": "perhaps"}, 400, "expected a verdict (agree, too-high"),
        (SEVERE, {}, 400, "expected a verdict"),
        (SEVERE, {"verdict": "agree", "note": "x" * 501}, 400, "at most 500 characters, found 501"),
        (SEVERE, {"verdict": "agree", "revision": "7"}, 409, "about revision 7"),
        (FAILED, {"verdict": "agree"}, 409, "a result with a score"),
        (PENDING, {"verdict": "agree"}, 409, "none yet"),
        ("1.2.3", {"verdict": "agree"}, 404, "No study"),
    ],
)
def test_what_cannot_be_kept_is_said_and_changes_nothing(
    browser: TestClient, filled: Scene, uid: str, fields: dict[str, str], status: int, words: str
) -> None:
    before = filled.worklist.version()
    answer = _send(browser, uid, "verdict", **fields)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert filled.worklist.version() == before


def test_a_study_is_assigned_to_a_group_to_oneself_and_to_nobody(filled: Scene) -> None:
    with TestClient(filled.app(groups={"Chest": ("anna", "local"), "Night": ("ben",)})) as browser:
        page = opened(browser, f"/studies/{SEVERE}")
        options = [found.get("value") for tag, found in page.elements if tag == "option"]
        assert options[-5:] == ["local", "Chest", "Night", "anna", "ben"]
        for sent, kept in (("Chest", "Chest"), ("@me", "local"), ("", "")):
            answer = _send(browser, SEVERE, "assignment", assignee=sent)
            assert (answer.status_code, answer.json()["assignee"]) == (200, kept)
            entry = filled.worklist.entry(SEVERE)
            assert entry is not None
            assert entry.assigned_to == kept
        assert [row[0] for row in _history(browser)][:3] == [
            "local assigned it to nobody",
            "local assigned it to local",
            "local assigned it to Chest",
        ]


def test_what_is_assigned_to_somebody_else_can_be_read_by_anybody(browser: TestClient, filled: Scene) -> None:
    before = filled.worklist.order()
    _send(browser, SEVERE, "assignment", assignee="anna")
    assert _send(browser, SEVERE, "actions", kind="READING").status_code == 200
    _send(browser, SEVERE, "assignment", assignee="ben")  # while it is being read
    assert _send(browser, SEVERE, "actions", kind="RELEASED").status_code == 200
    entry = filled.worklist.entry(SEVERE)
    assert entry is not None
    assert (entry.assigned_to, entry.read_by) == ("ben", "")
    assert filled.worklist.order() == before


def test_names_of_a_person_are_their_own_and_those_of_their_groups() -> None:
    options = WebOptions("", "", groups={"Chest": ("Anna", "ben"), "Night": ("ben",)})
    assert options.names_of("anna") == {"anna", "Chest"}
    assert options.names_of("eve") == {"eve"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"assignee": "\u202egnp.exe"}, 400), ({"assignee": "x" * 65}, 400), ({"assignee": "<b>"}, 400), ({}, 400)],
)
def test_what_can_be_no_name_is_assigned_to_nobody(browser: TestClient, fields: dict[str, str], status: int) -> None:
    assert _send(browser, SEVERE, "assignment", **fields).status_code == status
    assert "assigned" not in str(_history(browser))


@pytest.mark.parametrize("what", ["verdict", "assignment", "opened"])
def test_what_no_page_of_ours_sent_is_not_kept(browser: TestClient, filled: Scene, what: str) -> None:
    before = filled.worklist.version()
    fields = {"verdict": "agree", "assignee": "anna", "csrf": "0" * 64}
    assert browser.post(f"/api/studies/{SEVERE}/{what}", data=fields).status_code == 403
    assert filled.worklist.version() == before


def test_hostile_notes_are_text(browser: TestClient) -> None:
    _send(browser, SEVERE, "verdict", verdict="missed", note=HOSTILE)
    answer = browser.get(f"/studies/{SEVERE}").text
    assert "<script>alert(1)" not in answer
    page = Page(answer)
    assert HOSTILE in page.text
    assert [found["value"] for tag, found in page.elements if found.get("name") == "note"] == [HOSTILE]


def test_nothing_is_offered_where_there_is_no_score(browser: TestClient) -> None:
    for uid in (FAILED, PENDING):
        page = opened(browser, f"/studies/{uid}")
        assert [found for tag, found in page.elements if found.get("name") == "verdict"] == []


def test_a_study_is_opened_once_by_each_person(browser: TestClient, filled: Scene) -> None:
    for _ in range(3):
        assert _send(browser, SEVERE, "opened").status_code == 204
    assert _send(browser, "1.2.3", "opened").status_code == 404
    with filled.database.read() as connection:
        found = connection.exec_driver_sql("SELECT person, count(*) FROM opening GROUP BY person").all()
    assert [tuple(row) for row in found] == [("local", 1)]


def test_reading_a_page_changes_nothing(browser: TestClient, filled: Scene) -> None:
    before = filled.worklist.version()
    browser.get(f"/studies/{SEVERE}")
    with filled.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM opening").scalar_one() == 0
    assert filled.worklist.version() == before


def test_the_list_shows_to_whom_a_study_is_assigned_and_can_be_narrowed_to_mine(filled: Scene) -> None:
    with TestClient(filled.app(groups={"Chest": ("local",), "Night": ("ben",)})) as browser:
        for uid, assignee in ((SEVERE, "Chest"), (PENDING, "@me"), (FAILED, "Night")):
            _send(browser, uid, "assignment", assignee=assignee)
        (row,) = (row for row in opened(browser, "/").rows if "assigned to → Chest" in " ".join(row))
        assert "B severe" in " ".join(row)
        page = opened(browser, "/?whose=mine")
        rows = [found["data-uid"] for tag, found in page.elements if tag == "tr" and "data-uid" in found]
        assert set(rows) == {SEVERE, PENDING}
        assert "8 left out by filters" in page.text
        (link,) = (found for tag, found in page.elements if found.get("id") == "mine")
        assert (link["href"], link["aria-current"]) == ("/", "true")
        following = browser.get("/next?whose=mine", follow_redirects=False).headers["location"]
        assert following == f"/studies/{rows[0]}", "the next study is one of mine too"
        assert opened(browser, "/?whose=everything").text.count("left out") == 0


def test_a_filter_for_mine_stays_with_other_filters_and_in_what_a_person_begins_with() -> None:
    view = view_of(show="", order="arrival", modality="ct", search="", classes=[], states=[], number=1, whose="mine")
    assert view.address() == "/?order=arrival&modality=ct&whose=mine"
    assert kept_view(view.query).whose is Whose.MINE
    assert view.address(whose=Whose.ANYBODY) == "/?order=arrival&modality=ct"
