"""Attribute matching, by a table of examples for each rule of PS3.4 section C.2.2.2."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom import Dataset, config
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from triaged.dicom.matching import Query, query_of
from triaged.dicom.moments import span_of


class Row:
    """Something with attributes, as a data set has them."""

    def __init__(self, **values: Any) -> None:
        with config.disable_value_validation():
            self._dataset = dataset(**values)

    def element(self, tag: int) -> DataElement | None:
        """Return an attribute by its tag."""
        return self._dataset.get(BaseTag(tag))


def dataset(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def query(**keys: Any) -> Query:
    with config.disable_value_validation():
        return query_of(dataset(**keys))


WHEN = "20260301115959.500000+0000"

MATCHING = [
    ("no value is universal", {"PatientID": ""}, {"PatientID": "P1"}, True),
    ("universal matches what is not known", {"PatientID": ""}, {"PatientID": ""}, True),
    ("so does a single star", {"PatientID": "*"}, {"PatientID": ""}, True),
    ("a value does not match what is not known", {"PatientID": "P1"}, {"PatientID": ""}, False),
    ("nor what is not there", {"PatientID": "P1"}, {}, False),
    ("single value", {"PatientID": "P1"}, {"PatientID": "P1"}, True),
    ("single value is the whole value", {"PatientID": "P1"}, {"PatientID": "P12"}, False),
    ("single value is sensitive to case", {"PatientID": "p1"}, {"PatientID": "P1"}, False),
    ("spaces at the end mean nothing", {"PatientID": "P1 "}, {"PatientID": "P1"}, True),
    ("star", {"PatientID": "P*9"}, {"PatientID": "P129"}, True),
    ("star may be nothing", {"PatientID": "P*1"}, {"PatientID": "P1"}, True),
    ("question mark is one character", {"PatientID": "P?"}, {"PatientID": "P1"}, True),
    ("question mark is not none", {"PatientID": "P?"}, {"PatientID": "P"}, False),
    ("brackets are themselves", {"PatientID": "[P]1"}, {"PatientID": "[P]1"}, True),
    ("brackets are no range", {"PatientID": "[P]1"}, {"PatientID": "P1"}, False),
    ("no wildcards in a UID", {"StudyInstanceUID": "1.2.?"}, {"StudyInstanceUID": "1.2.3"}, False),
    ("list of UIDs", {"StudyInstanceUID": ["1.2.3", "1.2.4"]}, {"StudyInstanceUID": "1.2.4"}, True),
    ("list of UIDs without it", {"StudyInstanceUID": ["1.2.3", "1.2.4"]}, {"StudyInstanceUID": "1.2.5"}, False),
    ("names whatever the case", {"PatientName": "roe^jane"}, {"PatientName": "Roe^Jane"}, True),
    ("names without empty ends", {"PatientName": "Roe^Jane^^^"}, {"PatientName": "Roe^Jane"}, True),
    ("names by their beginning", {"PatientName": "ro*"}, {"PatientName": "Roe^Jane"}, True),
    ("any group of a name", {"PatientName": "山田^太郎"}, {"PatientName": "Yamada^Taro=山田^太郎"}, True),
    ("family name alone is another name", {"PatientName": "Roe"}, {"PatientName": "Roe^Jane"}, False),
    ("date", {"PatientBirthDate": "19560412"}, {"PatientBirthDate": "19560412"}, True),
    ("another date", {"PatientBirthDate": "19560413"}, {"PatientBirthDate": "19560412"}, False),
    ("range of dates", {"PatientBirthDate": "19560101-19561231"}, {"PatientBirthDate": "19560412"}, True),
    ("ranges hold their ends", {"PatientBirthDate": "19560412-19560412"}, {"PatientBirthDate": "19560412"}, True),
    ("until", {"PatientBirthDate": "-19560412"}, {"PatientBirthDate": "19560412"}, True),
    ("until before", {"PatientBirthDate": "-19560411"}, {"PatientBirthDate": "19560412"}, False),
    ("from", {"PatientBirthDate": "19560412-"}, {"PatientBirthDate": "19560412"}, True),
    ("to the end of time", {"PatientBirthDate": "19560412-99991231"}, {"PatientBirthDate": "19560412"}, True),
    ("what is no date is in no range", {"PatientBirthDate": "19000101-"}, {"PatientBirthDate": "unknown"}, False),
    ("sequence", {"ReferencedRequestSequence": [dataset(AccessionNumber="A1")]}, "requested A1", True),
    ("sequence with a wildcard", {"ReferencedRequestSequence": [dataset(AccessionNumber="A*")]}, "requested A1", True),
    ("sequence of another", {"ReferencedRequestSequence": [dataset(AccessionNumber="A2")]}, "requested A1", False),
    ("empty sequence is universal", {"ReferencedRequestSequence": []}, {}, True),
    ("sequence of empty keys is", {"ReferencedRequestSequence": [dataset(AccessionNumber="")]}, {}, True),
    ("every key has to match", {"PatientID": "P1", "PatientSex": "M"}, {"PatientID": "P1", "PatientSex": "F"}, False),
]

SPANS = [
    ("20260301", "2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00"),
    ("2026", "2026-01-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ("202612", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
    ("2026030112", "2026-03-01T12:00:00+00:00", "2026-03-01T13:00:00+00:00"),
    ("202603011230", "2026-03-01T12:30:00+00:00", "2026-03-01T12:31:00+00:00"),
    ("20260301123015", "2026-03-01T12:30:15+00:00", "2026-03-01T12:30:16+00:00"),
    ("20260301123015.25", "2026-03-01T12:30:15.250000+00:00", "2026-03-01T12:30:15.260000+00:00"),
    ("20260301123015+0130", "2026-03-01T11:00:15+00:00", "2026-03-01T11:00:16+00:00"),
    ("2026030112-0500", "2026-03-01T17:00:00+00:00", "2026-03-01T18:00:00+00:00"),
    ("2026-2027", "2026-01-01T00:00:00+00:00", "2028-01-01T00:00:00+00:00"),
    ("20260301-0500-20260302-0500", "2026-03-01T05:00:00+00:00", "2026-03-03T05:00:00+00:00"),
]


@pytest.mark.parametrize(
    ("keys", "row", "expected"), [case[1:] for case in MATCHING], ids=[case[0] for case in MATCHING]
)
def test_a_key_matches_as_the_standard_says(keys: dict[str, Any], row: dict[str, Any] | str, expected: bool) -> None:
    requested = {"ReferencedRequestSequence": Sequence([dataset(AccessionNumber="A0"), dataset(AccessionNumber="A1")])}
    found = Row(**row) if isinstance(row, dict) else Row(**requested)
    assert query(**keys).matches(found) is expected


@pytest.mark.parametrize(("text", "begin", "end"), SPANS)
def test_a_date_time_is_the_whole_time_that_it_names(text: str, begin: str, end: str) -> None:
    assert span_of(text, UTC) == (datetime.fromisoformat(begin), datetime.fromisoformat(end))


@pytest.mark.parametrize("text", ["", "-", "today", "20261301", "20260301123-", "2026-03-01", "20260301+1500"])
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        span_of(text, UTC)


def test_times_without_an_offset_are_in_the_zone_of_the_query() -> None:
    row = Row(ScheduledProcedureStepStartDateTime=WHEN)
    noon_there = {"ScheduledProcedureStepStartDateTime": "2026030106"}
    assert query(**noon_there, TimezoneOffsetFromUTC="-0500").matches(row)
    assert not query(**noon_there).matches(row)


def test_only_what_is_asked_for_is_returned() -> None:
    asked = query(PatientID="", ReferencedRequestSequence=[dataset(AccessionNumber="")], WorklistLabel="")
    request = dataset(AccessionNumber="A1", StudyInstanceUID="1.2.3")
    found = asked.selected(Row(PatientID="P1", PatientSex="F", ReferencedRequestSequence=[request]))
    assert found == dataset(PatientID="P1", ReferencedRequestSequence=[dataset(AccessionNumber="A1")])


def test_a_sequence_that_is_asked_for_as_a_whole_is_returned_so() -> None:
    request = dataset(AccessionNumber="A1", StudyInstanceUID="1.2.3")
    for asked in ([], [Dataset()]):
        found = query(ReferencedRequestSequence=asked).selected(Row(ReferencedRequestSequence=[request]))
        assert found == dataset(ReferencedRequestSequence=[request])


def test_a_character_set_is_no_key() -> None:
    assert query(SpecificCharacterSet="ISO_IR 192") == query()


@pytest.mark.parametrize(
    "keys",
    [
        {"ScheduledProcedureStepStartDateTime": "yesterday"},
        {"TimezoneOffsetFromUTC": "CET", "PatientID": ""},
        {"ReferencedRequestSequence": [Dataset(), Dataset()]},
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        query(**keys)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    """A regular expression that tries every way would not end before the Earth does."""
    assert not query(PatientID="*a" * 30 + "b").matches(Row(PatientID="a" * 64))
