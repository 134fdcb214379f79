"""Signing in and out by the form, as a browser does it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from http import HTTPStatus

import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from tests.web.reading import Page, csrf
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, fields, sign_in, visit
from triaged.store.people.attempts import MOST_OF_AN_ACCOUNT, MOST_OF_AN_ADDRESS
from triaged.web.paths import safe_path
from triaged.web.signin import Turns

HOSTILE = "\"><script>alert('x')</script>"


def test_who_signs_in_sees_the_list_and_who_signs_out_does_not(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        answer = sign_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "Ivanova" in client.get("/").text
        assert client.get("/api/worklist").status_code == 200
        old = dict(client.cookies)
        out = client.post("/sign-out", data={"csrf": csrf(client)})
        assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
        assert "triaged-session" not in client.cookies
        client.cookies.update(old)
        assert client.get("/").status_code == 303
        assert client.get("/api/worklist").status_code == 401


def test_somebody_else_does_not_sign_one_out(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        for _ in range(2):
            assert client.post("/sign-out").status_code == 403
        assert client.get("/sign-out").status_code == 405
        assert client.get("/").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("Doe", "wrong"), ("Nobody", PASSWORD), ("", ""), (HOSTILE, HOSTILE)])
def test_what_was_wrong_is_not_said(filled: Scene, name: str, password: str) -> None:
    with visit(filled, ACCOUNTS) as client:
        answer = sign_in(client, name=name, password=password)
        assert answer.status_code == 401
        assert "Name or password is wrong." in Page(answer.text).text
        assert HOSTILE not in answer.text
        assert "triaged-session" not in client.cookies
        assert fields(answer.text)["csrf"]


def test_another_site_can_sign_nobody_in(filled: Scene) -> None:
    """Else a reader would act under the name of whoever wrote that site."""
    with visit(filled, ACCOUNTS) as client:
        given = {"name": "Doe", "password": PASSWORD}
        assert client.post("/sign-in", data=given).status_code == 403
        token = fields(client.get("/sign-in").text)["csrf"]
        foreign = {"Origin": "https://evil.example"}
        assert client.post("/sign-in", data=given | {"csrf": token}, headers=foreign).status_code == 403
        assert client.get("/").status_code == 303


def test_a_session_that_somebody_planted_is_not_taken_over(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        client.cookies.set("triaged-session", "0" * 64, domain="testserver.local")
        sign_in(client)
        assert client.cookies["triaged-session"] != "0" * 64
        client.cookies.clear()
        client.cookies.set("triaged-session", "0" * 64, domain="testserver.local")
        assert client.get("/").status_code == 303


def test_who_signs_in_again_leaves_no_session_behind(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        form = fields(client.get("/sign-in").text)
        sign_in(client)
        first = client.cookies["triaged-session"]
        again = form | {"csrf": csrf(client), "name": "Doe", "password": PASSWORD}
        assert client.post("/sign-in", data=again).status_code == 303
        assert client.cookies["triaged-session"] != first
        client.cookies.clear()
        client.cookies.set("triaged-session", first, domain="testserver.local")
        assert client.get("/").status_code == 303


def test_who_is_signed_in_is_not_asked_again(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        assert client.get("/sign-in?next=/status").headers["location"] == "/status"
        assert client.get("/sign-in?next=//evil.example").headers["location"] == "/"


@pytest.mark.parametrize("path", ["/", "/status", "/?page=2&q=a%20b", "/studies/1.2.3#history", "/a/../b", "/a//b"])
def test_one_comes_back_to_any_page_of_ours(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "status",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: x=y",
        " //evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\u2028/evil",
        "/\udcff",
        "/sign-out",
        "/sign-in?next=/sign-in",
        "@evil.example",
        ".evil.example",
    ],
)
def test_no_link_leads_to_another_site_after_signing_in(path: str) -> None:
    assert safe_path(path) == "/"


@pytest.mark.parametrize("wanted", ["//evil.example", "/%5Cevil.example", "https://evil.example", HOSTILE])
def test_the_form_leads_to_no_other_site_either(filled: Scene, wanted: str) -> None:
    with visit(filled, ACCOUNTS) as client:
        page = client.get("/sign-in", params={"next": wanted}).text
        assert HOSTILE not in page
        given = fields(page) | {"name": "Doe", "password": PASSWORD, "next": wanted}
        location = client.post("/sign-in", data=given).headers["location"]
        assert location in ("/", "/%5Cevil.example")  # the second is a path: nobody decodes it twice


def test_guessing_is_slowed_down_and_says_for_how_long(filled: Scene) -> None:
    with visit(filled, ACCOUNTS, address="10.6.6.6") as client:
        for _ in range(MOST_OF_AN_ACCOUNT):
            assert sign_in(client, password="guess").status_code == 401
        filled.now += timedelta(minutes=4, seconds=30)
        refused = sign_in(client)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "630"
        assert "Wait 11 minutes" in Page(refused.text).text
        filled.now += timedelta(seconds=630)
        assert sign_in(client).status_code == 303


def test_guesses_at_many_names_from_one_site_of_ipv6_are_slowed_down(filled: Scene) -> None:
    for number in range(MOST_OF_AN_ADDRESS):
        with visit(filled, ACCOUNTS, address=f"2001:db8::{number:x}") as client:
            assert sign_in(client, name=f"name-{number}").status_code == 401
    with visit(filled, ACCOUNTS, address="2001:db8::ffff:1") as client:
        assert sign_in(client).status_code == 429
    with visit(filled, ACCOUNTS, address="2001:db8:0:1::1") as client:
        assert sign_in(client).status_code == 303


def test_no_header_of_a_stranger_changes_the_address_that_is_counted(filled: Scene) -> None:
    with visit(filled, ACCOUNTS, address="10.6.6.6") as client:
        for number in range(MOST_OF_AN_ADDRESS):
            client.headers["X-Forwarded-For"] = f"10.7.7.{number}"
            sign_in(client, name=f"name-{number}")
        assert sign_in(client).status_code == 429


def test_a_doctor_signs_in_where_she_did_before_whatever_others_try(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as doctor, visit(filled, ACCOUNTS) as other:
        sign_in(doctor)
        doctor.post("/sign-out", data={"csrf": csrf(doctor)})
        for _ in range(MOST_OF_AN_ACCOUNT):
            sign_in(other, password="guess")
        assert sign_in(other).status_code == 429
        assert sign_in(doctor).status_code == 303


def test_the_log_says_who_and_from_where_and_never_what_was_typed(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client, capture_logs() as lines:
        sign_in(client, name="typed the password here", password="wrong")
        for _ in range(MOST_OF_AN_ACCOUNT + 1):
            sign_in(client, password="guess-guess", name="Roe")
        sign_in(client)
    assert {(line["event"], line.get("account"), line["address"]) for line in lines} == {
        ("sign-in failed", None, "10.0.0.1"),
        ("signed in", "Doe", "10.0.0.1"),
        ("sign-in refused after too many failures", None, "10.0.0.1"),
    }
    assert not [word for word in ("typed", "wrong", "guess", PASSWORD) if word in str(lines)]


def test_the_form_stands_alone_and_loads_nothing_from_elsewhere(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        answer = client.get("/sign-in")
    tags = [tag for tag, _ in Page(answer.text).elements]
    assert "script" not in tags
    assert tags.count("form") == 1
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_few_are_checked_at_once_some_wait_and_the_rest_are_sent_away() -> None:
    async def crowd() -> tuple[int, int, int]:
        turns, inside, most, served, refused = Turns(at_once=2, waiting=3), 0, 0, 0, 0
        leave = asyncio.Event()

        async def one() -> None:
            nonlocal inside, most, served, refused
            try:
                async with turns:
                    inside += 1
                    most = max(most, inside)
                    await leave.wait()
                    inside -= 1
                    served += 1
            except HTTPException as error:
                refused += error.status_code == HTTPStatus.SERVICE_UNAVAILABLE

        everybody = [asyncio.create_task(one()) for _ in range(9)]
        while refused < 4:
            await asyncio.sleep(0)
        leave.set()
        await asyncio.gather(*everybody)
        async with turns:
            return most, served, refused

    assert asyncio.run(crowd()) == (2, 5, 4)
