"""Who may take what by DICOMweb: the same people as see the pages, and what is written down of it."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from structlog.testing import capture_logs

from tests.web.dicomweb.site import BASE, SERIES, SLICE, STUDY
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, sign_in, visit
from triaged.web.dicomweb.paths import Address
from triaged.web.dicomweb.trail import QUIET_S, Trail
from triaged.web.identity import AccessOptions, Mode

PATHS = (
    f"{BASE}/studies",
    f"{BASE}/studies/{STUDY}",
    f"{BASE}/studies/{STUDY}/metadata",
    f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SLICE.format(1)}/frames/1",
    f"{BASE}/studies/{STUDY}/thumbnail",
)


@pytest.mark.parametrize("path", PATHS)
def test_who_has_not_signed_in_gets_nothing_and_no_form(scene: Scene, path: str) -> None:
    with visit(scene, ACCOUNTS) as client:
        response = client.get(path)
        assert response.status_code == 401
        assert set(response.json()) == {"detail"}


def test_who_has_signed_in_on_a_page_is_known_here(scene: Scene) -> None:
    with visit(scene, ACCOUNTS) as client:
        sign_in(client)
        assert client.get(f"{BASE}/studies").status_code == 204


def test_whom_the_proxy_lets_in_without_a_role_is_turned_away(scene: Scene) -> None:
    access = AccessOptions(mode=Mode.PROXY, proxies=("10.0.0.1",))
    with visit(scene, access) as client:
        assert client.get(f"{BASE}/studies").status_code == 401
        assert client.get(f"{BASE}/studies", headers={"Remote-User": "doe"}).status_code == 204


def test_another_name_of_this_machine_gets_nothing_while_the_list_is_open(scene: Scene) -> None:
    with TestClient(scene.app(access=AccessOptions()), base_url="http://evil.example") as client:
        assert client.get(f"{BASE}/studies").status_code == 403


def test_a_retrieval_is_one_line_of_log_that_names_the_study_and_no_patient(site: Scene) -> None:
    path = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances"
    with TestClient(site.app()) as client, capture_logs() as lines:
        for number in range(20, 25):
            assert client.get(f"{path}/{SLICE.format(number)}/frames/1").status_code == 200
        client.get(f"{BASE}/studies/{STUDY}/metadata")
    told = [each for each in lines if each["event"] == "retrieved by DICOMweb"]
    assert [(each["what"], each["of"], each["study_instance_uid"]) for each in told] == [
        ("frames", "instance", STUDY),
        ("metadata", "study", STUDY),
    ]
    assert set(told[0]) == {"event", "log_level", "study_instance_uid", "what", "of", "account", "address"}
    assert told[0]["account"] == "local"


def test_the_same_again_is_told_after_five_minutes() -> None:
    now = [0.0]
    trail = Trail(lambda: now[0])
    request = Request({"type": "http", "client": ("10.0.0.9", 1), "state": {}, "headers": []})
    told = []
    for seconds in (0.0, 1.0, QUIET_S - 1, QUIET_S + 1):
        now[0] = seconds
        with capture_logs() as lines:
            trail.retrieved(request, Address(STUDY), "frames")
        told.append(len(lines))
    assert told == [1, 0, 0, 1]
