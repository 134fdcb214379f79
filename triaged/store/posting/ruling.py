"""What a rule of the site does with a study, written where it is decided: when it comes, and when it is read.

Functions within a transaction of their callers, which lock the study's row. Knows no rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from triaged.store.tables import schema
from triaged.store.tables.rows import header_of, record_event
from triaged.study.facts import StudyFacts, plain_date
from triaged.study.treatment import BY_DEFAULT, Treatment

RULED = "RULE"
"""The event that says which rule a study is under, and what that does."""


Treat = Callable[[StudyFacts], Treatment]
"""Says what a rule of the site does with a study, from what is known of it when it comes."""


def as_by_default(facts: StudyFacts) -> Treatment:  # noqa: ARG001
    """Return the treatment of a site without rules."""
    return BY_DEFAULT


def treatment_columns(treatment: Treatment) -> dict[str, Any]:
    """Return the columns of `study` that keep a treatment."""
    ignored = int(treatment.ignored)
    return {"rule": treatment.rule, "treatment": treatment.text(), "ignored": ignored, "site": treatment.site}


def write_treatment(connection: Connection, study: Row[Any], treatment: Treatment, *, now: datetime) -> None:
    """Keep what is done with a study, and say so in its history where it is another thing than before."""
    if treatment.text() == study.treatment:
        return
    connection.execute(_TREAT, {"study": study.id, **treatment_columns(treatment)})
    record_event(connection, study, RULED, _words(study, treatment), now=now)


def _words(study: Row[Any], treatment: Treatment) -> str:
    """Return what is said of another treatment than before, also where a rule or a site is gone."""
    gone = ["no rule any more"] if study.rule and not treatment.rule else []
    gone += ["no site any more"] if study.site and not treatment.site else []
    return "; ".join(filter(None, [treatment.words(), *gone])) or "no rule any more"


def wanted_by(connection: Connection, study_id: int, destinations: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the destinations that a study's rule lets have its objects; all of them without such a rule."""
    only = Treatment.of_text(connection.execute(_TREATMENT, {"study": study_id}).scalar_one()).destinations
    return {name: wants for name, wants in destinations.items() if only is None or name in only}


def facts_of(connection: Connection, study: Row[Any]) -> StudyFacts:
    """Return what rules may ask of a study; of one that came before facts were kept, what else the store has of it."""
    if study.facts:
        return StudyFacts.of_text(study.facts)
    first = connection.execute(_FIRST_IMAGE, {"study": study.id}).scalar()
    image = None if first is None else header_of(first)
    sender = connection.execute(_FIRST_SENDER, {"study": study.id}).one_or_none()
    return StudyFacts(
        sender="" if sender is None else sender.calling_ae_title,
        peer="" if sender is None else sender.peer,
        modality="" if image is None else image.modality,
        body_part="" if image is None else image.body_part_examined or "",
        study_description=study.study_description,
        sex=study.patient_sex,
        study_date=plain_date(study.study_date),
        accession_number=study.accession_number,
    )


_study, _instance = schema.study, schema.instance
_association, _sent = schema.association, schema.association_study
_TREAT = update(_study).where(_study.c.id == bindparam("study"))
_TREATMENT = select(_study.c.treatment).where(_study.c.id == bindparam("study"))
_FIRST_IMAGE = (
    select(_instance.c.image).where(_instance.c.study_id == bindparam("study")).order_by(_instance.c.id).limit(1)
)
_FIRST_SENDER = (
    select(_association.c.calling_ae_title, _association.c.peer)
    .join(_sent, _sent.c.association_id == _association.c.id)
    .where(_sent.c.study_id == bindparam("study"))
    .order_by(_association.c.id)
    .limit(1)
)
