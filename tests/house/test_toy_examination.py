"""An examination that lives in the tests goes through the whole daemon, from the wire to other systems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from fastapi.testclient import TestClient
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from tests.dicom.factory import write_series
from tests.flow.house import House
from tests.house.toy_examination import BRIGHTNESS, Toy
from tests.store.making import Studies
from tests.wire.peers import clock, receiving
from triaged.daemon.examinations import viewers
from triaged.dimse.scu import DimseSender
from triaged.notify.body import body
from triaged.notify.oru import Ends, oru_r01
from triaged.steps.errand import DeliveryOptions
from triaged.steps.notify import Notifier
from triaged.steps.ports import Outgoing, Peer, SendOutcome, Sent, Unreachable
from triaged.store.couriers.notifications import Notifications
from triaged.store.people.accounts import Accounts
from triaged.store.tables.database import open_database
from triaged.study import concepts
from triaged.study.lifecycle import State
from triaged.study.notification import Notification, Occasion
from triaged.web.app import create_app
from triaged.web.identity import LOCAL_HOSTS, AccessOptions
from triaged.web.options import WebOptions

TOY_LINES = 80
STUDY = "1.2.77"


class Ris:
    """Takes what it is told, as HL7 and as JSON."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def reach(self) -> Sent | Unreachable:
        return Sent()

    def push(self, push: Notification, *, now: datetime) -> SendOutcome:
        self.messages.append(oru_r01(push, None, Ends(), now=now).decode())
        self.bodies.append(json.loads(body(push, None, now=now)))
        return Sent()


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setitem(concepts.CONCEPTS, BRIGHTNESS.name, BRIGHTNESS)
    database = open_database(sqlite_url)
    house = House(database, tmp_path)
    house.examinations = (*house.examinations, Toy())
    Notifications(database).subscribe({"ris": frozenset(Occasion)})
    yield house
    database.close()


def radiograph(folder: Path) -> Path:
    """Write a radiograph whose mean is a fifth of what it can hold."""
    folder.mkdir()
    path = write_series(folder)[0]
    image = pydicom.dcmread(path)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    image.Modality, image.StudyInstanceUID, image.PatientName = "CR", STUDY, "Test^Person"
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 0
    image.PixelData = np.full((image.Rows, image.Columns), 65535 // 5, np.uint16).tobytes()
    image.save_as(path)
    return path


def store(path: Path, port: int) -> None:
    image = pydicom.dcmread(path, stop_before_pixels=True)
    outgoing = Outgoing(path, image.SOPClassUID, image.SOPInstanceUID, ExplicitVRLittleEndian)
    sender = DimseSender("CR1", timeout_s=20)
    assert sender.send([outgoing], Peer("triaged", "TRIAGED", "127.0.0.1", port)) == [Sent()]


@pytest.fixture
def scored(house: House, tmp_path: Path, sqlite_url: str) -> House:
    """The daemon after a radiograph has come over the wire and was scored."""
    with receiving(tmp_path, sqlite_url, intake=house.intake) as ours:
        store(radiograph(tmp_path / "radiograph"), ours.port)
    house.now = clock()
    house.later(3)
    assert house.assemble() == 1
    analyst = house.analyst()
    analyst.analyse(house.claim(analyst), clock=house.clock)
    return house


def test_the_toy_is_small() -> None:
    source = (Path(__file__).parent / "toy_examination.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= TOY_LINES


def test_it_is_on_the_list_with_its_number_and_on_the_page(scored: House) -> None:
    (entry,) = scored.worklist.entries()
    assert entry.state is State.TRIAGED
    assert entry.finding is not None
    assert entry.finding.value(BRIGHTNESS) == pytest.approx(0.2)
    assert "mean brightness 20 %" in entry.reason
    accounts, access = Accounts(scored.database), AccessOptions(hosts=LOCAL_HOSTS | {"testserver"})
    rooms = (scored.database, scored.spool, accounts, scored.readers())
    options = WebOptions("TRIAGED", "severity", access=access)
    with TestClient(create_app(*rooms, viewers=viewers(), options=options, clock=scored.clock)) as browser:
        (item,) = browser.get("/api/worklist").json()
        assert (item["brightness"], item["severity"]) == (pytest.approx(0.2), None)
        assert "<dt>Mean brightness</dt><dd>20 %</dd>" in browser.get(f"/studies/{STUDY}").text


def test_its_report_and_its_pictures_reach_the_destination(scored: House) -> None:
    scored.deliver()
    made = Studies(scored.database).derived(STUDY)
    assert {each.kind.name for each in made} == {"sr", "sc", "sc-multiframe"}
    sent = [each.kind.name for each in made if each.sop_instance_uid in scored.pacs.took]
    assert sorted(sent) == ["sc", "sr"]  # the picture in one of its two forms
    report = pydicom.dcmread(scored.spool.absolute(next(each.path for each in made if each.kind.name == "sr")))
    assert _numbers(report) == {"Mean brightness": pytest.approx(20.0)}


def test_other_systems_are_told_its_number(scored: House) -> None:
    ris = Ris()
    pushes, options = Notifications(scored.database), DeliveryOptions()
    assert Notifier(pushes, ris, name="ris", options=options, courier="courier").run_next(clock=scored.clock)
    (message,), (told,) = ris.messages, ris.bodies
    assert "|BRIGHTNESS^Mean brightness^99TRIAGED||20.0|%^percent^UCUM|" in message
    assert told["result"]["brightness"] == pytest.approx(0.2)
    assert told["result"]["severity"] is None


def test_a_study_that_nobody_examines_has_the_reason_of_who_came_furthest(house: House) -> None:
    slices = house.series(1, count=4)
    house.examinations = tuple(reversed(house.examinations))
    house.send(slices)
    house.later(60)
    assert house.assemble() == 1
    analyst = house.analyst()
    analyst.analyse(house.claim(analyst), clock=house.clock)
    assert "too few slices" in house.entry(1).reason


def test_the_first_that_accepts_examines(house: House) -> None:
    house.examinations = (replace(Toy(), engine=replace(Toy().engine, name="first")), *house.examinations)
    house.triage(1, 0.3)
    assert house.entry(1).finding is not None
    assert _engine(house, 1) == "fake"


def _engine(house: House, study: int) -> str:
    finding = house.entry(study).finding
    assert finding is not None
    return finding.engine


def _numbers(content: pydicom.Dataset) -> dict[str, float]:
    """Return the numbers of a report by the meaning of their codes."""
    found: dict[str, float] = {}
    items: Sequence[pydicom.Dataset] = content.get("ContentSequence", [])
    for item in items:
        if item.ValueType == "NUM":
            name = item.ConceptNameCodeSequence[0].CodeMeaning
            found[name] = float(item.MeasuredValueSequence[0].NumericValue)
        found |= _numbers(item)
    return found
