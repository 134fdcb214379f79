"""Who did and saw what on the pages: every route stands in the table, and what is said there happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.store.making import at
from tests.web.reading import csrf
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent
from triaged.web.auditing import AUDITED, NOT_AUDITED
from triaged.web.oidc.options import OidcOptions

STUDY = "1.2.826.0.1.3"


def _routes(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _routes(route.original_router.routes)
        elif hasattr(route, "methods"):
            yield from ((method, route.path) for method in route.methods if method != "HEAD")


def _rows(scene: Scene) -> list[Audited]:
    return Audits(scene.database).since(at(-1000))


def _events(scene: Scene) -> list[tuple[str, str, str]]:
    return [(row.event, row.person, row.study_uid) for row in _rows(scene)]


def test_every_route_is_audited_or_said_not_to_be(scene: Scene) -> None:
    oidc = OidcOptions("https://login.example", "triaged", "groups", {}, None, lambda: None)
    app: FastAPI = scene.app(access=replace(ACCOUNTS, origin="https://triage.example", oidc=oidc))
    assert set(AUDITED) & NOT_AUDITED == set()
    assert set(_routes(app.routes)) == set(AUDITED) | NOT_AUDITED


def test_what_a_reader_looks_at_and_decides_is_written(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        sign_in(client)
        name = _rows(filled)[-1].person
        client.get("/")
        client.get("/")
        client.get(f"/studies/{STUDY}")
        client.get(f"/studies/{STUDY}/thumbnail.png")
        client.get("/api/worklist")
        client.get("/api/workitems")
        client.get("/dicom-web/studies")
        sent = {"csrf": csrf(client), "kind": "PINNED", "detail": "says Mrs. Secret"}
        assert client.post(f"/studies/{STUDY}/actions", data=sent).status_code in (200, 303, 409)
        client.post("/sign-out", data={"csrf": csrf(client)})
    events = _events(filled)
    assert events[0] == ("signed-in", name, "")
    assert events.count(("list-viewed", name, "")) == 1
    for event, uid in [("study-viewed", STUDY), ("list-exported", ""), ("list-queried", ""), ("signed-out", "")]:
        assert (event, name, uid) in events
    assert not [row for row in _rows(filled) if "Secret" in row.detail + row.reason + row.target]
    assert all(row.address for row in _rows(filled))


def test_a_picture_that_is_there_is_written_and_one_that_is_not_is_not(filled: Scene) -> None:
    with TestClient(filled.app()) as client:
        assert client.get(f"/studies/{STUDY}/pictures/1.2.3.png").status_code == 404
        assert "pictures-viewed" not in [event for event, _, _ in _events(filled)]
        answer = client.get(f"/dicom-web/studies/{STUDY}/metadata")
        expected = 1 if answer.status_code == 200 else 0
        assert [event for event, _, _ in _events(filled)].count("pictures-viewed") == expected == 1


def test_who_fails_to_sign_in_is_written_with_the_name_that_was_tried(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        assert sign_in(client, name="mallory", password="wrong").status_code == 401
    (row,) = _rows(filled)
    assert (row.event, row.person, row.succeeded) == (AuditEvent.SIGNED_IN, "mallory", False)
    assert "wrong" not in row.target


def test_a_decision_is_written_with_what_was_decided(filled: Scene) -> None:
    with TestClient(filled.app()) as client:
        client.get("/")
        sent = {"csrf": csrf(client), "kind": "PINNED"}
        answer = client.post(f"/studies/{STUDY}/actions", data=sent, follow_redirects=False)
        assert answer.status_code == 303, answer.text
    (row,) = [row for row in _rows(filled) if row.event is AuditEvent.DECISION]
    assert (row.study_uid, row.target, row.detail) == (STUDY, "actions", "PINNED")


def test_what_is_refused_to_a_reader_is_written(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        filled.accounts.add(READER, PASSWORD, now=filled.now)
        sign_in(client, name=READER.name)
        assert client.get("/people").status_code == 403
    row = _rows(filled)[-1]
    assert (row.event, row.target, row.succeeded) == (AuditEvent.ACCESS_REFUSED, "GET /people", False)
