"""What rules of a site and other parts of the body look like on the list."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.store.making import PATIENT, at, instance, ranking, study_uid
from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.study.assessment import OutOfScope, Reason, ReasonCode
from triaged.study.ranking import Lane, RequestPriority
from triaged.study.records import ReceivedHeader
from triaged.study.treatment import Treatment

KNEE = OutOfScope(Reason(ReasonCode.OTHER_PART, "expected a chest, found Body Part Examined KNEE"))
TRIAL = Treatment("trials", ignored=True, scored=False)


@pytest.fixture
def browser(scene: Scene) -> TestClient:
    """A list of a knee and of one that waits, and one study beside it that a rule ignores."""
    scene.arrive(1, minutes=0)
    scene.complete(1, minutes=0)
    scene.end(1, KNEE, minutes=1)
    scene.arrive(2, minutes=600)
    what = instance(3, 1)
    uids = (what.study_uid, what.series_uid, what.sop_instance_uid)
    header = ReceivedHeader(*uids, RequestPriority.ROUTINE, PATIENT, what.image, False)
    place = ranking(0, what.study_uid)
    scene.studies.admit(what, header, None, ranking=place, now=at(0), treat=lambda _: TRIAL)
    return TestClient(scene.app(), base_url="http://127.0.0.1:8080")


def test_a_knee_is_the_last_row_and_says_that_it_is_below_the_list(browser: TestClient) -> None:
    page = browser.get("/").text
    rows = [each.split("</tr>")[0] for each in page.split('<tr data-uid="')[1:]]
    assert [row.split('"')[0] for row in rows] == [study_uid(2).value, study_uid(1).value]
    assert ['class="row below"' in row for row in rows] == [False, True]
    assert ["below the list" in row for row in rows] == [False, True]
    assert "1 below the list" in page


def test_what_a_rule_ignores_is_counted_on_the_list_and_found(browser: TestClient) -> None:
    assert '<a href="/?show=ignored">1 ignored by rules</a>' in browser.get("/").text
    assert len(opened(browser, "/").rows) == 3, "a head and two studies"
    ignored = browser.get("/?show=ignored").text
    assert ignored.count("<tr data-uid=") == 1
    assert study_uid(3).value in ignored
    assert browser.get(f"/studies/{study_uid(3).value}").status_code == 200


def test_programs_get_the_same_list(browser: TestClient) -> None:
    found = browser.get("/api/worklist").json()
    assert [(each["study_instance_uid"], each["lane"]) for each in found] == [
        (study_uid(2).value, int(Lane.ORDERED)),
        (study_uid(1).value, int(Lane.BELOW)),
    ]


def test_the_block_is_explained(browser: TestClient) -> None:
    assert "a block of their own below all others" in browser.get("/").text
