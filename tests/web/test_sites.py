"""Lists of sites on the page, on the wall, for programs and in the metrics; without sites nothing speaks of them."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from tests.store.making import study_uid
from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.store.listing.assignments import Assignments

SITES = {"north": "North Hospital", "south": "South Clinic"}


@pytest.fixture
def sited(scene: Scene) -> Scene:
    """Five studies: 1, 3 and 5 of the one site, 2 of the other, 4 of none."""
    for number in range(1, 6):
        scene.arrive(number, minutes=10 * number, name=f"Patient^{number}")
    scene.at_site("north", 1, 3, 5)
    scene.at_site("south", 2)
    return scene


@pytest.fixture
def browser(sited: Scene) -> TestClient:
    return TestClient(sited.app(sites=SITES), base_url="http://127.0.0.1:8080")


def rows(browser: TestClient, path: str) -> list[tuple[str, str]]:
    """Return place and patient of each row."""
    return [(row[0], row[3]) for row in opened(browser, path).rows[1:]]


def test_a_list_has_a_switch_and_a_column_of_sites(browser: TestClient) -> None:
    page = opened(browser, "/")
    assert "Site" in page.rows[0]
    column = page.rows[0].index("Site")
    assert [row[column] for row in page.rows[1:]] == [
        "North Hospital",
        "South Clinic",
        "North Hospital",
        "–",
        "North Hospital",
    ]
    offered = re.findall(r'<option value="(\w*)"', browser.get("/").text.split('name="site"')[1].split("</select>")[0])
    assert offered == ["", "north", "south", "other"]


def test_the_list_of_a_site_shows_places_in_it_and_how_many_are_left_out(browser: TestClient) -> None:
    assert rows(browser, "/?site=north") == [("1", "Patient, 1"), ("2", "Patient, 3"), ("3", "Patient, 5")]
    assert rows(browser, "/?site=other") == [("1", "Patient, 4")]
    text = browser.get("/?site=north").text
    assert 'title="Place in the list of the site; 5 over all"' in text
    assert "3 studies found, <strong>2 left out by filters</strong>; 5 to be read in all" in text
    assert '<option value="north" selected>' in text


def test_the_site_stays_in_the_addresses_of_the_page(browser: TestClient) -> None:
    assert 'href="/?modality=ct&amp;site=north"' in browser.get("/?site=north").text
    answer = browser.get("/next?site=south", follow_redirects=False)
    assert answer.headers["location"] == f"/studies/{study_uid(2).value}"
    after = browser.get(f"/next?site=north&step=after&uid={study_uid(1).value}", follow_redirects=False)
    assert after.headers["location"] == f"/studies/{study_uid(3).value}"


def test_a_site_that_is_not_there_is_left_out_of_the_address(browser: TestClient) -> None:
    for site in ("west", "North", "x'\"<b>"):
        assert len(rows(browser, f"/?site={site}")) == 5


def test_a_person_begins_with_a_site(browser: TestClient) -> None:
    csrf = re.findall(r'name="csrf" value="(\w+)"', browser.get("/?site=south").text)[0]
    browser.post("/preferences", data={"csrf": csrf, "view": "site=south"})
    assert rows(browser, "/") == [("1", "Patient, 2")]
    assert len(rows(browser, "/?show=open")) == 5


def test_programs_ask_for_a_site(browser: TestClient) -> None:
    answer = browser.get("/api/worklist?site=north")
    assert [(each["site"], each["position"], each["site_position"]) for each in answer.json()] == [
        ("north", 1, 1),
        ("north", 3, 2),
        ("north", 5, 3),
    ]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Left-Out-Count"]) == ("3", "2")
    (other,) = browser.get("/api/worklist?site=other").json()
    assert (other["position"], other["site_position"], "site" in other) == (4, 1, False)
    one = browser.get(f"/api/worklist/{study_uid(5).value}").json()
    assert (one["position"], one["site"], one["site_position"]) == (5, "north", 3)
    assert "site_position" not in browser.get("/api/worklist").json()[0]


def test_programs_are_told_which_sites_there_are(browser: TestClient) -> None:
    answer = browser.get("/api/worklist?site=west")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "expected site to be one of north, south, other"


def test_the_wall_of_a_site_has_its_studies_alone(browser: TestClient) -> None:
    page = opened(browser, "/wall?site=north")
    assert [row[0] for row in page.rows[1:]] == ["1", "2", "3"]
    assert "North Hospital" in page.text
    assert '<span class="all">all</span> <b>3</b>' in browser.get("/wall?site=north").text
    everything = opened(browser, "/wall")
    assert "Site" in everything.rows[0]
    assert [row[0] for row in everything.rows[1:]] == ["1", "2", "3", "4", "5"]


def test_mine_has_what_is_nobodys_at_the_sites_of_a_group_of_mine(sited: Scene) -> None:
    app = sited.app(sites=SITES, groups={"Chest": ("local",), "Other": ("ben",)}, group_of_site={"north": "Chest"})
    browser = TestClient(app, base_url="http://127.0.0.1:8080")
    assert [person for _, person in rows(browser, "/?whose=mine")] == ["Patient, 1", "Patient, 3", "Patient, 5"]
    assert browser.get("/").text.count("→ </span>Chest") == 3
    assignments = Assignments(sited.database)
    assignments.assign(study_uid(3).value, "ben", "local", now=sited.now)
    assignments.assign(study_uid(4).value, "Chest", "local", now=sited.now)
    assert [person for _, person in rows(browser, "/?whose=mine")] == ["Patient, 1", "Patient, 4", "Patient, 5"]
    assert [person for _, person in rows(browser, "/?whose=mine&site=north")] == ["Patient, 1", "Patient, 5"]


def test_metrics_count_what_is_to_be_read_of_each_site(sited: Scene) -> None:
    sited.at_site("closed", 2)
    found = TestClient(sited.app(sites=SITES), base_url="http://127.0.0.1:8080").get("/metrics").text
    assert re.findall(r'triaged_unread_studies\{site="(\w+)"\} (\d)', found) == [
        ("north", "3"),
        ("south", "0"),
        ("other", "2"),
    ]


def test_without_sites_nothing_speaks_of_them(scene: Scene) -> None:
    scene.scored(1, minutes=0, right=0.3, left=0.2, p=0.9)
    browser = TestClient(scene.app(), base_url="http://127.0.0.1:8080")
    for path in ("/", "/wall", f"/studies/{study_uid(1).value}", "/api/worklist", "/metrics"):
        said = re.findall(r"(?i)\bsites?\b[^.]{0,20}", browser.get(path).text)
        assert [each for each in said if not re.match(r"(?i)site(?: puts|s?-)", each)] == [], path
    assert browser.get("/api/worklist?site=north").status_code == 400
