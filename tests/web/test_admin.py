"""The administrator's page: what it shows; each of its buttons acts, asks for a reason, and is written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset, dcmread
from sqlalchemy import update

from tests.store.making import at, study_uid
from tests.web.administered import Answers, administered
from tests.web.reading import Page, csrf
from tests.web.scene import Scene, found
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit
from triaged.dicom.part10 import file_meta
from triaged.errors import ActionRefused, IllegalTransition, TryLater, UnknownDestination, UnknownQuarantined
from triaged.steps.administering import Asker
from triaged.steps.intake import Offer
from triaged.steps.pausing import ASKED_EVERY_S, Gate
from triaged.steps.ports import Refused, Unreachable
from triaged.store.roles.pauses import Pausable, Pauses
from triaged.store.studies.history import History
from triaged.store.studies.quarantines import Quarantines
from triaged.store.tables import schema
from triaged.store.trail.audits import Audits
from triaged.study.assessment import Assessed
from triaged.study.audit import Audited, AuditEvent
from triaged.study.lifecycle import State
from triaged.study.records import Admission
from triaged.web.charts import HEIGHT, bars, by_hour, percentile

ASKER = Asker("root", "10.0.0.1", "the scanner is repaired")
EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def browser(filled: Scene) -> Iterator[TestClient]:
    with TestClient(filled.app(), follow_redirects=False) as client:
        yield client


def _press(client: TestClient, **fields: str) -> tuple[int, str]:
    answer = client.post("/admin/actions", data={"csrf": csrf(client), "reason": ASKER.reason, **fields})
    return answer.status_code, Page(answer.text).text if answer.status_code != 303 else answer.headers["location"]


def _rows(scene: Scene) -> list[Audited]:
    return [row for row in Audits(scene.database).since(at(-9999)) if row.event is AuditEvent.ADMINISTRATION]


def test_the_page_shows_what_goes_on_what_needs_somebody_and_what_runs(browser: TestClient) -> None:
    text = Page(browser.get("/admin").text).text
    for words in (
        "Now",
        "Needs you",
        "Failed",
        "Configuration",
        "Models",
        "ct-test",
        "Last 24 hours",
        "Pause receiving",
    ):
        assert words in text
    assert "Ivanova" not in text


def test_readers_have_no_page_and_see_neither_paths_nor_addresses(filled: Scene) -> None:
    _aside(filled)
    with visit(filled, ACCOUNTS) as client:
        filled.accounts.add(READER, PASSWORD, now=filled.now)
        sign_in(client, name=READER.name)
        assert client.get("/admin").status_code == 403
        assert client.post("/admin/actions", data={"csrf": csrf(client), "kind": "requeue"}).status_code == 403
        status = client.get("/status").text
        assert "CT9" in status
        assert "10.0.0.7" not in status
        assert "quarantine/" not in status
        assert 'href="/admin"' not in status
        sign_in(client)
    with TestClient(filled.app()) as administrator:
        status = administrator.get("/status").text
        assert "10.0.0.7" in status
        assert "quarantine/" in status


def test_a_failed_study_is_read_again_for_a_reason_that_is_kept(filled: Scene, browser: TestClient) -> None:
    failed = next(each for each in filled.worklist.ended(50) if each.state is State.FAILED)
    assert _press(browser, kind="requeue", target=failed.study_uid, reason="  ")[0] == 409
    status, where = _press(browser, kind="requeue", target=failed.study_uid)
    assert (status, where.partition("=")[0]) == (303, "/admin?done")
    assert filled.studies.counts()[State.READY] >= 1
    (row,) = _rows(filled)
    assert (row.study_uid, row.detail, row.reason, row.succeeded) == (
        failed.study_uid,
        "requeue",
        ASKER.reason,
        True,
    )
    assert _press(browser, kind="requeue", target=failed.study_uid)[0] == 409
    assert _press(browser, kind="requeue", target="1.2.3")[0] == 404
    assert [row.succeeded for row in _rows(filled)] == [True, False, False]


def test_a_study_that_waits_for_slices_counts_as_complete_and_a_slice_reopens_it(scene: Scene) -> None:
    scene.arrive(1, minutes=0)
    uid = study_uid(1).value
    administration = administered(scene).administration
    administration.complete(uid, ASKER)
    assert scene.studies.counts()[State.READY] == 1
    with pytest.raises(IllegalTransition):
        administration.complete(uid, ASKER)
    scene.arrive(1, minutes=1, serial=2)
    assert scene.studies.counts()[State.RECEIVING] == 1
    assert "an administrator said so" in [event.detail for event in History(scene.database).events(uid)][1]


def test_what_was_refused_is_sent_again(filled: Scene, browser: TestClient) -> None:
    before = filled.outbox.counts()
    assert any(states for states in before.values())
    assert _press(browser, kind="resend", target="pacs")[0] == 303
    assert _press(browser, kind="resend", target="nowhere")[0] == 404
    assert [row.target for row in _rows(filled)] == ["pacs", "nowhere"]


def test_receiving_is_paused_for_senders_until_it_goes_on(scene: Scene) -> None:
    now = 0.0
    gate = Gate(Pauses(scene.database), monotonic=lambda: now)
    administration = administered(scene).administration
    gate.receives()
    administration.pause(Pausable.RECEIVING, "", ASKER)
    gate.receives()  # not asked again yet
    now += ASKED_EVERY_S
    with pytest.raises(TryLater, match="receiving is paused by root: the scanner is repaired"):
        gate.receives()
    administration.resume(Pausable.RECEIVING, "", ASKER)
    now += ASKED_EVERY_S
    gate.receives()
    with pytest.raises(ActionRefused, match="not paused"):
        administration.resume(Pausable.RECEIVING, "", ASKER)
    with pytest.raises(ActionRefused, match="as a whole"):
        administration.pause(Pausable.RECEIVING, "pacs", ASKER)


def test_sending_is_paused_to_one_name_or_to_all(scene: Scene) -> None:
    gate = Gate(Pauses(scene.database), monotonic=iter(range(0, 1000, 10)).__next__)
    administration = administered(scene).administration
    administration.pause(Pausable.SENDING, "pacs", ASKER)
    assert (gate.sends_to("pacs"), gate.sends_to("ris")) == (False, True)
    administration.pause(Pausable.SENDING, "", ASKER)
    assert not gate.sends_to("ris")
    administration.resume(Pausable.SENDING, "", ASKER)
    assert (gate.sends_to("pacs"), gate.sends_to("ris")) == (False, True)
    with pytest.raises(UnknownDestination):
        administration.pause(Pausable.SENDING, "nowhere", ASKER)


def test_a_pause_is_shown_and_ends_by_its_button(filled: Scene, browser: TestClient) -> None:
    assert _press(browser, kind="pause", what="sending", target="pacs")[0] == 303
    assert "sending to pacs is paused by" in Page(browser.get("/admin").text).text
    assert "sending to pacs is paused" in browser.get("/health").json()["warnings"]
    assert _press(browser, kind="resume", what="sending", target="pacs")[0] == 303
    assert "is paused by" not in Page(browser.get("/admin").text).text
    assert _press(browser, kind="pause", what="everything", target="")[0] == 400


def _aside(scene: Scene, **attributes: str) -> int:
    """Put an instance without a study into quarantine, as the receiver does, and return its number."""
    sent = Dataset()
    sent.SOPClassUID, sent.Modality, sent.PatientName = CT, "CT", "Roe^Jane"
    sent.SeriesInstanceUID, sent.Rows = "1.2.3.4", 16
    for keyword, value in attributes.items():
        setattr(sent, keyword, value)
    sent.PixelData = bytes(512)
    sent["PixelData"].VR = "OW"
    stream = BytesIO()
    sent.save_as(stream, implicit_vr=False, little_endian=True)
    sender = scene.intake.open_association(peer="10.0.0.7", calling_ae_title="CT9", now=scene.now)
    offer = Offer(CT, "1.2.3.4.5", EXPLICIT)
    kept = scene.intake.keep(offer, [stream.getvalue()], sender, clock=lambda: scene.now)
    assert kept.admission is Admission.QUARANTINED
    scene.intake.close_association(sender, now=scene.now)
    return Quarantines(scene.database).all()[0].number


def test_what_is_in_quarantine_is_filed_once_its_header_is_mended(filled: Scene, browser: TestClient) -> None:
    number = _aside(filled)
    path = filled.spool.absolute(Quarantines(filled.database).one(number).kept.path)
    before = dcmread(path, force=True)
    assert _press(browser, kind="release", target=str(number), set="")[0] == 409
    assert path.exists()
    status, where = _press(browser, kind="release", target=str(number), set="StudyInstanceUID=1.2.826.0.1.77")
    assert status == 303, where
    (kept,) = History(filled.database).instances("1.2.826.0.1.77")
    after = dcmread(filled.spool.absolute(kept.path))
    assert after.StudyInstanceUID == "1.2.826.0.1.77"
    assert (after.PatientName, after.PixelData, after.Rows) == (before.PatientName, before.PixelData, 16)
    assert not path.exists()
    assert number not in [aside.number for aside in Quarantines(filled.database).all()]
    last = _rows(filled)[-1]
    assert last.detail == "release from quarantine, set: StudyInstanceUID"
    assert "1.2.826.0.1.77" not in last.detail


def test_only_what_names_an_instance_can_be_mended(scene: Scene) -> None:
    administration, number = administered(scene).administration, _aside(scene)
    with pytest.raises(ActionRefused, match="expected one of StudyInstanceUID"):
        administration.release(number, {"PixelData": "x"}, ASKER)
    with pytest.raises(UnknownQuarantined):
        administration.release(number + 1, {}, ASKER)
    assert len(Quarantines(scene.database).all()) == 1


def test_bytes_that_are_no_data_set_cannot_be_mended_and_can_be_deleted(scene: Scene) -> None:
    sender = scene.intake.open_association(peer="10.0.0.7", calling_ae_title="CT9", now=scene.now)
    scene.intake.keep(Offer(CT, "1.2.3", EXPLICIT), [b"\xff" * 64], sender, clock=lambda: scene.now)
    (aside,) = Quarantines(scene.database).all()
    administration = administered(scene).administration
    path = scene.spool.absolute(aside.kept.path)
    assert path.read_bytes().startswith(
        file_meta(sop_class_uid=CT, sop_instance_uid="1.2.3", transfer_syntax_uid=EXPLICIT, source_ae_title="CT9")[:132]
    )
    with pytest.raises(ActionRefused, match="cannot be filed"):
        administration.release(aside.number, {"StudyInstanceUID": "1.2.3"}, ASKER)
    assert aside.kept.sha256 in administration.delete(aside.number, ASKER)
    assert not path.exists()
    assert Quarantines(scene.database).all() == []


def test_what_a_sender_was_promised_is_not_deleted(scene: Scene) -> None:
    number = _aside(scene)
    with scene.database.begin() as connection:
        connection.execute(update(schema.quarantine).values(promised_at=scene.now))
    with pytest.raises(ActionRefused, match="promised"):
        administered(scene).administration.delete(number, ASKER)
    assert [aside.number for aside in Quarantines(scene.database).all()] == [number]


def test_a_destination_is_tested_with_a_picture_without_a_patient(scene: Scene) -> None:
    answers = Answers()
    said = administered(scene, answers).administration.test("pacs", ASKER)
    (stored,) = map(BytesIO, answers.stored)
    picture = dcmread(stored)
    assert (picture.PatientName, picture.Modality, picture.pixel_array.shape) == ("TEST^TRIAGED", "OT", (64, 64))
    assert picture.SOPInstanceUID in said
    assert list(scene.spool.absolute("incoming").iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (Answers(to_echo=Unreachable("connection refused")), "does not answer C-ECHO: connection refused"),
        (Answers(to_store=Refused("out of resources", final=False)), "did not store a test picture: out of resources"),
    ],
)
def test_a_destination_that_does_not_take_the_test_says_why(scene: Scene, answers: Answers, why: str) -> None:
    with pytest.raises(ActionRefused, match=why):
        administered(scene, answers).administration.test("pacs", ASKER)
    assert [row.succeeded for row in _rows(scene)] == [False]


def test_the_last_day_is_drawn_without_scripts(scene: Scene) -> None:
    for number in (1, 2, 3):
        scene.arrive(number, minutes=0)
        scene.complete(number, minutes=0.1)
        scene.end(number, Assessed(found(0.3, 0.6, 0.9)), minutes=number)
    scene.now = at(90)
    with TestClient(scene.app()) as client:
        html = client.get("/admin").text
    assert "3 studies 2 h ago" in html
    assert "<b>3</b> studies; median <b>150 s</b>, 95th percentile <b>210 s</b>" in html
    assert html.count("<svg") == 3
    assert "<script>" not in html


def test_a_rule_that_matched_nothing_for_long_is_seen(scene: Scene) -> None:
    for number in (1, 2):
        scene.arrive(number, minutes=0)
    with scene.database.begin() as connection:
        connection.execute(update(schema.study).where(schema.study.c.id == 1).values(rule="trials"))
    for hours, cells in ((1, ["1", "1"]), (30, ["0", "1"]), (31 * 24, ["0", "never matched"])):
        scene.now = at(60 * hours)
        with TestClient(scene.app()) as client:
            html = client.get("/admin").text
        row = html.partition('<th scope="row">trials</th>')[2].partition("</tr>")[0]
        assert re.findall(r">([^<>]+)</td>", row) == cells
        assert '<th scope="row">children</th><td class="number">0</td>' in html


def test_bars_are_as_high_as_their_share_of_the_largest() -> None:
    assert [bar.height for bar in bars([0, 1, 4], ["a", "b", "c"])] == [0, HEIGHT / 4, HEIGHT]
    assert by_hour([at(0), at(59), at(61), at(200)], at(120), hours=2) == [1, 1]
    assert percentile([], 0.5) is None
    assert [percentile([4, 1, 3, 2], share) for share in (0.5, 0.95, 0.25)] == [2, 4, 1]
