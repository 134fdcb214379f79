"""A database of the first release, written with plain SQL, upgraded and read by this version, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.findings import finding_of, urgency_of
from tests.store.making import (
    CT_IMAGE_STORAGE,
    EXPLICIT_VR_LITTLE_ENDIAN,
    PATIENT,
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    instance,
    ranking,
    study_uid,
)
from triaged.store.couriers.commitments import Commitments, Held
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables import database as databases
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Schema, migrate, open_database, schema_of
from triaged.store.tables.findings import findings_of
from triaged.study.commitment import Reference
from triaged.study.concepts import SEVERITY
from triaged.study.finding import Finding, Measurement, QualityFlag
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.ranking import Lane, Override, Ranking, TriageClass
from triaged.study.read_state import ActionKind, ReadState
from triaged.study.records import DeliveryState, DerivedObject
from triaged.study.uids import is_valid_uid

STUDY = study_uid(1).value
EVERY_KIND = {"pacs": frozenset(KINDS.values())}
TIMES = {"then": "2026-03-01T11:00:00.000000+00:00", "lease": "2026-03-01T11:05:00.000000+00:00"}

ROWS = [
    "INSERT INTO study (id, study_uid, state, revision, order_priority, first_instance_at, last_instance_at, ready_at,"
    " instances, conflicts, attempts, lane, triage_class, effective_at, sort_key, reason, result_id, severity,"
    " patient_name, patient_id, patient_birth_date, patient_sex, accession_number, study_date, study_time,"
    " study_description) VALUES (1, '1.2.826.0.1.1', 'TRIAGED', 2, 'ROUTINE', :then, :then, :then, 1, 0, 1, 1, 'B',"
    " :then, '1:0', 'B severe', 2, 0.5, 'Roe^Jane', 'P-1', '19700101', 'F', 'A-1', '20250101', '1159', 'Thorax')",
    "INSERT INTO study SELECT 2, '1.2.826.0.1.7', NULL, state, revision, order_priority, first_instance_at,"
    " last_instance_at, ready_at, instances, conflicts, worker, lease_expires_at, attempts, not_before, lane,"
    " triage_class, effective_at, '1:1', reason, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Müller^Otto', 'P-2',"
    " patient_birth_date, patient_sex, 'A-2', '20240101', study_time, study_description FROM study",
    # The second study came first, and the first one passed it, with a row for each that moved.
    *(
        f"INSERT INTO reorder (id, study_id, at, cause) VALUES ({number}, {study}, :then, '{cause}')"
        for number, study, cause in [(1, 2, "came"), (2, 1, "came"), (3, 1, "severe")]
    ),
    *(
        f"INSERT INTO move VALUES ({change}, {study}, {before}, {after})"
        for change, study, before, after in [(1, 2, "NULL", 1), (2, 1, "NULL", 2), (3, 1, 2, 1), (3, 2, 1, 2)]
    ),
    *(
        "INSERT INTO result (id, study_id, revision, at, worker, outcome, severity, quality, model, scheme,"
        f" triage_class, reason) VALUES ({number}, 1, {number}, :then, 'w', 'TRIAGED', 0.{3 + number}, '[]', 'old',"
        " 'combined', 'B', 'B severe')"
        for number in (1, 2)
    ),
    "UPDATE result SET superseded_by = 2 WHERE id = 1",
    "UPDATE result SET identification = 0.9, identification_threshold = 0.6, severity_right = 0.5, severity_left = 0.1,"
    " severity_total = 0.3, right_lung_ml = 2000, left_lung_ml = 1500, lungs_ml = 3500, lesion_ml = 1050,"
    " dense_share = 0.25, grade = 3, engine = 'networks', quality = '[\"contrast\"]' WHERE id = 2",
    *(
        "INSERT INTO derived (id, study_id, result_id, sop_instance_uid, sop_class_uid, transfer_syntax_uid, kind,"
        f" path, sha256) VALUES ({number}, 1, {result}, '2.25.{number}', '1.2.840.10008.5.1.4.1.1.88.34',"
        f" '1.2.840.10008.1.2.1', '{kind}', 'p/{number}', 'ab')"
        for number, result, kind in [(1, 1, "sr"), (2, 1, "seg"), (3, 1, "sc"), (4, 2, "sr"), (5, 2, "seg")]
    ),
    *(
        "INSERT INTO instance (id, study_id, series_uid, sop_instance_uid, transfer_syntax_uid, path, sha256,"
        f" size_bytes, received_at, image) VALUES ({number}, {study}, '2.25.{series}', '2.25.9{number}', 't', 'p',"
        f' \'ab\', 1, :then, \'{{"sop_class_uid": "1.2.3", "modality": "{modality}"{rows}}}\')'
        for number, study, series, modality, rows in [
            (1, 1, 1, "SR", ""),
            (2, 1, 2, "DX", ', "rows": 512'),
            (3, 1, 2, "MG", ', "rows": 512'),
            (4, 1, 3, "CT", ', "rows": 512'),
            (5, 2, 4, "MR", ', "rows": 512'),
        ]
    ),
    *(
        "INSERT INTO outbox (id, derived_id, destination, state, attempts, created_at, next_attempt_at, courier,"
        f" lease_expires_at, sent_at, error) VALUES ({number}, {number}, 'pacs', '{state}', 1, :then, :then,"
        f" {courier}, {sent}, NULL)"
        for number, state, courier, sent in [
            (1, "PENDING", "NULL, NULL", "NULL"),
            (2, "SENT", "NULL, NULL", ":then"),
            (3, "PENDING", "'courier', :lease", "NULL"),
            (4, "SENT", "NULL, NULL", ":then"),
            (5, "DEAD", "NULL, NULL", "NULL"),
        ]
    ),
    *(
        "INSERT INTO quarantine (at, path, reason, peer, calling_ae_title, sop_class_uid, sop_instance_uid_sent,"
        f" transfer_syntax_uid, sha256, size_bytes) VALUES (:then, 'q/1', 'r', 'p', 'a', '{CT_IMAGE_STORAGE}',"
        f" '{uid}', 't', 'ab', 1)"
        for uid in ("1.02.3", "")
    ),
]


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database as the first release left it, with two results of one study."""
    is_sqlite = database_url.startswith("sqlite")
    database = open_database(f"sqlite:///{tmp_path}/old.db" if is_sqlite else database_url)
    config = databases._migrations()
    with database.begin() as connection:
        if not is_sqlite:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in ROWS:
            connection.execute(text(row), {name: value for name, value in TIMES.items() if f":{name}" in row})
    if not is_sqlite:  # rows with numbers of their own do not advance the sequences
        with database.begin() as connection:
            for table in ("study", "instance", "result", "derived", "outbox", "reorder"):
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)"))
    assert schema_of(database) is Schema.OLDER
    yield database
    database.close()


@pytest.fixture
def upgraded(old: Database) -> Database:
    migrate(old)
    assert schema_of(old) is Schema.CURRENT
    return old


def test_nothing_is_lost_and_the_list_numbers_the_results(upgraded: Database) -> None:
    entry, _ = Worklist(upgraded).entries()
    assert (entry.study_instance_uid, urgency_of(entry), entry.result_revision) == (STUDY, 0.5, 2)
    assert [
        (each.revision, each.urgency, each.superseded_by_revision) for each in Studies(upgraded).results(STUDY)
    ] == [
        (1, 0.4, 2),
        (2, 0.5, None),
    ]


def test_every_old_number_is_a_measurement_of_its_result(upgraded: Database) -> None:
    found = finding_of(
        identification=0.9,
        severity=0.5,
        severity_right=0.5,
        severity_left=0.1,
        severity_total=0.3,
        right_lung_ml=2000.0,
        left_lung_ml=1500.0,
        lungs_ml=3500.0,
        lesion_ml=1050.0,
        dense_share=0.25,
        grade=3,
        engine="networks",
        identification_threshold=0.6,
        quality=(QualityFlag.CONTRAST,),
    )
    entry, unscored = Worklist(upgraded).entries()
    assert (entry.finding, unscored.finding) == (found, None)
    with upgraded.read() as connection:
        results = connection.execute(select(schema.result)).all()
        findings = findings_of(connection, results)
    only_severity = Finding(0.4, None, (Measurement(SEVERITY, 0.4),), None, findings[1].engine)
    assert findings == {1: only_severity, 2: found}


def test_old_moves_are_told_as_before_and_new_ones_follow_them(upgraded: Database) -> None:
    studies, other = Studies(upgraded), study_uid(7).value
    admit(studies, instance(3, 1), where=Ranking(Lane.EMERGENCY, TriageClass.EMERGENCY, at(0), "0:0", "STAT order"))
    told = [(move.before, move.after, move.cause, move.cause_study_uid) for move in studies.moves(other)]
    assert told == [
        (None, 1, "came", other),
        (1, 2, "severe", STUDY),
        (2, 3, "received: STAT order", study_uid(3).value),
    ]
    assert [(move.before, move.after) for move in studies.moves(STUDY)] == [(None, 2), (2, 1), (1, 2)]


def test_old_studies_are_unread_and_can_be_searched_and_acted_on(upgraded: Database) -> None:
    (entry,) = Worklist(upgraded).entries(part=Part(search="muller a-2"))
    assert (entry.position, entry.read_state, entry.override) == (2, ReadState.UNREAD, Override.NONE)
    actions = Actions(upgraded)
    actions.act(STUDY, ActionKind.DONE, "ann", ranking_policy=lambda _: ranking(0, STUDY), now=at(0))
    assert [each.position for each in Worklist(upgraded).entries()] == [1]


def test_old_studies_have_the_modality_of_each_series_of_images(upgraded: Database) -> None:
    """All instances of a series have one modality (PS3.3 C.7.3.1), so that its first one says it."""
    assert [entry.modalities for entry in Worklist(upgraded).entries()] == [("CT", "DX"), ("MR",)]


def test_old_events_cannot_be_changed_any_more(upgraded: Database) -> None:
    with pytest.raises(DBAPIError, match="history is never changed"), upgraded.begin() as connection:
        connection.execute(text("DELETE FROM reorder"))


def test_an_old_result_is_a_set_of_its_own_whose_report_the_next_one_names(upgraded: Database) -> None:
    published = Studies(upgraded).publication(STUDY)
    assert published is not None
    assert (published.object_set.basis, published.object_set.revision) == ("", 2)
    assert is_valid_uid(published.object_set.uid)
    assert is_valid_uid(published.object_set.follows)
    assert [each.sop_instance_uid for each in published.reports] == ["2.25.4"]
    assert published == Studies(upgraded).publication(STUDY)


def test_the_next_result_follows_the_old_one(upgraded: Database) -> None:
    studies = Studies(upgraded)
    before = studies.publication(STUDY)
    assert before is not None
    admit(studies, instance(1, 9), where=ranking(0, study_uid(1)))
    studies.complete(study_uid(1), 3, ranking=ranking(0, study_uid(1)), cause="whole", now=at(0))
    claim = claimed(studies)
    report = derived(claim, ObjectKind.SR)
    commit(studies, claim, basis="A", objects=(report,), destinations=EVERY_KIND)
    published = studies.publication(STUDY)
    assert published is not None
    assert (published.object_set.revision, published.object_set.follows) == (3, before.object_set.uid)
    assert (published.reports, published.followed_reports) == ((report,), before.reports)
    assert published.followed_reports == (_old_report(),)


def _old_report() -> DerivedObject:
    return DerivedObject(
        "2.25.4", "1.2.840.10008.5.1.4.1.1.88.34", EXPLICIT_VR_LITTLE_ENDIAN, ObjectKind.SR, "p/4", "ab"
    )


def test_old_deliveries_keep_their_state_and_superseded_ones_are_not_sent(upgraded: Database) -> None:
    outbox = Outbox(upgraded)
    assert [each.state.value for each in outbox.deliveries(STUDY)] == ["WITHDRAWN", "SENT", "PENDING", "SENT", "DEAD"]
    assert outbox.claim_due("another", lease_s=60, now=at(0)) is None  # the lease of the third one has run out
    assert outbox.deliveries(STUDY)[2].state is DeliveryState.WITHDRAWN
    assert outbox.resend(now=at(1)) == 1
    item = outbox.claim_due("courier", lease_s=60, now=at(1))
    assert item is not None
    outbox.refused(item, error="not wanted", now=at(1))  # a state that the first release did not know
    assert [each.item_id for each in outbox.refused_items()] == [5]


def test_old_deliveries_can_be_asked_for(upgraded: Database) -> None:
    found = Commitments(upgraded).uncommitted("pacs", ask_again_before=at(0), limit=9, now=at(0))
    assert [item_id for item_id, _ in found] == [2, 4]


def test_old_patients_and_old_quarantine_are_found(upgraded: Database) -> None:
    studies = Studies(upgraded)
    with upgraded.begin() as connection:
        connection.execute(text("UPDATE result SET coronal_path = :path WHERE id = 2"), {"path": "view.npz"})
    admit(studies, instance(2, 1), patient=PATIENT)
    prior = studies.prior(study_uid(2).value)
    assert prior is not None
    assert (prior.study_uid, prior.algorithm, prior.finding.urgency) == (STUDY, "old", 0.5)
    held = Commitments(upgraded).held([Reference(CT_IMAGE_STORAGE, "1.02.3")])
    assert held == {"1.02.3": Held(CT_IMAGE_STORAGE, "q/1", 1)}
