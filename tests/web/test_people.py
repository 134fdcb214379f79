"""What administrators see of accounts, and that nobody else does."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import csrf, opened
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit


@pytest.fixture
def site(filled: Scene) -> Scene:
    """A site with a reader; `visit` adds the administrator."""
    filled.accounts.add(READER, PASSWORD, now=filled.now)
    return filled


def test_an_administrator_sees_who_may_sign_in_and_when_each_was_last_seen(site: Scene) -> None:
    with visit(site, ACCOUNTS) as client:
        sign_in(client)
        moment = "2026-03-01 12:30:00 UTC"
        assert [row[:4] for row in opened(client, "/people").rows[1:]] == [
            ["Doe", "administrator", moment, moment],
            ["René", "reader", moment, "never"],
        ]
        assert 'href="/people"' in client.get("/").text


def test_a_reader_sees_no_accounts_and_ends_no_sessions(site: Scene) -> None:
    with visit(site, ACCOUNTS) as client:
        sign_in(client, name="René")
        assert 'href="/people"' not in client.get("/").text
        refused = client.get("/people")
        assert refused.status_code == 403
        assert "Doe" not in refused.text
        given = {"csrf": csrf(client), "name": "Doe"}
        assert client.post("/people/sign-out", data=given).status_code == 403


def test_an_administrator_signs_somebody_out_everywhere(site: Scene) -> None:
    with visit(site, ACCOUNTS) as reader, visit(site, ACCOUNTS) as client:
        sign_in(reader, name="René")
        sign_in(client)
        assert reader.get("/").status_code == 200
        given = {"csrf": csrf(client), "name": "René"}
        assert client.post("/people/sign-out", data=given).headers["location"] == "/people"
        assert reader.get("/").status_code == 303
        assert client.get("/").status_code == 200
        assert client.post("/people/sign-out", data=given | {"name": "Nobody"}).status_code == 404
        assert client.post("/people/sign-out", data={"name": "Doe"}).status_code == 403


def test_there_is_no_such_page_where_there_are_no_accounts(browser: TestClient) -> None:
    assert browser.get("/people").status_code == 404
    assert 'href="/people"' not in browser.get("/").text
