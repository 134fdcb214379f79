"""The order that SQL gives, the pages show, and C-FIND and UPS-RS return is one; over a clinic's worth of studies."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset
from pynetdicom import AE
from sqlalchemy import text

from tests.store.making import admit, at, instance, study_uid
from tests.web.scene import OPTIONS, Scene, found
from tests.wire.peers import IMPLICIT, receiving
from triaged.spool.files import Spool
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.tables.database import open_database
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.ordering import place
from triaged.triage.scheme import Waiting

UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
STUDIES = 240
ENDED: tuple[Assessment | Waiting, ...] = (
    Waiting.SLICES,
    Failed(Reason(ReasonCode.MISSING_SLICES, "expected 300 slices, found gaps")),
    OutOfScope(Reason(ReasonCode.NO_CT, "expected a CT series, found MR")),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[Scene, Path]]:
    """A store with studies of every class, placed by the real scheme, several of them ready at the same minute."""
    folder = tmp_path_factory.mktemp("one-order")
    (folder / "triaged.db").write_bytes(migrated_sqlite.read_bytes())
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    scene, chance = Scene(database, Spool(folder / "spool", 0)), random.Random(11)
    for number in range(1, STUDIES + 1):
        shares = chance.choice((0.0, 0.05, 0.3, 0.3, 0.55, 0.8)), chance.choice((0.0, 0.02, 0.3, 0.6))
        scored = Assessed(found(*shares, p=chance.choice((0.1, 0.7, 0.9))))
        outcome = scored if chance.random() < 0.8 else chance.choice(ENDED)
        priority = chance.choice((RequestPriority.STAT, RequestPriority.HIGH, *[RequestPriority.ROUTINE] * 8))
        minutes = float(chance.randrange(600))
        where = place(study_uid(number), at(minutes), outcome, priority, OPTIONS)
        admit(scene.studies, instance(number, 1), minutes=minutes, where=where, priority=priority)
    yield scene, folder
    database.close()


def by_sql(scene: Scene) -> list[str]:
    """The order as the database gives it, in plain SQL."""
    query = text("SELECT study_uid FROM study WHERE read_state <> 'DONE' ORDER BY sort_key")
    with scene.database.read() as connection:
        return list(connection.execute(query).scalars())


def by_c_find(scene: Scene, folder: Path) -> list[str]:
    """The order as pynetdicom gets it from our receiver."""
    ae, identifier = AE("READER"), Dataset()
    ae.add_requested_context(UPS_QUERY, IMPLICIT)
    identifier.StudyInstanceUID = ""
    with receiving(folder, f"sqlite:///{folder / 'triaged.db'}", worklist=WorklistQuery(scene.worklist)) as ours:
        association = ae.associate("127.0.0.1", ours.port, ae_title="TRIAGED")
        answers = [step for _, step in association.send_c_find(identifier, UPS_QUERY) if step is not None]
        association.release()
    return [step.StudyInstanceUID for step in answers]


def by_ups_rs(client: TestClient) -> list[str]:
    """The order as a DICOMweb client gets it."""
    return [Dataset.from_json(step).StudyInstanceUID for step in client.get("/api/workitems").json()]


def by_page(client: TestClient) -> list[str]:
    """The order of the links to studies on the page."""
    html = client.get("/").text
    return list(dict.fromkeys(re.findall(r'href="/studies/([0-9.]+)"', html)))


def test_the_order_is_one(scene: tuple[Scene, Path]) -> None:
    filled, folder = scene
    expected = by_sql(filled)
    assert len(expected) == STUDIES
    classes = [entry.triage_class for entry in filled.worklist.entries()]
    assert set(classes) == set(TriageClass), "every class has to be there, or less is shown than is said"
    assert expected != sorted(expected)
    with TestClient(filled.app(rows_per_page=STUDIES)) as client:
        assert by_page(client) == expected
        assert [row["study_instance_uid"] for row in client.get("/api/worklist").json()] == expected
        assert by_ups_rs(client) == expected
    assert by_c_find(filled, folder) == expected
