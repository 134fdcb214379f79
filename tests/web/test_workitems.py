"""UPS-RS: the worklist for DICOMweb, over a real store; pydicom reads the answers."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset

from tests.web.scene import Scene
from triaged.dicom.workitem import workitem_uid
from triaged.errors import TryLater

PATH = "/api/workitems"


def steps(client: TestClient, query: str = "") -> list[Dataset]:
    """What a search finds."""
    response = client.get(PATH + query)
    assert response.status_code in (200, 204), response.text
    return [Dataset.from_json(step) for step in response.json()] if response.content else []


def test_steps_stand_in_the_order_of_the_list(browser: TestClient, filled: Scene) -> None:
    listed = [entry.study_instance_uid for entry in filled.worklist.entries()]
    found = steps(browser)
    assert [step.StudyInstanceUID for step in found] == listed
    assert [step.CommentsOnTheScheduledProcedureStep.split()[1] for step in found] == [
        str(number) for number in range(1, len(listed) + 1)
    ]


def test_an_answer_is_dicom_json(browser: TestClient) -> None:
    response = browser.get(PATH, headers={"Accept": "application/dicom+json"})
    assert response.headers["Content-Type"] == "application/dicom+json"
    assert response.headers["Cache-Control"] == "no-store"
    first = response.json()[0]
    assert first["00741000"] == {"vr": "CS", "Value": ["SCHEDULED"]}
    assert first["00100010"]["Value"] == [{"Alphabetic": "<script>alert('x')</script>^<b>Bobby</b>"}]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?PatientID=P-3", [3]),
        ("?00100020=P-3", [3]),
        ("?PatientName=muster*", [1]),
        ("?PatientName=山田^太郎", [4]),
        ("?ReferencedRequestSequence.AccessionNumber=A-2", [2]),
        ("?ScheduledWorkitemCodeSequence.CodeValue=110005&PatientID=P-2", [2]),
        ("?StudyInstanceUID=1.2.826.0.1.1,1.2.826.0.1.2", [2, 1]),
        ("?PatientID=P-3&PatientID.=", None),
        ("?PatientID=P-99", []),
        ("?includefield=all&PatientID=P-3", [3]),
        ("?includefield=PatientID,00100010&PatientID=P-3", [3]),
    ],
)
def test_steps_are_found_by_their_attributes(browser: TestClient, query: str, numbers: list[int] | None) -> None:
    if numbers is None:
        assert browser.get(PATH + query).status_code == 400
    else:
        assert [int(step.StudyInstanceUID.rpartition(".")[2]) for step in steps(browser, query)] == numbers


def test_a_stretch_can_be_asked_for(browser: TestClient) -> None:
    everything = steps(browser)
    assert steps(browser, "?offset=2&limit=3") == everything[2:5]
    assert steps(browser, "?limit=0") == []
    assert browser.get(PATH + "?offset=99").status_code == 204


@pytest.mark.parametrize(
    "query",
    [
        "?limit=-1",
        "?limit=two",
        "?offset=1&offset=2",
        "?PatentID=P-3",
        "?PatientID=P-1&PatientID=P-2",
        "?PatientID.PatientName=a",
        "?ReferencedRequestSequence=a",
        "?ScheduledProcedureStepStartDateTime=yesterday",
        "?includefield=nonsense",
        "?" + "&".join(["includefield=PatientID"] * 101),
    ],
)
def test_a_query_that_is_none_is_refused(browser: TestClient, query: str) -> None:
    response = browser.get(PATH + query)
    assert response.status_code == 400
    assert response.json()["detail"]


def test_what_is_not_supported_is_said_and_ignored(browser: TestClient) -> None:
    assert "Warning" not in browser.get(PATH + "?PatientID=P-3").headers
    for parameter in ("StudyDescription=Head", "fuzzymatching=true"):
        response = browser.get(f"{PATH}?PatientID=P-3&{parameter}")
        assert response.headers["Warning"].startswith("299 ")
        assert len(response.json()) == 1


def test_one_step_is_retrieved_by_its_uid(browser: TestClient) -> None:
    uid = workitem_uid("1.2.826.0.1.3")
    (step,) = [Dataset.from_json(each) for each in browser.get(f"{PATH}/{uid}").json()]
    assert (step.SOPInstanceUID, step.StudyInstanceUID) == (uid, "1.2.826.0.1.3")
    assert browser.get(f"{PATH}/1.2.3").status_code == 404


def test_other_media_types_cannot_be_had(browser: TestClient) -> None:
    for path in (PATH, f"{PATH}/{workitem_uid('1.2.826.0.1.3')}"):
        assert browser.get(path, headers={"Accept": "application/dicom+xml"}).status_code == 406


def test_a_store_that_is_away_is_said_so(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_self: object) -> list[str]:
        raise TryLater("the database is away")

    monkeypatch.setattr("triaged.store.listing.worklist.Worklist.order", away)
    assert browser.get(PATH).status_code == 503
