"""A new kind of result object costs its writer and a row of the table; this is both, and nothing else knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from pydicom import dcmread
from pydicom.uid import UID

from tests.flow.house import House
from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.config.network import DestinationSection
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.objects import WRITERS
from triaged.results.instance import ResultObject, ResultSeries, begin, finish
from triaged.results.provenance import Provenance
from triaged.results.source import SourceSeries, key_instances, source_item
from triaged.results.wording import Lines
from triaged.store.tables.database import open_database
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.records import DeliveryState

KEY_IMAGES = ObjectKind(
    name="key-images",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.11.2",
    modality="PR",
    series_number=9009,
    title="key images",
    words="key images (PR)",
    refused="The key images are not marked there.",
    is_report=True,
)


def key_images(source: SourceSeries, lines: Lines, provenance: Provenance) -> ResultObject:
    """Return what a reader should see first."""
    dataset = begin(provenance.uid(KEY_IMAGES.name), source, ResultSeries(KEY_IMAGES), provenance)
    dataset.ContentDescription = lines.headline[:64]
    dataset.ReferencedImageSequence = [source_item(image) for image in key_instances(source)]
    return finish(dataset, KEY_IMAGES)


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with a row more."""
    monkeypatch.setitem(KINDS, KEY_IMAGES.name, KEY_IMAGES)


@pytest.fixture
def house(row: None, sqlite_url: str, tmp_path: Path) -> Iterator[House]:
    """A daemon whose examination calls a writer more, with a destination that asks for what that makes."""
    del row
    database = open_database(sqlite_url)
    house = House(database, tmp_path)
    (chest_ct,) = house.examinations
    assert isinstance(chest_ct, ChestCt)
    house.examinations = (replace(chest_ct, writers=(*WRITERS, key_images)),)
    house.wanted = _section("sc", "key-images").kinds()
    yield house
    database.close()


def _section(*objects: str) -> DestinationSection:
    keys = {"name": "pacs", "ae_title": "PACS", "host": "h", "port": 104}
    return DestinationSection.model_validate(keys | {"objects": list(objects)})


def _deliver_a_study(house: House) -> None:
    """Ask first, as the courier does when it starts, then score a study and deliver it."""
    courier = house.courier(house.pacs)
    house.deliver(courier)
    house.triage(1, 0.3)
    house.deliver(courier)


def _rows(house: House, path: str) -> list[list[str]]:
    with TestClient(Scene(house.database, house.spool, house.now).app()) as client:
        return opened(client, path).rows


def test_a_name_without_a_row_is_refused_in_the_settings() -> None:
    with pytest.raises(ValidationError, match="Input should be 'sc', 'sr', 'seg'"):
        _section("key-images")


@pytest.mark.usefixtures("row")
def test_its_name_can_be_asked_for_in_the_settings_and_is_offered_there() -> None:
    assert _section("key-images").kinds() == {KEY_IMAGES}
    with pytest.raises(ValidationError, match=r"Input should be 'sc', 'sr', 'seg', .* or 'key-images'"):
        _section("keys")


@pytest.mark.usefixtures("row")
def test_a_destination_is_asked_for_its_class() -> None:
    assert _section("key-images").destination().wanted == {
        "1.2.840.10008.5.1.4.1.1.11.2": (
            "1.2.840.10008.1.2.1",
            "1.2.840.10008.1.2",
            "1.2.840.10008.1.2.1.99",
        )
    }


def test_it_is_made_kept_posted_and_delivered(house: House) -> None:
    _deliver_a_study(house)
    (kept,) = [each for each in house.studies.derived("1.2.1") if each.kind == KEY_IMAGES]
    (delivery,) = [each for each in house.outbox.deliveries("1.2.1") if each.kind == KEY_IMAGES]
    assert delivery.state is DeliveryState.SENT
    assert kept.sop_instance_uid in house.pacs.took
    dataset = dcmread(house.spool.absolute(kept.path))
    assert UID(dataset.SOPClassUID).name == "Color Softcopy Presentation State Storage"
    assert (dataset.Modality, dataset.SeriesNumber) == ("PR", 9009)
    assert dataset.SeriesDescription.startswith("AI key images")
    assert dataset.ReferencedImageSequence


def test_where_nobody_asks_for_it_it_is_not_kept(house: House) -> None:
    house.wanted = _section("sc").kinds()
    house.triage(1, 0.3)
    assert KEY_IMAGES not in {each.kind for each in house.studies.derived("1.2.1")}


def test_it_is_among_the_reports_that_a_later_result_names_as_superseded(house: House) -> None:
    house.triage(1, 0.3)
    published = house.studies.publication("1.2.1")
    assert published is not None
    assert KEY_IMAGES in {each.kind for each in published.reports}


def test_people_read_its_words_and_what_its_refusal_means(house: House) -> None:
    house.pacs.refuses = {KEY_IMAGES.sop_class_uid}
    _deliver_a_study(house)
    (delivery,) = [row for row in _rows(house, "/studies/1.2.1") if "key images (PR)" in row]
    assert any("refused" in cell for cell in delivery)
    told = [row for row in _rows(house, "/status") if "Color Softcopy Presentation State Storage" in row]
    assert told == [["Color Softcopy Presentation State Storage", "refused", "The key images are not marked there."]]
