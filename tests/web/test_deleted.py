"""What pages, pictures and DICOMweb say of a study whose files were deleted on purpose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.steps.ward import SLICES, Ward, uid
from tests.web.scene import Scene
from triaged.spool.files import Spool
from triaged.store.tables.database import Database

JSON = {"Accept": "application/dicom+json"}
FILES = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
STUDY, DICOMWEB = f"/studies/{uid(1)}", f"/dicom-web/studies/{uid(1)}"
ONE = f"{DICOMWEB}/series/{uid(1)}.1/instances/{uid(1)}.1.0"


@pytest.fixture
def ward(database: Database, spool: Spool) -> Ward:
    return Ward(database, spool)


@pytest.fixture
def browser(ward: Ward) -> Iterator[TestClient]:
    """A browser at a study whose images were deleted."""
    ward.finished(1)
    ward.pass_days(2)
    ward.retain(images_days=1)
    with TestClient(Scene(ward.database, ward.spool, ward.now).app()) as client:
        yield client


def test_the_page_says_when_and_why_and_what_can_be_done(browser: TestClient) -> None:
    page = browser.get(STUDY)
    assert page.status_code == 200
    assert f"{SLICES} files (images) of this study were deleted here on 2026-03-03" in page.text
    assert "older than 1 day, retention.images_days" in page.text
    assert "send them again" in page.text
    assert "files deleted" in page.text


def test_every_other_page_of_it_is_still_there(browser: TestClient) -> None:
    for address in ("/", "/?show=done", "/status", "/api/worklist", "/figures"):
        assert browser.get(address).status_code == 200, address


def test_slices_are_gone_with_words(browser: TestClient) -> None:
    for address in ("slices", "slices/0.jpg", "slices/0/tile", "slices/0/contour.png"):
        answer = browser.get(f"/api/studies/{uid(1)}/{address}")
        assert answer.status_code == 404, address
        assert "its images were deleted here on 2026-03-03" in answer.text


@pytest.mark.parametrize(
    "address", [DICOMWEB, f"{DICOMWEB}/series/{uid(1)}.1", ONE, f"{ONE}/frames/1", f"{ONE}/rendered"]
)
def test_retrieval_says_that_it_is_gone(browser: TestClient, address: str) -> None:
    accepted = (
        {"Accept": "image/jpeg"} if "rendered" in address else FILES if "frames" not in address else {"Accept": "*/*"}
    )
    answer = browser.get(address, headers=accepted)
    if address == DICOMWEB:
        assert answer.status_code in (206, 410)
    else:
        assert answer.status_code == 410
        assert "deleted here" in answer.text


def test_a_search_finds_it_and_says_that_it_cannot_be_had(browser: TestClient) -> None:
    (study,) = browser.get(f"/dicom-web/studies?StudyInstanceUID={uid(1)}", headers=JSON).json()
    assert study["00080056"]["Value"] == ["UNAVAILABLE"]
    instances = browser.get(f"{DICOMWEB}/series/{uid(1)}.1/instances", headers=JSON).json()
    assert [each["00080056"]["Value"] for each in instances] == [["UNAVAILABLE"]] * SLICES
    metadata = browser.get(f"{ONE}/metadata", headers=JSON)
    assert metadata.status_code == 200
    assert metadata.json()[0]["00080018"]["Value"] == [f"{uid(1)}.1.0"]


def test_nothing_breaks_when_the_results_are_gone_too(ward: Ward, browser: TestClient) -> None:
    ward.retain(images_days=1, results_days=1)
    page = browser.get(STUDY)
    assert "1 file (results) of this study were deleted here" in page.text
    assert browser.get(f"{STUDY}/pictures/2.25.1.png").status_code == 404
    assert browser.get("/?show=done").status_code == 200
    assert browser.get(DICOMWEB, headers=FILES).status_code == 410
