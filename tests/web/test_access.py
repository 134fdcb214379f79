"""Who is let in, and what is changed for whom: every refusal is tried on the real application."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.web.reading import csrf
from tests.web.scene import CLINIC_NOW, Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, fields, sign_in, visit
from triaged.errors import TryLater
from triaged.store.people.accounts import Accounts
from triaged.web.identity import LOCAL_HOSTS, AccessOptions

STUDY = "/studies/1.2.826.0.1.3"
PAGES = ("/", "/status", STUDY, f"{STUDY}/pictures/2.25.4.png", "/nothing")
FOR_PROGRAMS = (
    "/api/worklist",
    "/api/worklist/1.2.826.0.1.3",
    "/api/version",
    "/api/status",
    "/api/studies/1.2.826.0.1.3/slices",
    "/api/openapi.json",
    "/api/nothing",
    "/events",
)


def _refused(answer: Response, status: int) -> None:
    assert answer.status_code == status
    assert "Ivanova" not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_to_sign_in_and_comes_back_to_what_was_wanted(filled: Scene, path: str) -> None:
    with visit(filled, ACCOUNTS) as client:
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == ("/sign-in" if path == "/" else f"/sign-in?next={path}")
        assert client.head(path).status_code == 303


def test_what_was_wanted_keeps_its_question(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        assert client.get("/?page=2&x=a%20b").headers["location"] == "/sign-in?next=/%3Fpage%3D2%26x%3Da%2520b"
        assert sign_in(client, path="/sign-in?next=/%3Fpage%3D2").headers["location"] == "/?page=2"


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_programs_are_told_in_json_that_nobody_knows_them(filled: Scene, path: str) -> None:
    with visit(filled, ACCOUNTS) as client:
        answer = client.get(path)
        _refused(answer, 401)
        assert answer.json() == {"detail": "Sign in first."}


def test_every_path_of_the_application_is_closed_but_those_that_anybody_may_see(filled: Scene) -> None:
    """A route that somebody adds later is found here by itself."""
    paths = set(_paths(filled.app(access=ACCOUNTS).routes))
    assert {"/", "/status", "/sign-out", "/api/worklist", "/events", "/api/openapi.json"} < paths
    with visit(filled, ACCOUNTS) as client:
        opened = {path for path in paths if client.get(path.replace("{", "").replace("}", "")).status_code == 200}
    assert opened == {"/health", "/health/ready", "/health/live", "/sign-in"}


def _paths(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _paths(route.original_router.routes)
        else:
            yield route.path


def test_health_and_style_are_for_everybody(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        assert client.get("/health").json()["status"] == "ok"
        assert client.get("/static/style.css").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/health/", "/health/../api/worklist", "/static/../api/worklist", "/static/..%2fapi/worklist", "//", "/static"],
)
def test_no_way_around_the_door(filled: Scene, path: str) -> None:
    with visit(filled, ACCOUNTS) as client:
        _refused(client.get(path), client.get(path).status_code)
        assert client.get(path).status_code in (303, 401, 404)


def test_a_store_that_is_away_lets_nobody_in(filled: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise TryLater("the database is away")

    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        monkeypatch.setattr(Accounts, "person", away)
        _refused(client.get("/"), 503)


def test_an_open_list_needs_no_signing_in_and_says_who_one_is(browser: TestClient) -> None:
    text = browser.get("/").text
    assert "local" in text
    assert "administrator" in text
    assert "Sign out" not in text
    assert browser.get("/sign-in").status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "evil_x.example",
        "[",
        "",
        "a b",
        "localhost@evil.x",
        "0.0.0.0",
    ],
)
def test_an_open_list_is_not_shown_under_another_name(filled: Scene, host: str) -> None:
    """DNS rebinding: a site has its own name point to 127.0.0.1, and its scripts read what is there."""
    with TestClient(filled.app(access=AccessOptions()), base_url="http://127.0.0.1") as client:
        _refused(client.get("/", headers={"Host": host}), 403)
        _refused(client.get("/api/worklist", headers={"Host": host}), 403)
        for ours in ("127.0.0.1:8080", "localhost", "[::1]:8080", "LOCALHOST"):
            assert client.get("/", headers={"Host": ours}).status_code == 200


def test_changes_bring_a_token_that_only_our_pages_have(browser: TestClient) -> None:
    """That no such page exists is said only to whom the door lets through."""
    token = csrf(browser)
    assert len(token) == 64
    assert browser.post("/").status_code == 403
    assert browser.post("/", headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert browser.post("/", headers=[(b"X-CSRF-Token", b"\xe9\xff")]).status_code == 403
    assert browser.post("/", data={"csrf": token[:-1]}).status_code == 403
    assert browser.post("/", headers={"X-CSRF-Token": token}).status_code == 405
    assert browser.post("/", data={"csrf": token}).status_code == 405


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_every_method_that_could_change_something_needs_the_token(browser: TestClient, method: str) -> None:
    browser.get("/")
    assert browser.request(method, "/").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver:81"},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_change_that_another_site_sends_is_refused_even_with_the_token(
    browser: TestClient, headers: dict[str, str]
) -> None:
    token = csrf(browser)
    assert browser.post("/", headers=headers | {"X-CSRF-Token": token}).status_code == 403
    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert browser.post("/", headers=own | {"X-CSRF-Token": token}).status_code == 405


def test_the_token_of_one_browser_is_worth_nothing_in_another(filled: Scene) -> None:
    with TestClient(filled.app()) as one, TestClient(filled.app()) as other:
        token = csrf(one)
        assert csrf(other) != token
        assert other.post("/", headers={"X-CSRF-Token": token}).status_code == 403


def test_the_token_of_one_session_is_worth_nothing_in_the_next(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        before = fields(client.get("/sign-in").text)["csrf"]
        sign_in(client)
        first = csrf(client)
        client.post("/sign-out", data={"csrf": first})
        sign_in(client)
        second = csrf(client)
        assert len({before, first, second}) == 3
        for old in (before, first):
            assert client.post("/", headers={"X-CSRF-Token": old}).status_code == 403
        assert client.post("/", headers={"X-CSRF-Token": second}).status_code == 405


def test_tokens_are_compared_in_constant_time(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def watched(one: bytes, other: bytes) -> bool:
        compared.append(len(other))
        return real(one, other)

    csrf(browser)
    monkeypatch.setattr(hmac, "compare_digest", watched)
    browser.post("/", headers={"X-CSRF-Token": "wrong"})
    assert compared == [64]


def test_a_form_longer_than_any_of_ours_is_not_read(browser: TestClient) -> None:
    assert browser.post("/", data={"csrf": csrf(browser), "x": "a" * 70_000}).status_code == 413


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        browser = client.get("/sign-in").headers["set-cookie"].lower()
        session = sign_in(client).headers["set-cookie"].lower()
    for cookie in (browser, session):
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/;" in f"{cookie};".replace(" ", "")
        assert "secure" not in cookie
        assert "domain" not in cookie
    assert "max-age=31536000" in browser
    assert "max-age" not in session


def test_behind_tls_cookies_never_travel_without_it_and_no_other_host_can_set_them(filled: Scene) -> None:
    options = AccessOptions(mode=ACCOUNTS.mode, origin="https://triage.example")
    with visit(filled, options, origin="https://triage.example") as client:
        answer = sign_in(client, origin="https://triage.example")
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].startswith("__Host-triaged-session=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert client.get("/").status_code == 200


def test_two_daemons_on_one_machine_do_not_sign_each_other_out(filled: Scene) -> None:
    names = set()
    for port in (8080, 8081):
        options = AccessOptions(mode=ACCOUNTS.mode, cookies=f"triaged-{port}")
        with visit(filled, options) as client:
            names |= {cookie.partition("=")[0] for cookie in [sign_in(client).headers["set-cookie"]]}
    assert len(names) == 2


def test_programs_are_given_no_cookie(filled: Scene) -> None:
    with TestClient(filled.app()) as client:
        assert "set-cookie" not in client.get("/api/worklist").headers
        assert "set-cookie" not in client.get("/health").headers
        assert "set-cookie" in client.get("/").headers
        assert "set-cookie" not in client.get("/").headers


@pytest.mark.parametrize("cookie", ["0" * 63, "x" * 64, "0" * 64 + "; a=b", "A" * 64, '"' + "0" * 62 + '"'])
def test_a_cookie_that_we_never_made_is_replaced(filled: Scene, cookie: str) -> None:
    with TestClient(filled.app()) as client:
        answer = client.get("/", headers={"Cookie": f"triaged-browser={cookie}"})
        assert ("set-cookie" in answer.headers) is (cookie[:64] != "0" * 64)


def test_a_page_that_renews_itself_does_not_keep_its_session(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        for _ in range(6):
            filled.now += timedelta(minutes=9)
            assert client.get("/api/version").status_code == 200
            assert client.get("/", headers={"Triaged-Unattended": "1"}).status_code == 200
        filled.now += timedelta(minutes=9)
        assert client.get("/", headers={"Triaged-Unattended": "1"}).status_code == 401
        assert client.get("/").status_code == 303


def test_who_reads_stays_signed_in_until_the_longest_time(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        while filled.now - CLINIC_NOW < timedelta(hours=11, minutes=30):
            filled.now += timedelta(minutes=50)
            assert client.get(STUDY).status_code == 200
        filled.now = CLINIC_NOW + timedelta(hours=12)
        assert client.get(STUDY).status_code == 303


def test_pages_say_who_is_signed_in(filled: Scene) -> None:
    filled.accounts.add(READER, PASSWORD, now=filled.now)
    with visit(filled, ACCOUNTS) as client:
        sign_in(client, name="ren\u00e9")
        for path in ("/", "/status", STUDY, "/nothing"):
            text = client.get(path).text
            assert "Ren\u00e9" in text
            assert "reader" in text
            assert 'action="/sign-out"' in text


def test_the_open_list_knows_the_names_of_this_machine() -> None:
    assert AccessOptions().hosts == LOCAL_HOSTS == {"localhost", "127.0.0.1", "::1"}
