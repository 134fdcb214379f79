"""Accounts that see the studies of some sites alone: through no door, by no count and no neighbour those of others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.store.making import PATIENT, admit, at, claimed, commit, instance, ranking, study_uid
from tests.web.reading import csrf
from tests.web.scene import Scene
from tests.web.sliced import sliced
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit
from triaged.dicom.workitem import workitem_uid
from triaged.study.people import AccessRole, Person
from triaged.web.oidc.options import OidcOptions
from triaged.web.options import ViewerKind
from triaged.web.paths import named_study
from triaged.web.sight import NARROWED, NO_STORING, WITHOUT_STUDIES

SITES = {"north": "North Hospital", "south": "South Clinic"}
BOUND = Person("Nora", AccessRole.READER, frozenset({"north"}))
OWN, OTHERS = (1, 2), (3, 4, 5)
FOREIGN, UNKNOWN = study_uid(3).value, study_uid(99).value
SECRETS = ("Southern", "P-3", "P-4", "A-3", *(study_uid(number).value for number in OTHERS), "South Clinic")
VALUES = {
    "series_uid": "1.2.826.0.2.1",
    "sop_instance_uid": "2.25.310",
    "numbers": "1",
    "path": "00420011",
    "index": "0",
    "number": "1",
    "row": "0",
    "column": "0",
}
LISTS = (
    "/",
    "/?show=all",
    "/?show=ignored",
    "/?site=north",
    "/?order=latest",
    "/?q=Roe",
    "/wall",
    "/wall?site=south",
    "/api/worklist",
    "/api/worklist?modality=ct",
    "/api/workitems",
    "/dicom-web/studies",
    "/dicom-web/series",
    "/dicom-web/instances",
    f"/studies/{study_uid(1).value}",
    f"/api/worklist/{study_uid(2).value}",
)


@pytest.fixture
def two_sites(scene: Scene) -> Scene:
    """Two studies of the one site, three of the other, with pictures of all."""
    for number in (*OTHERS[:2], *OWN, OTHERS[2]):
        name = "Roe^Jane" if number in OWN else "Southern^Jane"
        scene.scored(number, minutes=10 * number, right=0.4, left=0.2, p=0.9, name=name, picture=True)
    scene.at_site("north", *OWN)
    scene.at_site("south", *OTHERS)
    return scene


@contextmanager
def seen_by(scene: Scene, person: Person = BOUND, **says: Any) -> Iterator[TestClient]:
    scene.accounts.add(person, PASSWORD, now=scene.now)
    with TestClient(
        scene.app(access=ACCOUNTS, sites=SITES, **says),
        base_url="http://testserver",
        client=("10.0.0.1", 50000),
        follow_redirects=False,
    ) as client:
        sign_in(client, name=person.name)
        yield client


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    """Return method and path of every route, as `request.scope` has them."""

    def found(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
        for route in routes:
            if hasattr(route, "original_router"):
                yield from found(route.original_router.routes)
            elif hasattr(route, "methods"):
                yield from ((method, route.path) for method in route.methods if method != "HEAD")

    return set(found(app.routes))


def whole(scene: Scene) -> FastAPI:
    """Return the application with everything that it can have."""
    oidc = OidcOptions("https://login.example", "triaged", "groups", {}, None, lambda: None)
    access = replace(ACCOUNTS, origin="https://triage.example", oidc=oidc)
    return scene.app(access=access, sites=SITES, viewer=ViewerKind.OHIF, viewer_path=Path("/nowhere"))


def ask(client: TestClient, route: tuple[str, str], uid: str) -> Response:
    method, path = route
    if route in NO_STORING:
        path = f"/dicom-web{path}"
    values = {**VALUES, **dict.fromkeys(("uid", "study_instance_uid", "study_uid"), uid)}
    address = path.replace(":path}", "}").format(**values)
    if method == "GET":
        return client.get(address)
    sent = {"csrf": csrf(client), "kind": "PINNED", "verdict": "AGREE", "to": "Nora"}
    return client.post(address, data=sent)


def is_of_study(path: str) -> bool:
    return bool(named_study(dict.fromkeys(re.findall(r"{(\w+)", path), "1")))


def plain(answer: Response) -> tuple[int, str, str | None]:
    """Return an answer without the token of the list and of the session."""
    text = re.sub(r'data-version="\w*"', "", answer.text)
    return answer.status_code, text, answer.headers.get("X-Total-Count")


def test_every_route_that_names_a_study_answers_as_for_one_that_is_not_there(two_sites: Scene) -> None:
    of_studies = sorted(route for route in routes_of(whole(two_sites)) if is_of_study(route[1]))
    assert len(of_studies) > 30
    with seen_by(two_sites, viewer=ViewerKind.WEASIS) as client:
        for route in of_studies:
            foreign, unknown = ask(client, route, FOREIGN), ask(client, route, UNKNOWN)
            expected = 403 if route in NO_STORING else 404
            assert (foreign.status_code, unknown.status_code) == (expected, expected), route
            assert foreign.text.replace(FOREIGN, "") == unknown.text.replace(UNKNOWN, ""), route
        assert two_sites.readers.actions(FOREIGN) == []
    with seen_by(two_sites, READER, viewer=ViewerKind.WEASIS) as client:
        answers = {ask(client, route, FOREIGN).status_code for route in of_studies if route[0] == "GET"}
        assert 200 in answers


def test_every_other_route_is_narrowed_or_shows_no_study_or_is_closed(two_sites: Scene) -> None:
    routes = {route for route in routes_of(whole(two_sites)) if not is_of_study(route[1])}
    assert routes >= NARROWED | WITHOUT_STUDIES
    assert set() == NARROWED & WITHOUT_STUDIES
    with seen_by(two_sites) as client:
        for route in sorted(routes - NARROWED - WITHOUT_STUDIES - {("GET", "/api/openapi.json")}):
            assert ask(client, route, "").status_code == 403, route


def test_a_route_that_nobody_thought_of_is_closed(two_sites: Scene) -> None:
    app = two_sites.app(access=ACCOUNTS, sites=SITES)
    app.get("/api/everything")(lambda: ["all studies"])
    two_sites.accounts.add(BOUND, PASSWORD, now=two_sites.now)
    with TestClient(app, base_url="http://testserver", client=("10.0.0.1", 50000)) as client:
        sign_in(client, name=BOUND.name)
        assert client.get("/api/everything").status_code == 403


@pytest.mark.parametrize("path", LISTS)
def test_no_list_names_or_counts_what_is_of_others(two_sites: Scene, path: str) -> None:
    with seen_by(two_sites) as client:
        before = client.get(path)
        assert before.status_code == 200
        assert not [secret for secret in SECRETS if secret in before.text]
        two_sites.arrive(6, minutes=-500, name="Southern^Late")
        two_sites.arrive(7, minutes=-500, name="Southern^Later")
        two_sites.at_site("south", 6)  # 7 is of no site
        assert plain(client.get(path)) == plain(before)


def test_the_list_of_the_bound_is_their_own(two_sites: Scene) -> None:
    with seen_by(two_sites) as client:
        found = client.get("/api/worklist")
        assert [(each["study_instance_uid"], each["position"]) for each in found.json()] == [
            (study_uid(1).value, 1),
            (study_uid(2).value, 2),
        ]
        assert found.headers["X-Left-Out-Count"] == "0"
        assert len(client.get("/dicom-web/studies").json()) == 2
        assert len(client.get("/api/workitems").json()) == 2
        for path in ("/api/worklist?site=south", "/api/worklist?site=other"):
            assert client.get(path).status_code == 400
        assert 'name="site"' not in client.get("/").text
        assert 'href="/figures"' not in client.get("/").text
        assert 'id="drop"' not in client.get("/").text, "nothing can be stored"


def test_the_next_study_is_one_of_theirs(two_sites: Scene) -> None:
    with seen_by(two_sites) as client:
        to = [
            client.get(f"/next?{query}").headers["location"]
            for query in ("", f"step=after&uid={study_uid(1).value}", f"step=after&uid={study_uid(2).value}")
        ]
        assert to == [f"/studies/{study_uid(1).value}", f"/studies/{study_uid(2).value}", "/"]
        asked = client.get(f"/next?step=after&uid={FOREIGN}").headers["location"]
        assert asked == client.get(f"/next?step=after&uid={UNKNOWN}").headers["location"]


def test_what_is_of_others_is_not_reached_through_a_study_of_theirs(two_sites: Scene) -> None:
    own = study_uid(1).value
    sop, received = "2.25.310", "1.2.826.0.3.3.1"
    with seen_by(two_sites) as client:
        assert client.get(f"/studies/{own}").status_code == 200
        assert client.get(f"/studies/{own}/pictures/{sop}.png").status_code == 404
        for instance in (sop, received):
            address = f"/dicom-web/studies/{own}/series/1.2.826.0.2.1/instances/{instance}"
            assert client.get(address).status_code == 404
        assert client.get(f"/dicom-web/studies?SOPInstanceUID={received}").status_code == 204
        assert client.get(f"/dicom-web/studies?StudyInstanceUID={FOREIGN}").status_code == 204
        assert client.get(f"/api/workitems/{workitem_uid(FOREIGN)}").status_code == 404
        assert client.get(f"/api/workitems/{workitem_uid(own)}").status_code == 200


def test_the_page_of_a_study_tells_of_no_study_of_others(two_sites: Scene) -> None:
    uid = study_uid(1).value
    page = f"/studies/{uid}"
    with seen_by(two_sites, READER) as client:
        everything = client.get(page).text
    assert "of 5" in everything
    with seen_by(two_sites) as client:
        text = client.get(page).text
    assert "1 of 2" in text
    assert "That study" not in text
    assert "moves caused by" not in text


def test_an_earlier_study_of_the_patient_at_another_site_is_not_shown(scene: Scene, tmp_path: Path) -> None:
    then = sliced(scene, 2, tmp_path / "then", patient_id="P", date="20260220")
    sliced(scene, 3, tmp_path / "now", minutes=3, patient_id="P")
    scene.at_site("south", 2)
    scene.at_site("north", 3)
    page = f"/studies/{study_uid(3).value}"
    with seen_by(scene, READER) as client:
        assert then in client.get(page).text
    with seen_by(scene) as client:
        assert then not in client.get(page).text
        assert "2026-02-20" not in client.get(page).text
        scene.at_site("north", 2)
        assert then in client.get(page).text, "both are theirs now"


def test_a_study_of_another_site_that_contradicts_the_patient_is_not_shown(scene: Scene) -> None:
    for number, (born, date) in enumerate((("19560412", "20250101"), ("19700102", "20260301")), start=1):
        who = replace(PATIENT, patient_birth_date=born, study_date=date)
        admit(scene.studies, instance(number, 1), patient=who)
        pending = ranking(0, study_uid(number))
        scene.studies.complete(study_uid(number), 1, ranking=pending, cause="whole", now=at(0))
        commit(scene.studies, claimed(scene.studies))
    scene.at_site("south", 1)
    scene.at_site("north", 2)
    with seen_by(scene) as client:
        text = client.get(f"/studies/{study_uid(2).value}").text
    assert study_uid(1).value not in text
    assert "of this ID" not in text


def test_an_instance_that_is_also_in_a_study_of_another_site_is_not_told(scene: Scene) -> None:
    scene.arrive(1, minutes=0)
    scene.arrive(2, minutes=1)
    twice = replace(instance(2, 7), sop_instance_uid=instance(1, 1).sop_instance_uid)
    admit(scene.studies, twice, minutes=2)
    scene.at_site("south", 1)
    scene.at_site("north", 2)
    page = f"/studies/{study_uid(2).value}"
    with seen_by(scene, READER) as client:
        assert f"also kept in the study {study_uid(1).value}" in client.get(page).text
    with seen_by(scene) as client:
        assert study_uid(1).value not in client.get(page).text


def test_a_study_that_becomes_another_sites_is_gone_at_once(two_sites: Scene) -> None:
    page = f"/studies/{study_uid(1).value}"
    with seen_by(two_sites) as client:
        assert client.get(page).status_code == 200
        two_sites.at_site("south", 1)
        assert client.get(page).status_code == 404
        two_sites.at_site("", 1)
        assert client.get(page).status_code == 404, "it is of no site"


def test_sites_of_an_account_count_from_the_next_request_on(two_sites: Scene) -> None:
    page = f"/studies/{FOREIGN}"
    with seen_by(two_sites) as client:
        assert client.get(page).status_code == 404
        assert two_sites.accounts.set_sites("nora", frozenset({"north", "south"}))
        assert client.get(page).status_code == 200
        assert client.get("/figures").status_code == 403
        assert 'name="site"' in client.get("/").text, "two sites to choose between"
        assert two_sites.accounts.set_sites("nora", frozenset())
        assert client.get("/figures").status_code == 200


def test_an_administrator_is_bound_to_no_site(two_sites: Scene) -> None:
    with visit(two_sites, ACCOUNTS):
        assert not two_sites.accounts.set_sites("Doe", frozenset({"north"}))
    assert not two_sites.accounts.set_sites("nobody", frozenset({"north"}))


def test_an_account_of_a_site_that_is_gone_sees_nothing_more(two_sites: Scene) -> None:
    with seen_by(two_sites, replace(BOUND, sites=frozenset({"closed"}))) as client:
        assert client.get("/api/worklist").json() == []
        assert client.get(f"/studies/{study_uid(1).value}").status_code == 404


def test_people_see_who_sees_what(two_sites: Scene) -> None:
    with seen_by(two_sites) as client:
        assert "reader of north" in client.get("/").text
    with visit(two_sites, ACCOUNTS) as client:
        sign_in(client)
        assert "reader of north" in client.get("/people").text
