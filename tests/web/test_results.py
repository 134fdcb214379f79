"""What the page of a study says of its results, their pictures and their way to the archive."""

from __future__ import annotations

import io
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.results.ct_study import provenance, ranking, standard_study
from tests.web.reading import Page, opened
from tests.web.scene import CLINIC_NOW, Scene
from triaged.exams.ct.objects import reason_objects
from triaged.store.tables.views import Delivery
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.kinds import ObjectKind
from triaged.study.records import DeliveryState, OutboxItem
from triaged.web.outcomes import as_line, resend_commands
from triaged.web.pictures import described
from triaged.web.viewing import site_address

STUDY = "/studies/1.2.826.0.1.3"


@pytest.fixture
def revised(filled: Scene) -> Scene:
    """A clinic in which one study was read again with another result, before anything was sent."""
    filled.again(3, minutes=31, right=0.2, left=0.6, p=0.9)
    filled.now = CLINIC_NOW + timedelta(minutes=10)
    return filled


def _page(scene: Scene, path: str) -> Page:
    with TestClient(scene.app()) as client:
        return opened(client, path)


def _deliveries(page: Page) -> list[list[str]]:
    return [row[2:4] for row in page.rows if row[0] == "pacs"]


def test_the_pictures_come_in_their_order_with_captions_the_summary_first(browser: TestClient) -> None:
    page = opened(browser, STUDY)
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert [image["alt"] for image in images] == ["Summary", "Coronal, plain"]
    assert [(image["width"], image["height"]) for image in images] == [("30", "40")] * 2
    assert page.text.index("1. Summary") < page.text.index("2. Coronal, plain")


def test_a_picture_is_shown_as_it_was_made(browser: TestClient) -> None:
    source = next(attributes["src"] for tag, attributes in opened(browser, STUDY).elements if tag == "img")
    answer = browser.get(str(source))
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.size, picture.getpixel((5, 0)), picture.getpixel((5, 1))) == ((30, 40), (255, 0, 0), (0, 0, 0))


def test_a_picture_whose_file_is_gone_is_said_to_be_gone_and_costs_neither_page_nor_others(filled: Scene) -> None:
    first = filled.studies.derived("1.2.826.0.1.3")[0]
    filled.spool.absolute(first.path).unlink()
    page = _page(filled, STUDY)
    assert "1 picture cannot be read from the spool" in page.text
    assert [attributes["alt"] for tag, attributes in page.elements if tag == "img"] == ["Coronal, plain"]
    with TestClient(filled.app()) as client:
        assert client.get(f"{STUDY}/pictures/{first.sop_instance_uid}.png").status_code == 404


def test_while_the_spool_is_away_no_picture_is_said_to_be_gone_and_the_pages_stay(filled: Scene) -> None:
    first = filled.studies.derived("1.2.826.0.1.3")[0]
    root = filled.spool.absolute(first.path).parents[2]
    away = root.rename(root.with_name("away"))
    page, status = _page(filled, STUDY).text, _page(filled, "/status").text
    with TestClient(filled.app()) as client:
        picture = client.get(f"{STUDY}/pictures/{first.sop_instance_uid}.png").status_code
    away.rename(root)
    assert "The pictures cannot be shown at the moment: expected the spool" in page
    assert "cannot be read from the spool" not in page
    assert "The spool is away" in status
    assert picture == 503


def test_the_caption_is_the_title_that_the_result_gives_its_page(tmp_path: Path) -> None:
    sources = standard_study().sources[:1]
    reason = Reason(ReasonCode.NO_LUNGS, "expected lungs. Found none.")
    made = reason_objects(sources[0], reason, ranking(), provenance(sources))[0]
    (tmp_path / "file.dcm").write_bytes(made.part10)
    picture = described(tmp_path / "file.dcm")
    assert picture is not None
    assert (picture.caption, picture.width) == ("Not scored", 1024)


@pytest.mark.parametrize("content", [b"", b"no DICOM", b"\x00" * 128 + b"DICM"])
def test_bytes_that_are_no_picture_are_not_described(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.dcm").write_bytes(content)
    assert described(tmp_path / "file.dcm") is None


def test_the_result_in_force_comes_first_and_what_it_superseded_says_so(revised: Scene) -> None:
    page = _page(revised, STUDY)
    assert [(row[0], row[1], row[3], row[5]) for row in page.rows if row[0].startswith("revision")] == [
        ("revision 2", "in force", "B severe", "60 %"),
        ("revision 1", "superseded by revision 2", "A critical", "81 %"),
    ]
    assert [attributes.get("class") for tag, attributes in page.elements if tag == "tr"].count("superseded") == 1


def test_only_a_study_whose_result_was_superseded_has_a_revision_on_the_list_and_it_is_explained(
    revised: Scene,
) -> None:
    page = _page(revised, "/")
    assert [row["notes"] for row in page.cells if "revision" in row.get("notes", "")] == ["revision 2"]
    explained = [
        attributes["title"] for tag, attributes in page.elements if tag == "abbr" and attributes.get("class") == "whole"
    ]
    assert [str(title).startswith("the study was read again") for title in explained] == [True]


def test_what_was_not_sent_of_a_superseded_result_is_withdrawn(revised: Scene) -> None:
    withdrawn = "withdrawn : superseded by a newer result before it was sent"
    rows = [row[1:4] for row in _page(revised, STUDY).rows if row[0] == "pacs"]
    assert rows == [
        ["revision 2", "picture (SC)", "waiting"],
        ["revision 2", "picture (SC)", "waiting"],
        ["revision 2", "measurements (SR)", "waiting"],
        ["revision 1", "picture (SC)", withdrawn],
        ["revision 1", "picture (SC)", withdrawn],
        ["revision 1", "measurements (SR)", withdrawn],
    ]


def test_each_delivery_says_in_words_where_it_stands(filled: Scene) -> None:
    def refuse(item: OutboxItem) -> None:
        filled.outbox.refused(item, error="not <b>wanted</b>", now=filled.now)

    filled.settle(ObjectKind.SC, lambda item: filled.outbox.sent(item, now=filled.now))
    filled.settle(ObjectKind.SR, refuse)
    page = _page(filled, STUDY)
    assert _deliveries(page) == [
        ["picture (SC)", "sent at 2026-03-01 12:30:00 UTC"],
        ["picture (SC)", "sent at 2026-03-01 12:30:00 UTC"],
        ["measurements (SR)", "refused : not <b>wanted</b>"],
    ]
    assert "b" not in [tag for tag, _ in page.elements]
    assert "triaged resend --study 1.2.826.0.1.3 --destination pacs" in page.text


def test_a_delivery_that_failed_waits_with_the_reason_and_one_given_up_keeps_it(filled: Scene) -> None:
    def retry(item: OutboxItem) -> None:
        filled.outbox.retry(item, error="no route", next_attempt_at=filled.now + timedelta(minutes=1), now=filled.now)

    filled.settle(ObjectKind.SC, retry)
    filled.settle(ObjectKind.SR, lambda item: filled.outbox.dead(item, error="status 0xA900", now=filled.now))
    assert _deliveries(_page(filled, STUDY)) == [
        ["picture (SC)", "waiting : last attempt: no route"],
        ["picture (SC)", "waiting : last attempt: no route"],
        ["measurements (SR)", "given up : status 0xA900"],
    ]


def test_pictures_refused_as_one_object_say_what_went_instead_and_are_not_to_be_sent_again() -> None:
    as_one = _delivery(ObjectKind.SC_MULTIFRAME, DeliveryState.REFUSED, error="not accepted")
    assert as_line(as_one).why == "not accepted (the single pictures went in its place)"
    assert resend_commands([as_one]) == []


def test_a_command_can_be_pasted_into_a_shell_whatever_a_destination_is_called() -> None:
    odd = _delivery(ObjectKind.SEG, DeliveryState.DEAD, error="x", destination="pacs; rm -rf 'all'")
    (command,) = resend_commands([odd, odd], study_uid="1.2.3")
    assert shlex.split(command) == ["triaged", "resend", "--study", "1.2.3", "--destination", "pacs; rm -rf 'all'"]


def _delivery(kind: ObjectKind, state: DeliveryState, *, error: str, destination: str = "pacs") -> Delivery:
    return Delivery(1, "1.2.3", destination, "2.25.1", kind, state, 1, CLINIC_NOW, None, error)


def test_a_study_is_linked_to_the_site_s_viewer_by_what_names_it() -> None:
    template = "https://pacs.example/v?s={study_instance_uid}&a={accession_number}"
    assert site_address(template, "1.2.3", "A/1 &{study_instance_uid}") == (
        "https://pacs.example/v?s=1.2.3&a=A%2F1%20%26%7Bstudy_instance_uid%7D"
    )
    assert site_address(template, "1.2.3", "\udcff") == "https://pacs.example/v?s=1.2.3&a=%3F"
    assert site_address(template, "1.2.3", " ") == "", "the viewer is asked for what the study has not"
    assert site_address("", "1.2.3", "A-1") == ""
