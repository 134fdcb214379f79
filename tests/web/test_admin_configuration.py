"""What the administrator's page does with the configuration, and with what waits for a name that it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.store.making import at, claimed, commit, derived, make_ready
from tests.web.administered import File, administered
from tests.web.reading import Page, csrf
from tests.web.scene import Scene
from triaged.errors import UnknownDestination
from triaged.steps.administering import Asker
from triaged.steps.replay import Fate, Replayed
from triaged.store.roles.configurations import Configurations, Reading, Verdict
from triaged.store.trail.audits import Audits
from triaged.study.audit import AuditEvent
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import TriageClass

ASKER = Asker("root", "10.0.0.1", "the old archive is gone")
FATE = Fate("everything", False, "ct-test", ("pacs",), TriageClass.SEVERE, "B", 1, True)
CHANGED = Replayed("1.2.3.7", at(0), "CT1", "CT", "ct-test 1", FATE, replace(FATE, rule="trials", is_ignored=True))


@pytest.fixture
def file() -> File:
    return File(outcome=[CHANGED])


@pytest.fixture
def browser(filled: Scene, file: File, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    kept = Configurations(filled.database)
    for number, (verdict, why) in enumerate([(Verdict.TAKEN, ""), (Verdict.REJECTED, "line 1"), (Verdict.TAKEN, "")]):
        kept.add(Reading(at(number), f"{number}" * 64, f"workers: {number}\n", "ann", verdict, reason=why))
    monkeypatch.setattr("tests.web.scene.administered", lambda scene: administered(scene, file=file))
    with TestClient(filled.app(), follow_redirects=False) as client:
        yield client


def _press(client: TestClient, **fields: str) -> int:
    return client.post("/admin/actions", data={"csrf": csrf(client), "reason": ASKER.reason, **fields}).status_code


def _try(client: TestClient, text: str) -> str:
    return client.post("/admin/try", data={"csrf": csrf(client), "text": text}).text


def test_only_what_was_taken_before_can_be_rolled_back_to(browser: TestClient) -> None:
    page = browser.get("/admin").text
    assert "Roll back to version 1" in page
    assert "Roll back to version 2" not in page
    assert "Roll back to version 3" not in page


def test_a_rollback_and_a_reload_are_done_and_written_down(filled: Scene, browser: TestClient, file: File) -> None:
    assert _press(browser, kind="rollback", target="1") == 303
    assert _press(browser, kind="rollback", target="9") == 409
    assert _press(browser, kind="reload") == 303
    assert file.done == ["rolled back", "read again"]
    rows = [row for row in Audits(filled.database).since(at(-9999)) if row.event is AuditEvent.ADMINISTRATION]
    assert [(row.detail, row.target, row.succeeded) for row in rows] == [
        ("rollback of the configuration", "version 1", True),
        ("rollback of the configuration", "version 9", False),
        ("reload of the configuration", "", True),
    ]


def test_a_text_is_tried_and_what_changes_is_listed(browser: TestClient) -> None:
    assert "workers: 1" in Page(browser.get("/admin/try").text).text
    text = Page(_try(browser, "workers: 2\n")).text
    assert "1.2.3.7" in text
    assert "everything → trials" in text
    assert "ct-test → ignored" in text


def test_where_nothing_changes_the_page_says_so(browser: TestClient, file: File) -> None:
    file.outcome = []
    assert "Nothing would change" in _try(browser, "workers: 2\n")


def test_mistakes_of_a_text_are_shown_and_the_text_stays(browser: TestClient) -> None:
    text = _try(browser, "<script>alert(1)</script>\n")
    assert "config.yaml:1: expected workers, found none" in text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def _one_waits_for_old(scene: Scene) -> None:
    make_ready(scene.studies, 1)
    claim = claimed(scene.studies)
    wanted = {"old": frozenset({ObjectKind.SR})}
    commit(scene.studies, claim, objects=(derived(claim, ObjectKind.SR),), destinations=wanted)


def test_what_waits_for_a_name_that_is_gone_is_moved_or_dropped(scene: Scene) -> None:
    _one_waits_for_old(scene)
    administration = administered(scene).administration
    with pytest.raises(UnknownDestination):
        administration.move("old", "nowhere", ASKER)
    assert administration.move("old", "pacs", ASKER) == "1 waited for old and will be sent to pacs."
    assert administration.drop("pacs", ASKER) == "1 waited for pacs and will not be sent."


def test_the_page_offers_to_move_or_drop_what_waits_for_a_name_that_is_gone(scene: Scene) -> None:
    _one_waits_for_old(scene)
    with TestClient(scene.app(), follow_redirects=False) as client:
        assert "Move what waits for old" in client.get("/admin").text
        assert _press(client, kind="move", target="old", to="pacs") == 303
        assert "what waits for old" not in client.get("/admin").text
