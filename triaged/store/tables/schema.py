"""The tables. What must never be wrong is a constraint here, not a habit elsewhere.

The migrations build the same tables; a test compares the two. Knows no queries.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from triaged.store.tables.columns import BYTE_ORDERED, WHOLE, Instant, PeerText, metadata
from triaged.store.tables.configurations import configuration
from triaged.store.tables.deliveries import commitment_report, negotiated, outbox, push, push_receiver
from triaged.store.tables.drawings import drawing
from triaged.store.tables.feedback import assignment, opening, verdict
from triaged.store.tables.history import action, event, policy, reorder
from triaged.store.tables.housekeeping import (
    inspection,
    missing_file,
    pause,
    removal,
    site_service,
    spool,
    worker_death,
)
from triaged.store.tables.people import account, preference, session, sign_in_attempt, sign_on
from triaged.store.tables.reception import association, association_study, conflict, quarantine
from triaged.store.tables.roles import pulse
from triaged.store.tables.seconds import second_measurement, second_result
from triaged.store.tables.upgrades import upgrade

__all__ = [
    "account",
    "action",
    "assignment",
    "association",
    "association_study",
    "commitment_report",
    "configuration",
    "conflict",
    "derived",
    "drawing",
    "event",
    "inspection",
    "instance",
    "measurement",
    "metadata",
    "missing_file",
    "negotiated",
    "opening",
    "outbox",
    "pause",
    "policy",
    "preference",
    "pulse",
    "push",
    "push_receiver",
    "quarantine",
    "removal",
    "reorder",
    "result",
    "second_measurement",
    "second_result",
    "series_decision",
    "session",
    "sign_in_attempt",
    "sign_on",
    "site_service",
    "spool",
    "study",
    "upgrade",
    "verdict",
    "worker_death",
]

_UNREAD, _READ = text("read_state <> 'DONE' AND ignored = 0"), text("read_state = 'DONE'")
_DUE = text("due_again_at IS NOT NULL")
_READY = text("state = 'READY'")

study = Table(
    "study",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_uid", Text, nullable=False, unique=True),
    # A UID as sent where it was not valid, in JSON notation, which can hold what a text column cannot.
    Column("study_uid_sent", Text),
    Column("state", Text, nullable=False),
    # Counts what may change the result: instances added, and requeues.
    Column("revision", Integer, nullable=False),
    Column("order_priority", Text, nullable=False),
    Column("first_instance_at", Instant, nullable=False),
    Column("last_instance_at", Instant, nullable=False),
    Column("ready_at", Instant),
    Column("instances", Integer, nullable=False),
    Column("conflicts", Integer, nullable=False),
    Column("worker", Text),
    Column("lease_expires_at", Instant),
    # How often this revision was claimed; with worker and revision it says whose a claim is.
    Column("attempts", Integer, nullable=False),
    # Which of the attempts count against the study, and why: [attempt, cause] of each, in JSON.
    Column("strikes", Text, nullable=False, server_default="[]"),
    Column("not_before", Instant),
    Column("lane", Integer, nullable=False),
    Column("triage_class", Text, nullable=False),
    Column("effective_at", Instant, nullable=False),
    Column("sort_key", BYTE_ORDERED, nullable=False, unique=True),
    Column("reason", PeerText, nullable=False),
    # When time alone changes the key; none in an order that needs no clock.
    Column("due_again_at", Instant),
    # The current result, of which `result` and `measurement` have all, and its finding in JSON as the list shows it.
    Column("result_id", WHOLE),
    Column("finding", Text),
    Column("patient_name", PeerText, nullable=False),
    Column("patient_id", PeerText, nullable=False),
    Column("patient_birth_date", PeerText, nullable=False),
    Column("patient_sex", PeerText, nullable=False),
    Column("accession_number", PeerText, nullable=False),
    Column("study_date", PeerText, nullable=False),
    Column("study_time", PeerText, nullable=False),
    Column("study_description", PeerText, nullable=False),
    Column("issuer_of_patient_id", PeerText, nullable=False, server_default=""),
    # The same for studies of one Patient ID (`patient_key`), of one length whatever a peer sends; none where unknown.
    Column("patient_key", Text, index=True),
    # Name, ID and accession number as `search_text` makes them, in which people look for a study.
    Column("search_text", PeerText, nullable=False, server_default=""),
    # The modalities of its images as `store.tables.modalities` writes them; empty where no image has come.
    Column("modalities", PeerText, nullable=False, server_default=""),
    # The read status of the study; `action` has how it came there.
    Column(
        "override",
        Text,
        CheckConstraint("override IN ('none', 'pin', 'raise', 'lower')", name="override_is_known"),
        nullable=False,
        server_default="none",
    ),
    Column(
        "read_state",
        Text,
        CheckConstraint("read_state IN ('UNREAD', 'READING', 'DONE')", name="read_state_is_known"),
        nullable=False,
        server_default="UNREAD",
    ),
    Column("read_by", PeerText),
    Column(
        "read_at",
        Instant,
        CheckConstraint(
            "(read_state = 'UNREAD') = (read_by IS NULL) AND (read_by IS NULL) = (read_at IS NULL)",
            name="read_means_by_somebody",
        ),
    ),
    # A person or a group; none where it is nobody's in particular.
    Column("assigned_to", PeerText),
    # When a peer was first told, by storage commitment, that instances of the study are kept.
    Column("promised_at", Instant),
    # What a rule of the site does with it: its name, all of it in JSON (`Treatment`), and whether it is on no list.
    Column("rule", Text, nullable=False, server_default=""),
    Column("treatment", Text, nullable=False, server_default=""),
    Column("ignored", Integer, nullable=False, server_default="0"),
    # What the first header and its sender say that rules may ask for, in JSON (`StudyFacts`); empty of old studies.
    Column("facts", Text, nullable=False, server_default=""),
    # The site that it is of (`Treatment.site`); empty: none.
    Column("site", Text, nullable=False, server_default=""),
    CheckConstraint(
        "state IN ('RECEIVING', 'READY', 'ANALYSING', 'TRIAGED', 'OUT_OF_SCOPE', 'FAILED')", name="state_is_known"
    ),
    CheckConstraint(
        "(state = 'ANALYSING') = (worker IS NOT NULL) AND (worker IS NULL) = (lease_expires_at IS NULL)",
        name="analysing_means_owned",
    ),
    CheckConstraint("state = 'RECEIVING' OR ready_at IS NOT NULL", name="ready_has_a_time"),
    Index("ix_study_state_sort_key", "state", "sort_key"),
    Index("ix_study_open", "sort_key", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
    Index("ix_study_open_of_site", "site", "sort_key", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
    Index("ix_study_ready_of_site", "site", "sort_key", sqlite_where=_READY, postgresql_where=_READY),
    Index("ix_study_done", "read_at", sqlite_where=_READ, postgresql_where=_READ),
    # An index of PostgreSQL takes no text of any length.
    Index("ix_study_search_text", "search_text", info={"only_on": "sqlite"}).ddl_if(dialect="sqlite"),
    Index("ix_study_due_again", "due_again_at", sqlite_where=_DUE, postgresql_where=_DUE),
)

instance = Table(
    "instance",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("series_uid", Text, nullable=False),
    Column("series_uid_sent", Text),
    Column("sop_instance_uid", Text, nullable=False),
    Column("sop_instance_uid_sent", Text),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", WHOLE, nullable=False),
    Column("received_at", Instant, nullable=False),
    # InstanceHeader in JSON, without the values that are not there.
    Column("image", Text, nullable=False),
    # The `removal` that deleted the file, here and in other tables; none while it is kept.
    Column("removal_id", WHOLE),
    UniqueConstraint("sop_instance_uid", "study_id"),
)

result = Table(
    "result",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("worker", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason_code", Text),
    Column("reason_detail", PeerText),
    Column("urgency", Float),
    # What is suspected, its probability, and from which one a study is flagged.
    Column("suspicion", Text),
    Column("probability", Float),
    Column("threshold", Float),
    Column("grade", Integer),
    Column("grade_scale", Text),
    Column("engine", Text),
    Column("quality", Text, nullable=False),
    Column("chosen_series_uid", Text),
    Column("model", Text, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("triage_class", Text, nullable=False),
    Column("reason", PeerText, nullable=False),
    Column("superseded_by", WHOLE, ForeignKey("result.id")),
    # The ObjectSet that it was published as; the basis is empty where a version before object sets published it.
    Column("basis", Text, nullable=False, server_default=""),
    Column("object_set_uid", Text, nullable=False, server_default=""),
    Column("set_revision", Integer, nullable=False, server_default="1"),
    Column("follows", Text, nullable=False, server_default=""),
    Column("coronal_path", Text),
    # The earlier result that this one was compared with, and how: the trend, and the change in percentage points.
    Column("prior_result_id", WHOLE),
    Column("trend", Text),
    Column("change_points", Float),
    # What made the images, as their headers say it, and the SHA-256 of the configuration; empty where not known.
    Column("device", PeerText, nullable=False, server_default=""),
    Column("configuration", Text, nullable=False, server_default=""),
    # Of the file at `coronal_path`.
    Column("removal_id", WHOLE),
    # One revision has one published result, whatever crashes and whoever comes back late.
    UniqueConstraint("study_id", "revision"),
)

# The numbers of a finding, by the names of `study.concepts`; no site where a number is of no part of the body.
measurement = Table(
    "measurement",
    metadata,
    Column("result_id", WHOLE, ForeignKey("result.id"), primary_key=True),
    Column("concept", Text, primary_key=True),
    Column("site", Text, primary_key=True),
    Column("value", Float, nullable=False),
    # The order in which they were measured, which is that of the report.
    Column("number", Integer, nullable=False),
)

series_decision = Table(
    "series_decision",
    metadata,
    Column("result_id", WHOLE, ForeignKey("result.id"), primary_key=True),
    Column("series_uid", Text, primary_key=True),
    Column("reason", PeerText, nullable=False),
)

derived = Table(
    "derived",
    metadata,
    Column("id", WHOLE, primary_key=True),
    Column("study_id", WHOLE, ForeignKey("study.id"), nullable=False, index=True),
    Column("result_id", WHOLE, ForeignKey("result.id"), nullable=False),
    Column("sop_instance_uid", Text, nullable=False, unique=True),
    Column("sop_class_uid", Text, nullable=False),
    Column("transfer_syntax_uid", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    # The second engine's result that it is of; none for objects of the result itself.
    Column("second_result_id", WHOLE),
    Column("removal_id", WHOLE),
)
