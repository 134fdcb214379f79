"""Tries every door of the web: `python -m tests.breaking.doors --seed 7 --minutes 10`.

Every route is found from the application itself and asked by nobody, a reader and an administrator, in each mode of
access; then tokens, sessions, redirects, headers of proxies, odd methods and paths, guessed passwords, and random
requests as long as time is left. Names, numbers and texts of the clinic's patients must be in no answer to nobody, and
the tables must be what they were. The doors of DICOM are tried elsewhere, by DCMTK's tools. Knows no page.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.breaking.door_keys import Door, Key, keys, session_of
from tests.breaking.doors_markup import markup
from tests.breaking.doors_words import FORGED, HOSTILE_TARGETS, PARTS, WORDS, spellings
from tests.breaking.trial import Trial, run_alone
from tests.breaking.web_crowds import answers, waits_until
from tests.browser.serving import served
from tests.web.reading import csrf
from tests.web.scene import Scene, clinic
from tests.web.visiting import PASSWORD, fields
from triaged.spool.files import Spool
from triaged.store.tables.database import migrate, open_database

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW")
SECRETS = ("Ivanova", "Muster", "García", "山田", "P-3", "A-3", "19560412", "CT thorax", "MODALITY<1>")
"""What the clinic's patients and senders are known by."""
STUDY = "1.2.826.0.1.3"
ACTIONS = f"/studies/{STUDY}/actions"
FOR_EVERYBODY = ("/health", "/health/live", "/health/ready", "/sign-in", "/static")
FOR_ADMINISTRATORS = "/people"
_FOREIGN: tuple[Mapping[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
_LIMIT_OF_GUESSES = 40


def doors(trial: Trial, folder: Path) -> None:
    """Try every door, and random ones while time is left."""
    with clinic_of(folder) as scene:
        for key in keys(scene):
            _every_route(trial, scene, key)
        _paths_in_other_spellings(trial, scene)
        _changes_need_the_own_token(trial, scene)
        _sessions_are_made_not_taken(trial, scene)
        _redirects_stay_here(trial, scene)
        _strangers_headers_are_not_believed(trial, scene)
        _guessing_ends_and_keeps_nobody_out(trial, scene)
        _random_requests(trial, scene)


@contextmanager
def clinic_of(folder: Path) -> Iterator[Scene]:
    """Return a clinic's worth of studies in a folder."""
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    migrate(database)
    scene = clinic(Scene(database, Spool(folder / "spool", reserve_mb=0)))
    yield scene
    database.close()


def routes_of(app: FastAPI) -> list[str]:
    """Return the path of every route of an application, with values for what is variable in it."""

    def paths(routes: Iterable[Any]) -> Iterator[str]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from paths(route.original_router.routes)
            else:
                yield route.path

    values = {
        "uid": "1.2.826.0.1.3",
        "study_instance_uid": "1.2.826.0.1.3",
        "sop_instance_uid": "2.25.310",
        "index": "0",
    }
    return sorted({path.format(**values) for path in paths(app.routes)})


def _every_route(trial: Trial, scene: Scene, key: Key) -> None:
    """Ask for every route by every method; without a token nothing may change for anybody."""
    before = tables(scene)
    with key.open(scene) as door:
        for path in routes_of(door.app):
            for method in METHODS:
                _ask(trial, door, method, path)
    trial.expect(tables(scene) == before, f"{key}: expected tables as before, found a change without a token")


def _ask(trial: Trial, door: Door, method: str, path: str) -> None:
    """Ask once, and look whether the answer is for whoever asks."""
    if door.is_stream(path) and method == "GET" and door.key.role != "nobody":
        return
    answer = door.client.request(method, path)
    what = f"{door.key}: {method} {path}: {answer.status_code}"
    trial.count("requests")
    trial.expect(answer.status_code < 500, f"{what}: expected no error of ours")
    trial.expect("content-security-policy" in answer.headers, f"{what}: expected the headers that protect pages")
    path = urlsplit(str(answer.request.url)).path  # as this client tidied it
    is_open = path.startswith(FOR_EVERYBODY)
    if door.key.role == "nobody":
        trial.count("refused to nobody", answer.status_code >= 300)
        trial.expect(is_open or answer.status_code >= 300, f"{what}: expected to be turned away")
        found = [secret for secret in SECRETS if secret in answer.text]
        trial.expect(not found, f"{what}: expected nothing of a patient, found {len(found)} texts")
    if door.key.role == "reader" and path.startswith(FOR_ADMINISTRATORS):
        trial.expect(answer.status_code >= 300, f"{what}: expected to be for administrators")
    if door.key.role != "nobody" and answer.status_code == 200:
        trial.count("shown to people")
    if method not in ("GET", "HEAD", "OPTIONS"):
        trial.expect(answer.status_code >= 400, f"{what}: expected a refusal without a token")


def _paths_in_other_spellings(trial: Trial, scene: Scene) -> None:
    """Ask, as nobody, for every path as some servers take for the same and some guards do not; no client tidies it."""
    key = next(each for each in keys(scene) if str(each) == "accounts, nobody")
    app = scene.app(access=key.access)
    with served(app) as address:
        assert waits_until(lambda: answers(int(address.rpartition(":")[2])), within_s=20)
        for path in routes_of(app):
            for spelling in spellings(path):
                status, body = _asked_raw(address, spelling)
                found = [secret for secret in SECRETS if secret in body]
                trial.count("spellings of paths")
                trial.expect(
                    not found, f"{spelling}: {status}: expected nothing of a patient, found {len(found)} texts"
                )
                is_open = unquote(spelling).partition("?")[0] in FOR_EVERYBODY or spelling.startswith("/static/")
                trial.expect(is_open or status >= 300, f"{spelling}: {status}: expected to be turned away")
                trial.expect(status < 500, f"{spelling}: {status}: expected no error of ours")


def _asked_raw(address: str, path: str) -> tuple[int, str]:
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=20)) as connection:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", "testserver")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def _changes_need_the_own_token(trial: Trial, scene: Scene) -> None:
    """Act on a study with no token, another's, an old one, or from another site; and once as it is meant."""
    with ExitStack() as stack:
        reader, other = (
            stack.enter_context(key.open(scene)) for key in keys(scene) if str(key).startswith("accounts, r")
        )
        _act_in_vain(trial, scene, reader, csrf(other.client))
        before = tables(scene)
        sent = {"kind": "READING", "csrf": csrf(reader.client)}
        answer = reader.client.post(ACTIONS, data=sent)
        trial.expect(answer.status_code == 303, f"expected the own token to work, found {answer.status_code}")
        trial.expect(
            tables(scene) != before, "expected an action to change the tables: else nothing above says anything"
        )


def _act_in_vain(trial: Trial, scene: Scene, reader: Door, of_another: str) -> None:
    own, before = csrf(reader.client), tables(scene)
    for token in ("", "0" * 64, own[:-1], own.upper(), of_another, f"{own}0"):
        what = f"a change with the token {token[:8]!r}"
        _expect_refused(trial, reader.client.post(ACTIONS, data={"kind": "READING", "csrf": token}), what)
        _expect_refused(trial, reader.client.post(ACTIONS, headers={"X-CSRF-Token": token}), what)
    for headers in _FOREIGN:
        answer = reader.client.post(ACTIONS, data={"kind": "READING", "csrf": own}, headers=dict(headers))
        _expect_refused(trial, answer, f"a change from another site: {headers}")
    trial.expect(tables(scene) == before, "expected no change by foreign tokens and sites")


def _expect_refused(trial: Trial, answer: Response, what: str) -> None:
    trial.count("forged changes")
    trial.expect(answer.status_code in (403, 413), f"{what}: expected 403, found {answer.status_code}")


def _sessions_are_made_not_taken(trial: Trial, scene: Scene) -> None:
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


def _redirects_stay_here(trial: Trial, scene: Scene) -> None:
    """Ask to be led elsewhere after signing in, before it, and after an action."""
    key = next(each for each in keys(scene) if str(each) == "accounts, reader")
    with key.open(scene) as door:
        token = csrf(door.client)
        for target in HOSTILE_TARGETS:
            answers = [
                door.client.get("/sign-in", params={"next": target}),
                door.client.post(ACTIONS, data={"kind": "READING", "csrf": token, "next": target}),
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


def _strangers_headers_are_not_believed(trial: Trial, scene: Scene) -> None:
    """Say what only a proxy may say, and call the open list by another name."""
    for key in keys(scene):
        if key.role != "nobody" or key.is_proxy:
            continue
        with key.open(scene) as door:
            for path in routes_of(door.app):
                if path.startswith(FOR_EVERYBODY):
                    continue
                answer = door.client.get(path, headers=FORGED)
                trial.count("forged headers")
                found = [secret for secret in SECRETS if secret in answer.text]
                trial.expect(answer.status_code >= 300 and not found, f"{key}: {path} with a proxy's headers: shown")


def _guessing_ends_and_keeps_nobody_out(trial: Trial, scene: Scene) -> None:
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


def _random_requests(trial: Trial, scene: Scene) -> None:
    """Ask what nobody would ask, as everybody, while time is left."""
    opened = [key for key in keys(scene) if key.mode == "accounts"]
    with ExitStack() as stack:
        all_doors = [stack.enter_context(key.open(scene)) for key in opened]
        paths = routes_of(all_doors[0].app)
        before = tables(scene)
        while trial.left_s > 0:
            door = trial.random.choice(all_doors)
            method, path = trial.random.choice(METHODS), _mangled(trial, trial.random.choice(paths))
            query = "&".join("=".join(trial.random.choices(WORDS, k=2)) for _ in range(trial.random.randrange(4)))
            _ask(trial, door, method, f"{path}?{query}" if query else path)
        trial.expect(tables(scene) == before, "random requests: expected tables as before, found a change")


def _mangled(trial: Trial, path: str) -> str:
    parts = path.split("/")
    parts[trial.random.randrange(len(parts))] = trial.random.choice(PARTS)
    return "/" + "/".join(parts).lstrip("/")


def tables(scene: Scene) -> str:
    """Return a digest of all that is kept, but sessions, sign-ins and when somebody was seen."""
    path = Path(str(scene.database._engine.url.database))
    digest = sha256()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
            if name not in ("session", "sign_in_attempt", "account"):
                digest.update(
                    f"{name}{database.execute(f'SELECT * FROM {name}').fetchall()}".encode("utf-8", "replace")
                )
    return digest.hexdigest()


def main() -> int:
    """Try the doors from the command line."""

    def tried(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
        for part in ("pages", "doors"):
            (folder / part).mkdir()
        with clinic_of(folder / "pages") as scene:
            markup(trial, scene)
        doors(trial, folder / "doors")

    return run_alone("doors", tried)


if __name__ == "__main__":
    sys.exit(main())
