"""Forges changes, sessions, redirects and passwords: part of `tests.breaking.doors`. Knows no page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.breaking.door_keys import Door, keys, session_of
from tests.breaking.doors_clinic import STUDY, tables
from tests.breaking.doors_words import HOSTILE_TARGETS
from tests.breaking.trial import Trial
from tests.web.reading import csrf
from tests.web.scene import Scene
from tests.web.visiting import PASSWORD, fields

_ACTIONS = f"/studies/{STUDY}/actions"
_FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
_LIMIT_OF_GUESSES = 40


def changes_need_the_own_token(trial: Trial, scene: Scene) -> None:
    """Act on a study with no token, another's, an old one, or from another site; and once as it is meant."""
    with ExitStack() as stack:
        reader, other = (
            stack.enter_context(key.open(scene)) for key in keys(scene) if str(key).startswith("accounts, r")
        )
        _act_in_vain(trial, scene, reader, csrf(other.client))
        before = tables(scene)
        sent = {"kind": "READING", "csrf": csrf(reader.client)}
        answer = reader.client.post(_ACTIONS, data=sent)
        trial.expect(answer.status_code == 303, f"expected the own token to work, found {answer.status_code}")
        trial.expect(
            tables(scene) != before, "expected an action to change the tables: else nothing above says anything"
        )


def _act_in_vain(trial: Trial, scene: Scene, reader: Door, of_another: str) -> None:
    own, before = csrf(reader.client), tables(scene)
    for token in ("", "0" * 64, own[:-1], own.upper(), of_another, f"{own}0"):
        what = f"a change with the token {token[:8]!r}"
        _expect_refused(trial, reader.client.post(_ACTIONS, data={"kind": "READING", "csrf": token}), what)
        _expect_refused(trial, reader.client.post(_ACTIONS, headers={"X-CSRF-Token": token}), what)
    for headers in _FOREIGN:
        answer = reader.client.post(_ACTIONS, data={"kind": "READING", "csrf": own}, headers=dict(headers))
        _expect_refused(trial, answer, f"a change from another site: {headers}")
    trial.expect(tables(scene) == before, "expected no change by foreign tokens and sites")


def _expect_refused(trial: Trial, answer: Response, what: str) -> None:
    trial.count("forged changes")
    trial.expect(answer.status_code in (403, 413), f"{what}: expected 403, found {answer.status_code}")


def sessions_are_made_not_taken(trial: Trial, scene: Scene) -> None:
    """Plant a session, sign in, and look at what the cookies are like; then sign out and try the old one."""
    for origin, prefix in (("http://testserver", ""), ("https://testserver", "__Host-")):
        key = next(each for each in keys(scene, origin=origin) if str(each) == "accounts, nobody")
        with key.open(scene) as door:
            planted, name = "0" * 64, f"{prefix}triaged-session"
            door.client.headers["Cookie"] = f"{name}={planted}"
            given = fields(door.client.get("/sign-in").text)
            del door.client.headers["Cookie"]
            given = fields(door.client.get("/sign-in").text) | {"name": "Doe", "password": PASSWORD}
            answer = door.client.post("/sign-in", data=given, headers={"Origin": origin})
            cookies = [value for header, value in answer.headers.multi_items() if header == "set-cookie"]
            wanted = ["httponly", "samesite=lax", "path=/", *(["secure"] if prefix else [])]
            missing = [flag for cookie in cookies for flag in wanted if flag not in cookie.lower()]
            trial.expect(
                cookies and not missing, f"{origin}: expected cookies with {wanted}, found {len(missing)} missing"
            )
            session = session_of(answer, name)
            trial.expect(len(session) == 64 and session != planted, f"{origin}: expected a session of its own")
            _expect_signed_out(trial, door.client, {"Cookie": f"{name}={planted}"}, "a planted session")
            token = csrf(door.client)
            door.client.post("/sign-out", data={"csrf": token}, headers={"Origin": origin})
            door.client.cookies.clear()
            _expect_signed_out(trial, door.client, {"Cookie": f"{name}={session}"}, "a session after signing out")


def _expect_signed_out(trial: Trial, client: TestClient, headers: dict[str, str], what: str) -> None:
    with closing(TestClient(client.app, client=("10.0.0.7", 1), follow_redirects=False)) as stranger:
        answer = stranger.get("/api/worklist", headers=headers)
    trial.count("sessions tried")
    trial.expect(answer.status_code == 401, f"{what}: expected 401, found {answer.status_code}")


def redirects_stay_here(trial: Trial, scene: Scene) -> None:
    """Ask to be led elsewhere after signing in, before it, and after an action."""
    key = next(each for each in keys(scene) if str(each) == "accounts, reader")
    with key.open(scene) as door:
        token = csrf(door.client)
        for target in HOSTILE_TARGETS:
            answers = [
                door.client.get("/sign-in", params={"next": target}),
                door.client.post(_ACTIONS, data={"kind": "READING", "csrf": token, "next": target}),
            ]
            for answer in answers:
                there = answer.headers.get("location", "/")
                parts = urlsplit(there)
                is_here = (
                    not parts.netloc and not parts.scheme and there.startswith("/") and there[1:2] not in ("/", "\\")
                )
                trial.count("redirects")
                trial.expect(is_here, f"next={target!r}: expected a path of ours, found {there!r}")
                trial.expect("a" not in answer.cookies, f"next={target!r}: expected no header of theirs")


def guessing_ends_and_keeps_nobody_out(trial: Trial, scene: Scene) -> None:
    """Guess passwords from one address under many names and addresses, while somebody else signs in elsewhere."""
    key = next(each for each in keys(scene) if str(each) == "accounts, nobody")
    with key.at("10.0.0.44").open(scene) as guesser, key.at("10.0.0.55").open(scene) as person:
        given = fields(guesser.client.get("/sign-in").text)
        statuses = []
        for number in range(_LIMIT_OF_GUESSES):
            forged = {"X-Forwarded-For": f"10.9.9.{number}"}
            wrong = given | {"name": f"guess{number % 5}", "password": f"wrong {number}"}
            statuses.append(guesser.client.post("/sign-in", data=wrong, headers=forged).status_code)
        trial.note("guesses before the limit", statuses.count(401))
        trial.expect(
            set(statuses) <= {401, 429} and 429 in statuses, f"expected guessing to end, found {set(statuses)}"
        )
        given = fields(person.client.get("/sign-in").text) | {"name": "René", "password": PASSWORD}
        answer = person.client.post("/sign-in", data=given)
        trial.expect(answer.status_code == 303, f"expected somebody elsewhere to sign in, found {answer.status_code}")
