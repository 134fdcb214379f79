"""What people see: the list, one study, and what waits for a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tests.store.making import PATIENT, admit, at, claimed, commit, instance, ranking, study_uid
from tests.web.reading import Page, csrf, listed, opened
from tests.web.scene import Scene
from triaged.study.lifecycle import State

HOSTILE = "<script>alert('x')</script>, <b>Bobby</b>"


def test_every_study_is_a_row_in_reading_order_with_its_class_in_words(browser: TestClient) -> None:
    rows = opened(browser, "/").rows[1:]
    assert [row[0] for row in rows] == [str(position) for position in range(1, 11)]
    assert [row[1] for row in rows] == [
        "E0 emergency",
        "A critical",
        "B severe",
        "C moderate",
        "D mild",
        "C' opacity",
        "U not scored",
        "U not scored",
        "U unscored",
        "N not flagged",
    ]


def test_a_row_says_who_how_much_and_how_long_in_one_line_and_nothing_twice(browser: TestClient) -> None:
    assert listed(browser)[3] == {
        "place": "4",
        "class": "C moderate",
        "picture": "",
        "patient": "Ivanova, Maria",
        "age": "69 F",
        "modality": "CT",
        "lungs": "R ≈31 % L ≈12 %",
        "p": "0.91",
        "change": "–",
        "waiting": "25 min due 14:06 UTC",
        "sender": "–",
        "study": "2026-03-01 11:59 · CT thorax",
        "notes": "thick slices",
        "reader": "",
    }


def test_what_a_row_leaves_out_is_in_its_titles(browser: TestClient) -> None:
    titles = [str(attributes["title"]) for _, attributes in opened(browser, "/").elements if "title" in attributes]
    assert "C suspected, moderate — right lung ≈31 %, experimental P 0.91 ≥ 0.62" in titles
    assert "P-2 · 1956-04-12 · F" in titles
    assert "2026-03-01 11:59 · CT thorax · A-2 · 1 instance" in titles


def test_a_study_that_could_not_be_read_shows_no_number(browser: TestClient) -> None:
    row = next(row for row in listed(browser) if "could not be read" in row["notes"])
    assert row["notes"].startswith("could not be read missing slices: expected 300 slices")
    assert (row["p"], row["lungs"]) == ("–", "–")


def test_nothing_on_the_page_is_called_normal(browser: TestClient) -> None:
    assert "normal" not in browser.get("/").text.lower()


def test_the_page_says_that_it_is_research_and_no_diagnosis(browser: TestClient) -> None:
    for path in ("/", "/status", "/studies/1.2.826.0.1.3"):
        assert "The order is not a diagnosis" in opened(browser, path).text


def test_what_is_looked_for_and_what_not_stands_in_the_text_of_the_list_and_of_a_study(filled: Scene) -> None:
    said = "Looked for on chest CT, by ct-1 2.0: lung opacity. Not looked for: masses."
    browser = TestClient(filled.app(purposes=(said,)))
    for line in (said, "P, experimental"):
        assert line in opened(browser, "/").text
    scored = opened(browser, "/studies/1.2.826.0.1.2").text
    assert "lung opacity as in COVID-19 pneumonia. Not looked for: masses, fluid, emboli, pneumothorax" in scored
    assert said in opened(browser, "/studies/1.2.826.0.1.9").text


def test_a_hostile_name_is_text_and_never_markup(browser: TestClient) -> None:
    for path in ("/", "/studies/1.2.826.0.1.10", "/status"):
        page = opened(browser, path)
        scripts = [str(attributes.get("src")) for tag, attributes in page.elements if tag == "script"]
        assert scripts
        assert all(source.startswith("/static/") for source in scripts)
    assert HOSTILE in opened(browser, "/").text
    assert HOSTILE in opened(browser, "/studies/1.2.826.0.1.10").text


def test_a_name_that_no_encoding_can_hold_does_not_cost_the_page(scene: Scene) -> None:
    scene.arrive(1, minutes=0, name="Bad\udcff\x00^Name")
    with TestClient(scene.app()) as client:
        assert "Name" in opened(client, "/").text


def test_pages_load_nothing_from_elsewhere_and_may_not(browser: TestClient) -> None:
    answer = browser.get("/")
    for _, attributes in Page(answer.text).elements:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "/").startswith("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    scripts = ("choices.js", "live.js", "page.js", "order.js", "worklist.js", "reading/room.js")
    for kind in ("style.css", "list.css", *scripts, "icon.svg"):
        answer = browser.get(f"/static/{kind}")
        assert answer.status_code == 200
        text = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text


def test_a_script_is_asked_for_again_each_time_and_sent_again_only_where_it_changed(browser: TestClient) -> None:
    first = browser.get("/static/page.js")
    assert first.headers["cache-control"] == "no-cache"
    again = browser.get("/static/page.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_reads_and_renews_itself_without_scripts(browser: TestClient) -> None:
    html = browser.get("/").text
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in html


def test_a_long_list_is_cut_into_pages_that_join(filled: Scene) -> None:
    with TestClient(filled.app(rows_per_page=4)) as client:
        pages = [opened(client, f"/?page={number}") for number in (1, 2, 3)]
        assert [row[0] for page in pages for row in page.rows[1:]] == [str(position) for position in range(1, 11)]
        assert "page 2 of 3" in pages[1].text
        links = [attributes["href"] for _, attributes in pages[1].elements if attributes.get("rel") in ("prev", "next")]
        assert links == ["/", "/?page=3"]


def test_an_empty_list_says_where_studies_have_to_be_sent(scene: Scene) -> None:
    with TestClient(scene.app()) as client:
        assert "TRIAGED at 127.0.0.1:11112" in opened(client, "/").text


def test_waiting_is_counted_from_when_the_study_was_whole(scene: Scene) -> None:
    scene.scored(1, minutes=0, right=0.6, left=0.1, p=0.9)
    scene.now += timedelta(days=1, hours=2, minutes=59)
    with TestClient(scene.app()) as client:
        assert listed(client)[0]["waiting"] == "1 d 2 h due now"


def test_the_page_of_a_study_tells_how_it_came_to_its_place(browser: TestClient) -> None:
    page = opened(browser, "/studies/1.2.826.0.1.3")
    assert ["1.2.3.99", "no", "localizer"] in page.rows
    history = [row for row in page.rows if len(row) == 3 and row[0].endswith("UTC")]
    assert [row[1] for row in history] == [
        "moved down from place 1 to 2",
        "scored",
        "moved up from place 2 to 1",
        "analysis began",
        "complete",
        "1 instance came",
        "came onto the list at place 2",
    ]
    assert history[0][0] == "2026-03-01 12:21:00 UTC"
    assert history[0][2].startswith("because of another study: ")
    links = [str(attributes["href"]) for tag, attributes in page.elements if tag == "a" and "href" in attributes]
    assert "/studies/1.2.826.0.1.10" in links


@pytest.mark.parametrize(
    "path",
    [
        "/studies/1.2.3",
        "/studies/..%2f..%2fetc%2fpasswd",
        "/studies/1.2.826.0.1.3/pictures/2.25.4.png",
        "/studies/1.2.826.0.1.3/pictures/..%2f..%2fx.png",
        "/nothing",
        "/docs",
    ],
)
def test_what_is_not_there_is_said_to_be_not_there(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "Not Found" in answer.text


def test_the_status_page_lists_what_waits_for_a_person(browser: TestClient) -> None:
    page = opened(browser, "/status")
    assert ["1.2.826.0.1.5", "could not be read"] in [row[:2] for row in page.rows]
    assert ["1.2.826.0.1.6", "out of scope"] in [row[:2] for row in page.rows]
    assert [row[1] for row in page.rows if "quarantine/ab12" in row] == ["MODALITY<1> 10.0.0.9"]


def test_studies_without_a_score_are_listed_in_their_order_and_only_as_many_as_asked_for(filled: Scene) -> None:
    ended = filled.worklist.ended()
    entries = [entry for entry in filled.worklist.entries() if entry.state in (State.FAILED, State.OUT_OF_SCOPE)]
    assert [(study.study_uid, study.since) for study in ended] == [
        (entry.study_instance_uid, entry.ready_at) for entry in entries
    ]
    assert filled.worklist.ended(1) == ended[:1]


def test_the_pages_change_nothing(browser: TestClient, filled: Scene) -> None:
    before = filled.worklist.version()
    for path in ("/", "/status", "/studies/1.2.826.0.1.3"):
        ours = {"X-CSRF-Token": csrf(browser)}
        assert browser.post(path, headers=ours).status_code == 405
        assert browser.delete(path, headers=ours).status_code == 405
    assert filled.worklist.version() == before


def test_an_earlier_study_of_the_same_id_that_is_not_compared_is_told_with_a_link(scene: Scene) -> None:
    for number, (born, date) in enumerate((("19560412", "20250101"), ("19700102", "20260301")), start=1):
        who = replace(PATIENT, patient_birth_date=born, study_date=date)
        admit(scene.studies, instance(number, 1), patient=who)
        place = ranking(0, study_uid(number))
        scene.studies.complete(study_uid(number), 1, ranking=place, cause="whole", now=at(0))
        commit(scene.studies, claimed(scene.studies))
    page = opened(TestClient(scene.app()), f"/studies/{study_uid(2).value}")
    assert "earlier study of this ID, not compared: birth date differs" in page.text
    links = [attributes.get("href") for tag, attributes in page.elements if tag == "a"]
    assert f"/studies/{study_uid(1).value}" in links
    first = opened(TestClient(scene.app()), f"/studies/{study_uid(1).value}")
    assert "of this ID" not in first.text
