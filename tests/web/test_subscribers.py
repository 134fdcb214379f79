"""What people and programs are told of receivers: how many changes each was told, and what it did not take."""

from __future__ import annotations

import io

import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from tests.web.reading import Page, opened
from tests.web.scene import Scene
from triaged.cli.tables import overview_table
from triaged.store.couriers.notifications import Notifications
from triaged.store.listing import order
from triaged.store.studies.second_results import SecondResults
from triaged.store.tables.rows import known_study
from triaged.study.notification import Occasion
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.web.overview import overview

HOSTILE = "AE: unknown <script>alert(1)</script>"


def _page(scene: Scene) -> Page:
    with TestClient(scene.app()) as client:
        return opened(client, "/status")


@pytest.fixture
def told(filled: Scene) -> Scene:
    """A list of which two studies came into another class; the receiver refused one of them."""
    pushes = Notifications(filled.database)
    pushes.subscribe({"ris": frozenset(Occasion), "pager": frozenset(Occasion)})
    for number, uid in enumerate(filled.worklist.order()[:2]):
        where = Ranking(Lane.ORDERED, TriageClass.OPACITY_NOT_FLAGGED, filled.now, f"1:{number}:{uid}", "C' as told")
        with filled.database.begin() as connection:
            order.place(connection, known_study(connection, uid), where, cause="test", now=filled.now)
    push = pushes.claim_due("courier", to="ris", lease_s=60, now=filled.now)
    assert push is not None
    pushes.refused(push, error=HOSTILE, now=filled.now)
    return filled


def test_the_status_page_says_what_receivers_were_told_and_why_one_refused(told: Scene) -> None:
    page = _page(told)
    assert ["ris", "1", "0", "1", "0", "0"] in page.rows
    assert ["pager", "2", "0", "0", "0", "0"] in page.rows
    (untold,) = [row for row in page.rows if row[0] == "ris" and "→" in row[1]]
    assert untold[1].endswith("→ C'")
    assert untold[2] == f"refused : {HOSTILE}"
    assert "triaged resend --destination NAME" in page.text


def test_without_receivers_the_status_page_says_how_to_name_one(filled: Scene) -> None:
    assert "Nobody is told of changes of class." in _page(filled).text


def test_programs_and_the_command_line_get_the_counts(told: Scene) -> None:
    counts = overview(told.studies, told.outbox, Notifications(told.database), told.peers, SecondResults(told.database))
    assert counts["pushes"]["ris"] == {"PENDING": 1, "SENT": 0, "REFUSED": 1, "DEAD": 0, "WITHDRAWN": 0}
    assert counts["refused"] == 1
    console = Console(file=io.StringIO(), width=120)
    console.print(overview_table(counts))
    assert isinstance(console.file, io.StringIO)
    assert "changes for ris REFUSED" in console.file.getvalue()
