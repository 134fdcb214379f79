"""A person says how the pages are to be; nobody else does, and nothing else can be said."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import csrf
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit
from triaged.store.people.preferences import Preferences


def _chosen(browser: TestClient, path: str = "/") -> str | None:
    text = browser.get(path).text
    return text.partition('data-theme="')[2].partition('"')[0] if "data-theme" in text else None


def test_a_choice_holds_on_every_page_and_leads_back_to_where_it_was_made(browser: TestClient) -> None:
    assert _chosen(browser) is None
    sent = {"csrf": csrf(browser), "theme": "dark"}
    before = {"Referer": "http://testserver/status?x=1"}
    answer = browser.post("/preferences", data=sent, headers=before, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/status?x=1")
    for path in ("/", "/status", "/studies/1.2.826.0.1.3", "/nothing"):
        assert _chosen(browser, path) == "dark"


@pytest.mark.parametrize("theme", ["", "pink", '"><script>', "x" * 5000])
def test_what_is_no_choice_changes_nothing(browser: TestClient, filled: Scene, theme: str) -> None:
    answer = browser.post("/preferences", data={"csrf": csrf(browser), "theme": theme}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert Preferences(filled.database).of("local") == {}


def test_a_form_of_another_site_chooses_nothing_and_leads_nowhere_else(browser: TestClient, filled: Scene) -> None:
    assert browser.post("/preferences", data={"theme": "dark"}).status_code == 403
    sent, elsewhere = {"csrf": csrf(browser), "theme": "dark"}, {"Referer": "http://evil.example//evil.example/"}
    answer = browser.post("/preferences", data=sent, headers=elsewhere, follow_redirects=False)
    assert answer.headers["location"] == "/"


def test_each_person_has_choices_of_their_own(filled: Scene) -> None:
    filled.accounts.add(READER, PASSWORD, now=filled.now)
    with visit(filled, ACCOUNTS) as reader, visit(filled, ACCOUNTS) as client:
        assert client.post("/preferences", data={"theme": "dark"}).status_code in (401, 403)
        sign_in(reader, name="René")
        sign_in(client)
        reader.post("/preferences", data={"csrf": csrf(reader), "theme": "dark"})
        assert (_chosen(reader), _chosen(client)) == ("dark", None)


def test_a_kept_value_that_is_not_known_any_more_is_as_none(browser: TestClient, filled: Scene) -> None:
    Preferences(filled.database).keep("local", {"theme": "sepia", "columns": "<b>"})
    assert _chosen(browser) is None
    assert browser.get("/").status_code == 200
