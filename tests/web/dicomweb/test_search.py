"""QIDO-RS: studies, series and instances as the files say they are; pydicom reads the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import Dataset

from tests.store.making import PATIENT, study_uid
from tests.web.dicomweb.site import BASE, ODD, ODD_STUDY, SERIES, SLICE, STUDY
from tests.web.scene import Scene
from triaged.errors import TryLater
from triaged.results.instance import ResultObject
from triaged.spool.files import Spool
from triaged.store.studies.catalogue import Catalogue, KeptStudy
from triaged.store.tables.rows import search_text
from triaged.web.dicomweb.entries import Row
from triaged.web.dicomweb.question import question_of


def found(client: TestClient, path: str) -> list[Dataset]:
    """What a search finds; nothing where there is no content."""
    response = client.get(f"{BASE}/{path}")
    assert response.status_code in (200, 204), response.text
    assert (response.status_code == 204) == (response.content == b"")
    return [Dataset.from_json(each) for each in response.json()] if response.content else []


def test_a_study_is_listed_with_what_is_asked_of_every_server(
    client: TestClient, chest_objects: tuple[ResultObject, ...]
) -> None:
    """The attributes of PS3.18 table 10.6.3-3, also those that only the file knows."""
    single = [one for one in chest_objects if one.name != "sc-multiframe"]
    (study,) = found(client, f"studies?StudyInstanceUID={STUDY}")
    assert {element.keyword: element.value for element in study} == {
        "SpecificCharacterSet": "ISO_IR 192",
        "StudyDate": "20260304",
        "StudyTime": "040500",
        "AccessionNumber": "ACC-1",
        "InstanceAvailability": "ONLINE",
        "ModalitiesInStudy": ["CT", "KO", "OT", "SEG", "SR"],
        "ReferringPhysicianName": "Roe^Richard",
        "StudyDescription": "",
        "RetrieveURL": f"http://testserver{BASE}/studies/{STUDY}",
        "PatientName": "Doe^Jane",
        "PatientID": "P-1",
        "PatientBirthDate": "19610203",
        "PatientSex": "F",
        "StudyInstanceUID": STUDY,
        "StudyID": "7",
        "NumberOfStudyRelatedSeries": 1 + len({one.series_instance_uid for one in single}),
        "NumberOfStudyRelatedInstances": 30 + len(single),
    }


def test_the_counts_are_those_of_what_is_listed_and_retrieved(client: TestClient) -> None:
    (study,) = found(client, f"studies?StudyInstanceUID={STUDY}")
    series = found(client, f"studies/{STUDY}/series")
    instances = found(client, f"studies/{STUDY}/instances")
    assert len(series) == study.NumberOfStudyRelatedSeries
    assert (
        len(instances)
        == study.NumberOfStudyRelatedInstances
        == sum(one.NumberOfSeriesRelatedInstances for one in series)
    )
    assert {one.Modality for one in series} == set(study.ModalitiesInStudy)
    of_series = [found(client, f"studies/{STUDY}/series/{one.SeriesInstanceUID}/instances") for one in series]
    assert sorted(one.SOPInstanceUID for each in of_series for one in each) == sorted(
        one.SOPInstanceUID for one in instances
    )


@pytest.mark.parametrize(
    ("query", "studies"),
    [
        ("", {STUDY, ODD_STUDY}),
        ("PatientName=doe*", {STUDY}),
        ("PatientName=*t*", {ODD_STUDY}),
        ("00100010=DOE^JANE", {STUDY}),
        ("PatientID=P-1", {STUDY}),
        ("PatientID=P-?", {STUDY}),
        ("PatientID=P-?00", {ODD_STUDY}),
        ("PatientID=p-1", set()),
        ("PatientID=**", {STUDY, ODD_STUDY}),
        ("PatientName=*o*n*", {STUDY}),
        ("PatientID=P-1&PatientName=DOE^JANE", {STUDY}),
        ("PatientID=P-1&PatientName=ROE^JANE", set()),
        ("AccessionNumber=A*", {STUDY, ODD_STUDY}),
        ("StudyDate=20260304", {STUDY}),
        ("StudyDate=20260101-20260303", {ODD_STUDY}),
        ("StudyDate=20260102-", {STUDY}),
        ("StudyDate=-20260101", {ODD_STUDY}),
        ("StudyDate=20270101-20250101", set()),
        ("StudyTime=0405", {STUDY}),
        ("StudyTime=04-05", {STUDY}),
        ("StudyTime=1011-", {ODD_STUDY}),
        ("StudyTime=101112.5", {ODD_STUDY}),
        (f"StudyInstanceUID={STUDY},{ODD_STUDY}", {STUDY, ODD_STUDY}),
        ("StudyInstanceUID=1.2.3", set()),
        ("ModalitiesInStudy=CT", {STUDY}),
        ("ModalitiesInStudy=SEG", {STUDY}),
        ("ModalitiesInStudy=MR,SR", {STUDY}),
        ("ModalitiesInStudy=MR\\OT", {STUDY, ODD_STUDY}),
        ("ModalitiesInStudy=US", set()),
        ("ReferringPhysicianName=Roe*", {STUDY}),
        ("StudyID=7", {STUDY}),
        ("StudyID=8", set()),
        ("PatientID=P-1&StudyDate=20260304&ModalitiesInStudy=CT", {STUDY}),
        ("PatientID=P-1&StudyDate=20260305", set()),
        ("limit=0", set()),
        ("offset=2", set()),
    ],
)
def test_studies_are_found_by_their_attributes(client: TestClient, query: str, studies: set[str]) -> None:
    assert {one.StudyInstanceUID for one in found(client, f"studies?{query}")} == studies


def test_a_stretch_of_studies_can_be_asked_for(client: TestClient) -> None:
    everything = found(client, "studies")
    assert [found(client, f"studies?limit=1&offset={number}") for number in (0, 1)] == [[one] for one in everything]


def test_series_say_what_they_are(client: TestClient, chest_objects: tuple[ResultObject, ...]) -> None:
    series = {
        one.SeriesInstanceUID: one for one in found(client, f"studies/{STUDY}/series?includefield=FrameOfReferenceUID")
    }
    first = series[SERIES]
    assert (first.Modality, first.SeriesNumber, first.NumberOfSeriesRelatedInstances) == ("CT", 2, 30)
    assert first.FrameOfReferenceUID == "1.2.826.0.1.3680043.8.498.9"
    assert first.RetrieveURL == f"http://testserver{BASE}/studies/{STUDY}/series/{SERIES}"
    assert "PatientName" not in first
    for one in chest_objects:
        if one.name != "sc-multiframe":
            assert series[one.series_instance_uid].Modality == one.kind.modality
            assert "AI" in series[one.series_instance_uid].SeriesDescription


@pytest.mark.parametrize(
    ("path", "count"),
    [
        (f"studies/{STUDY}/series?Modality=CT", 1),
        (f"studies/{STUDY}/series?Modality=S*", 3),
        (f"studies/{STUDY}/series?SeriesNumber=2", 1),
        (f"studies/{STUDY}/series?SeriesInstanceUID={SERIES}", 1),
        ("series?Modality=SEG", 1),
        ("series?PatientID=P-200", len(ODD)),
        ("series?PatientID=P-200&Modality=CT", 0),
        (f"studies/{STUDY}/instances?InstanceNumber=7&Modality=CT", 1),
        (f"studies/{STUDY}/series/{SERIES}/instances?limit=4&offset=28", 2),
        (f"studies/{STUDY}/series/{SERIES}/instances?Rows=60", 30),
        (f"instances?SOPInstanceUID={SLICE.format(3)}", 1),
        ("instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.66.4", 1),
        ("studies/1.2.3/series", 0),
        (f"studies/{STUDY}/series/1.2.3/instances", 0),
    ],
)
def test_series_and_instances_are_found_at_every_level_of_the_path(client: TestClient, path: str, count: int) -> None:
    assert len(found(client, path)) == count


def test_an_instance_says_what_it_is(client: TestClient) -> None:
    (one,) = found(client, f"studies/{STUDY}/series/{SERIES}/instances?InstanceNumber=3")
    assert {element.keyword: element.value for element in one} == {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "SOPInstanceUID": SLICE.format(3),
        "InstanceAvailability": "ONLINE",
        "RetrieveURL": f"http://testserver{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SLICE.format(3)}",
        "InstanceNumber": 3,
        "Rows": 60,
        "Columns": 80,
        "BitsAllocated": 16,
        "AvailableTransferSyntaxUID": "1.2.840.10008.1.2.1",
        "SpecificCharacterSet": "ISO_IR 192",
    }


def test_a_search_without_a_study_says_whose_the_series_and_instances_are(client: TestClient) -> None:
    (series,) = found(client, f"series?SeriesInstanceUID={SERIES}")
    (instance,) = found(client, f"instances?SOPInstanceUID={SLICE.format(1)}")
    for one in (series, instance):
        assert (one.PatientName, one.StudyInstanceUID, one.SeriesInstanceUID) == ("Doe^Jane", STUDY, SERIES)


def test_what_is_included_is_returned_besides_and_everything_where_that_is_asked_for(client: TestClient) -> None:
    path = f"studies/{STUDY}/series/{SERIES}/instances?InstanceNumber=3"
    (named,) = found(client, f"{path}&includefield=ImagePositionPatient,00280030&includefield=StudyID")
    assert named.PixelSpacing == [4.0, 4.5]
    assert len(named.ImagePositionPatient) == 3
    assert named.StudyID == "7"
    (everything,) = found(client, f"{path}&includefield=all")
    assert {"PatientPosition", "PatientName", "RescaleSlope"} <= set(everything.dir())
    assert "PixelData" not in everything
    (study,) = found(client, "studies?PatientID=P-1&includefield=all")
    assert "Rows" not in study


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=9999999999",
        "offset=two",
        "StudyDate=yesterday",
        "StudyDate=20261399",
        "StudyDate=20260101-20260102-20260103",
        "StudyDate=-",
        "StudyTime=9999",
        "PatientID=P-1&PatientID=P-2",
        "PatentID=P-1",
        "includefield=nonsense",
        "PatientID.PatientName=a",
        "&".join(["includefield=PatientID"] * 101),
    ],
)
def test_a_search_that_is_none_is_refused_and_nothing_of_it_repeated(client: TestClient, query: str) -> None:
    response = client.get(f"{BASE}/studies?{query}")
    assert response.status_code == 400
    assert "yesterday" not in response.text


def test_a_path_that_is_no_uid_is_refused(client: TestClient) -> None:
    for path in ("studies/..%2F/series", "studies/1.2.a/instances", f"studies/{STUDY}/series/x/instances"):
        assert client.get(f"{BASE}/{path}").status_code in (400, 404)


def test_other_media_types_cannot_be_had(client: TestClient) -> None:
    for accept in ("application/dicom+xml", 'multipart/related; type="application/dicom+xml"', "text/html"):
        assert client.get(f"{BASE}/studies", headers={"Accept": accept}).status_code == 406
    for accept in ("application/json", "application/dicom+json", "*/*", "text/html, application/*;q=0.1"):
        assert client.get(f"{BASE}/studies", headers={"Accept": accept}).status_code == 200


def test_what_is_not_supported_is_said_and_ignored(client: TestClient) -> None:
    assert "Warning" not in client.get(f"{BASE}/studies?PatientID=P-1").headers
    for parameter in ("fuzzymatching=true", "Modality=CT"):
        response = client.get(f"{BASE}/studies?PatientID=P-1&{parameter}")
        assert response.headers["Warning"].startswith("299 ")
        assert len(response.json()) == 1


def many(scene: Scene, number: int) -> None:
    """Let so many studies be there, of which no file is."""
    for k in range(1, number + 1):
        scene.arrive(k, minutes=k, name=f"Roe^Jane {k}")


def test_where_there_are_more_than_an_answer_holds_it_says_so(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    many(scene, 7)
    monkeypatch.setattr("triaged.web.dicomweb.search.MOST_RESULTS", dict.fromkeys(range(3), 5))
    with TestClient(scene.app()) as client:
        cut = client.get(f"{BASE}/studies")
        assert (len(cut.json()), cut.headers["Warning"][:3]) == (5, "299")
        assert [one.StudyInstanceUID for one in found(client, "studies?limit=2")] == [str(study_uid(k)) for k in (7, 6)]
        assert "Warning" not in client.get(f"{BASE}/studies?limit=2").headers
        assert "Warning" in client.get(f"{BASE}/studies?limit=50").headers
        rest = client.get(f"{BASE}/studies?offset=5")
        assert (len(rest.json()), "Warning" in rest.headers) == (2, False)


def test_a_search_opens_no_file_of_a_study_that_its_row_rules_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(scene, 40)
    opened: list[str] = []
    absolute = Spool.absolute

    def counting(spool: Spool, relative: str) -> object:
        opened.append(relative)
        return absolute(spool, relative)

    monkeypatch.setattr(Spool, "absolute", counting)
    with TestClient(scene.app()) as client:
        assert len(found(client, "studies?PatientID=P-7")) == 1
        assert len(opened) == 1


def test_a_search_for_a_patient_reads_the_rows_of_hers_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    many(scene, 40)
    read: list[str] = []
    studies = Catalogue.studies

    def counting(catalogue: Catalogue, *limit: int, **narrowed: Any) -> list[KeptStudy]:
        found = studies(catalogue, *limit, **narrowed)
        read.extend(study.patient.patient_id for study in found)
        return found

    monkeypatch.setattr(Catalogue, "studies", counting)
    with TestClient(scene.app()) as client:
        assert len(found(client, "studies?PatientID=P-17")) == 1
    assert read == ["P-17"]


@given(
    name=st.text(max_size=12),
    patient_id=st.text(max_size=8),
    hidden=st.sets(st.integers(0, 20), max_size=8),
    wildcard=st.sampled_from("*?"),
)
def test_whatever_matches_has_the_words_that_the_store_looks_for(
    name: str, patient_id: str, hidden: set[int], wildcard: str
) -> None:
    wanted = "".join(wildcard if place in hidden else letter for place, letter in enumerate(name))
    try:
        question = question_of([("PatientName", wanted.swapcase()), ("PatientID", patient_id)])
    except HTTPException:
        assume(False)
    patient = replace(PATIENT, patient_name=name, patient_id=patient_id)
    if question.query.matches(Row(KeptStudy(1, "1.2", patient, (), 1))):
        kept = search_text(name, patient_id, patient.accession_number)
        assert all(search_text(word) in kept for word in question.parts({0x00100010, 0x00100020}))


def test_a_store_that_is_away_is_said_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> list[str]:
        raise TryLater("the database is away")

    monkeypatch.setattr("triaged.store.studies.catalogue.Catalogue.studies", away)
    response = client.get(f"{BASE}/studies")
    assert response.status_code == 503
