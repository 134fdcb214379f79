"""What the administrator's page and `/health` say of sites, and that DICOMweb takes no new study of a drained one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.web import scene as scenes
from tests.web.administered import administered
from tests.web.dicomweb.test_store import image, reasons, store
from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.rules.conditions import TextCondition
from triaged.rules.matching import Rules
from triaged.rules.sites import Site
from triaged.steps.intake import Intake
from triaged.steps.ranking_policy import ranking_policy
from triaged.web.health import Surroundings

NORTH = Site("north", "North Hospital", TextCondition(("STOW-RS",)), share=3)
SOUTH = Site("south", "South Clinic")
DRAINED = replace(NORTH, drained=True)


@pytest.fixture
def sited(scene: Scene) -> Scene:
    """Three studies that wait: two of the one site, one of none."""
    for number in range(1, 4):
        scene.arrive(number, minutes=number)
    scene.at_site("north", 1, 2)
    return scene


@pytest.fixture
def administrator(sited: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A browser of a daemon one of whose sites is drained."""
    acting = replace(administered(sited), sites=(DRAINED, SOUTH))
    monkeypatch.setattr(scenes, "administered", lambda _: acting)
    with TestClient(sited.app(surroundings=Surroundings(sites=(DRAINED, SOUTH)))) as client:
        yield client


def test_the_administrator_sees_what_is_left_of_each_site(administrator: TestClient) -> None:
    names = ("North Hospital", "South Clinic", "of no site")
    rows = [row for row in opened(administrator, "/admin").rows if row[0] in names]
    assert [(row[0], row[1]) for row in rows] == [(names[0], "3"), (names[1], "1"), (names[2], "1")]
    assert rows[0][-1].startswith("draining: 2 ")
    assert rows[1][-1] == "nothing left"
    assert rows[2][-1].startswith("1 ")


def test_without_sites_the_page_has_no_table_of_them(sited: Scene) -> None:
    with TestClient(sited.app()) as client:
        assert "of no site" not in opened(client, "/admin").text


def test_health_warns_as_long_as_a_site_is_drained_and_does_not_fail_by_it(
    administrator: TestClient, sited: Scene
) -> None:
    def said() -> list[str]:
        return [each for each in administrator.get("/health").json()["warnings"] if each.startswith("site ")]

    (warning,) = said()
    assert warning.startswith("site north takes no new studies, draining: 2 ")
    sited.at_site("south", 1, 2)
    with TestClient(sited.app(surroundings=Surroundings(sites=(DRAINED, SOUTH)))) as later:
        found = [each for each in later.get("/health").json()["warnings"] if each.startswith("site ")]
    assert found == ["site north takes no new studies, drained: nothing left"]


def test_dicomweb_refuses_new_studies_of_a_drained_site(scene: Scene) -> None:
    def taking(site: Site) -> TestClient:
        rules = Rules(sites=(site, SOUTH))
        placing = ranking_policy(scenes.OPTIONS)
        scene.intake = Intake(
            scene.studies, scene.studies, scene.spool, ranking_policy=placing, receiver="web", rules=rules
        )
        return TestClient(scene.app())

    refused = store(taking(DRAINED), image(1), image(2))
    assert (refused.status_code, reasons(refused)) == (503, [0xA700, 0xA700])
    assert store(taking(NORTH), image(1)).status_code == 200
    assert store(taking(DRAINED), image(2)).status_code == 200, "of a study that is here"
