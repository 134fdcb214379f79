"""Rows to values and back, and the few statements that several modules of the store share."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from triaged.errors import UnknownStudy
from triaged.store.tables import schema
from triaged.store.tables.prepared import Prepared
from triaged.study.lifecycle import State
from triaged.study.radiography import RadiographHeader
from triaged.study.records import Instance, InstanceHeader, Patient, Series
from triaged.study.uids import SeriesUID, SOPInstanceUID, StudyUID

UID = TypeVar("UID", StudyUID, SeriesUID, SOPInstanceUID)

PATIENT_FIELDS = tuple(field.name for field in fields(Patient))
_SEPARATORS = {ord("^"): " ", ord("="): " ", 0: " "}


def sent_text(uid: StudyUID | SeriesUID | SOPInstanceUID) -> str | None:
    """Return what a `..._sent` column keeps: nothing where the sent UID is the key itself."""
    return None if uid.sent == uid.value else json.dumps(uid.sent)


def parsed_uid(kind: type[UID], value: str, sent: str | None) -> UID:
    """Return the identifier that `sent_text` and its key came from."""
    return kind.parse(value if sent is None else json.loads(sent))


def header_text(image: InstanceHeader) -> str:
    """Return a header as JSON, without the values that are not there."""
    values = _said(image)
    if image.radiography is not None:
        values["radiography"] = _said(image.radiography)
    return json.dumps(values)


def header_of(text: str) -> InstanceHeader:
    """Return the header that `header_text` wrote, also where an earlier or later version wrote less or more."""
    values = json.loads(text)
    radiography = values.pop("radiography", None)
    known = None if radiography is None else RadiographHeader(**_known(RadiographHeader, radiography))
    return InstanceHeader(**_known(InstanceHeader, values), radiography=known)


def _said(header: InstanceHeader | RadiographHeader) -> dict[str, Any]:
    """Return the values of a header that are there."""
    return {each.name: value for each in fields(header) if (value := getattr(header, each.name)) != each.default}


def _known(kind: type[InstanceHeader | RadiographHeader], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that this version knows; lists were tuples."""
    names = {each.name for each in fields(kind)}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in names}


def patient_of(row: Row[Any]) -> Patient:
    """Return the patient columns of a study row."""
    return Patient(**{name: getattr(row, name) for name in PATIENT_FIELDS})


def patient_key(patient_id: str) -> str | None:
    """Return what is equal for studies of one Patient ID; None where there is none.

    Whether these are of one patient is for `study.patients` to say.
    """
    known = patient_id.strip()
    return hashlib.sha256(known.encode("utf-8", "replace")).hexdigest() if known else None


def search_text(*parts: str) -> str:
    """Return texts as people may look for them: without case, accents, and the separators of DICOM names."""
    plain = unicodedata.normalize("NFKD", " ".join(parts).translate(_SEPARATORS)).casefold()
    return " ".join("".join(each for each in plain if not unicodedata.combining(each)).split())


def study_uid_of(row: Row[Any]) -> StudyUID:
    """Return the identifier of a study row."""
    return parsed_uid(StudyUID, row.study_uid, row.study_uid_sent)


def series_by_study(connection: Connection, instances: Select[Any]) -> dict[int, tuple[Series, ...]]:
    """Return the series of each study, in order of arrival, from a query made with `select_instances`."""
    found: dict[int, dict[str, list[Instance]]] = {}
    for row in connection.execute(instances.order_by(schema.instance.c.id)):
        series = found.setdefault(row.study_id, {}).setdefault(row.series_uid, [])
        series.append(_instance(row))
    return {
        study_id: tuple(Series(members[0].series_uid, tuple(members)) for members in by_series.values())
        for study_id, by_series in found.items()
    }


def series_of(connection: Connection, study_id: int) -> tuple[Series, ...]:
    """Return the series of a study, in order of arrival; it has at least one."""
    return series_by_study(connection, select_instances().where(schema.instance.c.study_id == study_id))[study_id]


def select_instances() -> Select[Any]:
    """Return the query for instances with their study's UID, to be narrowed by the caller."""
    return select(schema.instance, schema.study.c.study_uid, schema.study.c.study_uid_sent).join(
        schema.study, schema.study.c.id == schema.instance.c.study_id
    )


def locked_study(connection: Connection, study_uid: str) -> Row[Any] | None:
    """Return a study's row and keep others from changing it until this transaction ends.

    FOR NO KEY UPDATE, so that histories that refer to the row can still be written by others.
    """
    return connection.execute(_LOCK_STUDY, {"uid": study_uid}).one_or_none()


def known_study(connection: Connection, study_uid: str) -> Row[Any]:
    """Return the row of a study that must be there, locked; `UnknownStudy` where there is none."""
    row = locked_study(connection, study_uid)
    if row is None:
        raise UnknownStudy(f"expected a study on the list, found none with the Study Instance UID {study_uid}")
    return row


def record_event(
    connection: Connection,
    study: Row[Any],
    event: str,
    detail: str,
    *,
    after: State | None = None,
    revision: int | None = None,
    now: datetime,
) -> None:
    """Write one line of a study's history; `study` is its row as it was before, `after` and `revision` what changed."""
    changed = {"state_after": after or study.state, "revision": revision or study.revision}
    _RECORD.execute(connection, _line(study, event, detail, now) | changed)


def record_for_all(
    connection: Connection, studies: Sequence[Row[Any]], event: str, detail: str, *, now: datetime
) -> None:
    """Write one line of each of these studies' history: nothing of them has changed."""
    _RECORD.execute_all(connection, [_line(study, event, detail, now) for study in studies])


def _line(study: Row[Any], event: str, detail: str, now: datetime) -> dict[str, Any]:
    """Return the columns of an event that changes nothing."""
    before = {"state_before": study.state, "state_after": study.state, "revision": study.revision}
    return {"study_id": study.id, "at": now, "event": event, "detail": detail, **before}


def insert_unless_there(
    connection: Connection, table: Table, values: Mapping[str, Any], *, key: Sequence[str]
) -> int | None:
    """Insert a row and return its id, or None where one with the same unique `key` is there already."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(table).values(values).on_conflict_do_nothing(index_elements=list(key)).returning(table.c.id)
    )
    found: int | None = connection.execute(statement).scalar_one_or_none()
    return found


def insert_or_replace(connection: Connection, table: Table, values: Mapping[str, Any], *, key: Sequence[str]) -> None:
    """Insert a row, or give the one with the same unique `key` these values."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(values)
    replaced = {name: statement.excluded[name] for name in values if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=replaced))


def _instance(row: Row[Any]) -> Instance:
    return Instance(
        study_uid=study_uid_of(row),
        series_uid=parsed_uid(SeriesUID, row.series_uid, row.series_uid_sent),
        sop_instance_uid=parsed_uid(SOPInstanceUID, row.sop_instance_uid, row.sop_instance_uid_sent),
        transfer_syntax_uid=row.transfer_syntax_uid,
        path=row.path,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        received_at=row.received_at,
        image=header_of(row.image),
    )


_LOCK_STUDY = select(schema.study).where(schema.study.c.study_uid == bindparam("uid")).with_for_update(key_share=True)
_EVENT_COLUMNS = ("study_id", "at", "event", "state_before", "state_after", "revision", "detail")
_RECORD = Prepared(insert(schema.event).inline(), *_EVENT_COLUMNS)
