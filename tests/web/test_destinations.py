"""What people and programs are told of destinations: what they accept, what they refuse, and what was not delivered.

Names are those of PS3.6 annex A, written here by hand.
"""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from tests.web.reading import Page, opened
from tests.web.scene import Scene
from triaged.cli.tables import destinations_table, overview_table
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.notifications import Notifications
from triaged.store.studies.second_results import SecondResults
from triaged.study.commitment import CommitmentReport
from triaged.study.kinds import ObjectKind
from triaged.study.records import DeliveryState, Negotiated
from triaged.web.destinations import destinations
from triaged.web.overview import overview

SC, SC_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"
SEG, SR, COMMITMENT = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.1.20.1"
IMPLICIT, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.5"
ANSWER = {SC: [RLE, IMPLICIT], SC_MULTIFRAME: [], SEG: [], SR: [IMPLICIT]}
NONE_YET: dict[str, dict[DeliveryState, int]] = {}


def _page(scene: Scene, path: str = "/status") -> Page:
    with TestClient(scene.app()) as client:
        return opened(client, path)


def test_the_status_page_names_what_a_destination_accepts_and_why_a_refusal_matters(filled: Scene) -> None:
    filled.peers.remember("pacs", ANSWER, now=filled.now)
    page = _page(filled)
    assert ["Secondary Capture Image Storage", "accepted", "RLE Lossless, Implicit VR Little Endian"] in page.rows
    assert ["Comprehensive 3D SR Storage", "accepted", "Implicit VR Little Endian"] in page.rows
    refused = {row[0]: row[2] for row in page.rows if len(row) == 3 and row[1] == "refused"}
    assert "Pictures and reports still go" in refused["Segmentation Storage"]
    assert "one by one instead" in refused["Multi-frame True Color Secondary Capture Image Storage"]
    assert "As it answered 2026-03-01 12:30:00 UTC" in page.text


def test_a_destination_that_never_answered_is_not_said_to_refuse_anything(filled: Scene) -> None:
    page = _page(filled)
    assert ["pacs", "3", "0", "0", "0", "0", "0"] in page.rows
    assert "It has not answered yet" in page.text
    assert not [row for row in page.rows if "refused" in row]


@pytest.mark.parametrize(
    ("accepted", "refused", "words"),
    [
        ({SC: (), SC_MULTIFRAME: (RLE,)}, SC, "only as one multi-frame object"),
        ({SC: (), SC_MULTIFRAME: ()}, SC, "No picture of a result can be shown there"),
        ({SC: ()}, SC, "No picture of a result can be shown there"),
        ({SC: (RLE,), SC_MULTIFRAME: ()}, SC_MULTIFRAME, "one by one"),
        ({SC: (RLE,), SR: ()}, SR, "carry the same numbers"),
        ({COMMITMENT: ()}, COMMITMENT, "does not confirm that it keeps"),
        ({"1.2.3.4": ()}, "1.2.3.4", "the others still do"),
    ],
)
def test_a_refusal_is_explained_by_what_else_is_accepted(
    scene: Scene, accepted: dict[str, tuple[str, ...]], refused: str, words: str
) -> None:
    (one,) = destinations(NONE_YET, {}, [Negotiated("pacs", scene.now, accepted)])
    at = [uid for uid, syntaxes in accepted.items() if not syntaxes].index(refused)
    assert words in one.refused[at][1]


def test_programs_get_the_same_by_names(filled: Scene) -> None:
    filled.peers.remember("pacs", ANSWER, now=filled.now)
    with TestClient(filled.app()) as client:
        assert client.get("/api/status").json()["destinations"] == {
            "pacs": {
                "asked_at": "2026-03-01T12:30:00+00:00",
                "accepted": {
                    "Secondary Capture Image Storage": ["RLE Lossless", "Implicit VR Little Endian"],
                    "Comprehensive 3D SR Storage": ["Implicit VR Little Endian"],
                },
                "refused": ["Multi-frame True Color Secondary Capture Image Storage", "Segmentation Storage"],
            }
        }


def test_the_terminal_gets_the_same_by_names_and_no_markup(filled: Scene) -> None:
    filled.peers.remember("[red]pacs\x1b[2J", ANSWER, now=filled.now)
    told = io.StringIO()
    counts = overview(
        filled.studies, filled.outbox, Notifications(filled.database), filled.peers, SecondResults(filled.database)
    )
    Console(file=told, width=200).print(destinations_table(counts), overview_table(counts))
    assert "[red]pacs\N{REPLACEMENT CHARACTER}[2J" in told.getvalue()
    assert "Segmentation Storage" in told.getvalue()
    assert "\x1b" not in told.getvalue()


def test_what_was_refused_or_given_up_is_listed_with_the_reason_and_the_command(filled: Scene) -> None:
    hostile = "<img src=x onerror=alert(1)> status 0xa900"
    filled.settle(ObjectKind.SR, lambda item: filled.outbox.refused(item, error=hostile, now=filled.now))
    filled.settle(ObjectKind.SC, lambda item: filled.outbox.dead(item, error="no route", now=filled.now))
    page = _page(filled)
    assert ["pacs", "0", "0", "0", "1", "2", "0"] in page.rows
    told = [row[:3] for row in page.rows if row[0] == "pacs" and len(row) == 6]
    assert told == [
        ["pacs", "measurements (SR)", f"refused : {hostile}"],
        ["pacs", "picture (SC)", "given up : no route"],
        ["pacs", "picture (SC)", "given up : no route"],
    ]
    assert "triaged resend --destination pacs" in page.text
    assert not [tag for tag, _ in page.elements if tag == "img"]


def test_what_was_asked_to_be_committed_is_counted_until_it_is(filled: Scene) -> None:
    filled.settle(ObjectKind.SC, lambda item: filled.outbox.sent(item, now=filled.now))
    commitments = Commitments(filled.database)
    asked = commitments.uncommitted("pacs", ask_again_before=filled.now, limit=10, now=filled.now)
    commitments.asked([item for item, _ in asked], "1.2.3", now=filled.now)
    assert ["pacs", "1", "2", "2", "0", "0", "0"] in _page(filled).rows
    report = CommitmentReport("1.2.3", tuple(reference for _, reference in asked[:1]))
    filled.now += timedelta(minutes=1)
    commitments.settle(report, now=filled.now, max_attempts=3)
    assert ["pacs", "1", "2", "1", "0", "0", "0"] in _page(filled).rows
    told = [row[3] for row in _page(filled, "/studies/1.2.826.0.1.3").rows if row[0] == "pacs"]
    assert "sent at 2026-03-01 12:30:00 UTC , committed at 2026-03-01 12:31:00 UTC" in told
