"""The modality of every study, and the list narrowed to one: never without saying how many studies that leaves out."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import Page, opened
from tests.web.scene import Scene
from tests.xray_findings import xray_finding
from triaged.study.assessment import Assessed


@pytest.fixture
def mixed(scene: Scene) -> Scene:
    """A scored CT, and of what has no score: a DX, a CR, a CT with a CR beside it, and an MR."""
    scene.scored(1, minutes=0, right=0.5, left=0.1, p=0.9)
    for number, modality in enumerate(("DX", "CR", "CT", "MR"), start=2):
        scene.arrive(number, minutes=number, modality=modality)
    scene.arrive(4, minutes=6, modality="CR", serial=2)
    return scene


def _shown(page: Page) -> dict[str, str]:
    """Return the modality of each study on a page, by the study's number."""
    uids = [
        str(attributes["data-uid"]) for tag, attributes in page.elements if tag == "tr" and "data-uid" in attributes
    ]
    rows = [row for row in page.cells if row and row["place"] != "#"]
    return {uid.rpartition(".")[2]: row["modality"] for uid, row in zip(uids, rows, strict=True)}


def _positions(page: Page) -> dict[str | None, str | None]:
    rows = [attributes for tag, attributes in page.elements if tag == "tr" and "data-uid" in attributes]
    return {row["data-uid"]: row["data-position"] for row in rows}


def test_studies_without_a_result_show_their_modality_too(mixed: Scene) -> None:
    with TestClient(mixed.app()) as client:
        page = opened(client, "/")
        assert _shown(page) == {"1": "CT", "2": "DX", "3": "CR", "4": "CT CR", "5": "MR"}
        assert "left out" not in page.text
        assert "X-ray, digital radiography" in opened(client, "/studies/1.2.826.0.1.2").text


@pytest.mark.parametrize(("modality", "found"), [("ct", {"1", "4"}), ("x-ray", {"2", "3", "4"})])
def test_a_study_with_a_ct_and_an_x_ray_is_under_both(mixed: Scene, modality: str, found: set[str]) -> None:
    with TestClient(mixed.app()) as client:
        page = opened(client, f"/?modality={modality}")
    assert set(_shown(page)) == found
    assert f"{len(found)} studies found, {5 - len(found)} left out by filters; 5 to be read in all" in page.text


def test_a_narrowed_list_keeps_the_positions_of_the_whole_one(mixed: Scene) -> None:
    with TestClient(mixed.app()) as client:
        whole = _positions(opened(client, "/"))
        some = _positions(opened(client, "/?modality=x-ray"))
    assert some.items() <= whole.items()
    assert list(some.values()) != [str(number) for number in range(1, len(some) + 1)]


def test_a_filter_that_leaves_nothing_out_says_so(mixed: Scene) -> None:
    with TestClient(mixed.app()) as client:
        assert "5 studies found, none left out by filters" in opened(client, "/?state=RECEIVING&state=TRIAGED").text


def test_the_modality_stays_in_every_address_that_the_page_offers(mixed: Scene) -> None:
    with TestClient(mixed.app(rows_per_page=2)) as client:
        page = opened(client, "/?modality=x-ray&q=roe")
    links = {
        str(attributes["id"]): attributes for tag, attributes in page.elements if tag == "a" and "id" in attributes
    }
    assert links["by-arrival"]["href"] == "/?order=arrival&modality=x-ray&q=roe"
    assert links["modality-all"]["href"] == "/?q=roe"
    assert [name for name in links if "aria-current" in links[name]] == ["modality-x-ray", "by-triage"]
    hidden = {attributes.get("name"): attributes.get("value") for tag, attributes in page.elements if tag == "input"}
    assert hidden["modality"] == "x-ray"
    assert "/?modality=x-ray&q=roe&page=2" in [attributes.get("href") for _, attributes in page.elements]


def test_programs_narrow_the_list_as_people_do_and_are_told_what_is_left_out(mixed: Scene) -> None:
    with TestClient(mixed.app()) as client:
        answer = client.get("/api/worklist", params={"modality": "x-ray"})
        whole = client.get("/api/worklist")
        assert client.get("/api/worklist", params={"modality": "us"}).status_code == 422
    assert [row["modalities"] for row in answer.json()] == [["DX"], ["CR"], ["CT", "CR"]]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Left-Out-Count"]) == ("3", "2")
    assert (whole.headers["X-Total-Count"], whole.headers["X-Left-Out-Count"]) == ("5", "0")
    assert [row for row in whole.json() if row in answer.json()] == answer.json()


def test_the_score_of_an_x_ray_leads_to_its_picture_with_the_outlines(scene: Scene) -> None:
    scene.arrive(1, minutes=0, modality="DX")
    scene.complete(1, minutes=0)
    scene.end(1, Assessed(xray_finding(estimated=0.2, score=2)), minutes=0)
    study = "/studies/1.2.826.0.1.1"
    with TestClient(scene.app()) as client:
        on_list, page = client.get("/").text, client.get(study).text
    assert f'href="{study}#viewer"' in on_list
    assert 'href="#viewer"' in page
    assert 'id="viewer"' in page
