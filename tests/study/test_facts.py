"""What is kept of the facts that rules ask, and what becomes of a study, as texts and back."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.study.facts import NOTHING_SAID, StudyFacts, age_in_years, plain_date
from triaged.study.ranking import RequestPriority
from triaged.study.treatment import BY_DEFAULT, Treatment

FACTS = st.builds(
    StudyFacts,
    sender=st.text(max_size=5),
    institution=st.text(max_size=5),
    age_years=st.none() | st.floats(0, 120),
    study_date=st.none() | st.dates(),
    procedure_codes=st.lists(st.text(max_size=3), max_size=2).map(tuple),
)
TREATMENTS = st.builds(
    Treatment,
    rule=st.text(max_size=5),
    ignored=st.booleans(),
    scored=st.booleans(),
    below=st.booleans(),
    model=st.sampled_from(["", "ct-open"]),
    scheme=st.sampled_from(["", "severity"]),
    destinations=st.none() | st.lists(st.text(max_size=3), max_size=2).map(tuple),
    urgency=st.sampled_from(RequestPriority),
)


@given(FACTS)
def test_facts_are_kept_as_they_were(facts: StudyFacts) -> None:
    assert StudyFacts.of_text(facts.text()) == facts


@given(TREATMENTS)
def test_a_treatment_is_kept_as_it_was(treatment: Treatment) -> None:
    assert Treatment.of_text(treatment.text()) == treatment


def test_the_default_is_no_text_and_later_keys_are_left_out() -> None:
    assert (BY_DEFAULT.text(), Treatment.of_text("")) == ("", BY_DEFAULT)
    assert StudyFacts.of_text('{"of a later version": 1}') == NOTHING_SAID


def test_a_treatment_is_said_in_words() -> None:
    sent = Treatment("er", model="ct-open", destinations=("pacs", "er"), urgency=RequestPriority.HIGH)
    assert sent.words() == "er: read by ct-open; sent to pacs, er; urgency HIGH"
    assert Treatment("trials", ignored=True, scored=False).words() == "trials: ignored"
    assert Treatment("plain").words() == "plain: as by default"
    assert Treatment("research", destinations=()).words() == "research: sent to nobody"


@pytest.mark.parametrize(
    ("said", "birth", "study", "years"),
    [
        ("016Y", None, None, 16.0),
        ("018M", None, None, 1.5),
        ("", date(2010, 3, 2), date(2026, 3, 1), 15.0),
        ("", date(2010, 3, 1), date(2026, 3, 1), 16.0),
        ("abcY", date(2010, 3, 1), date(2026, 3, 1), 16.0),
        ("", None, date(2026, 3, 1), None),
        ("", date(2027, 1, 1), date(2026, 3, 1), None),
        ("12", None, None, None),
    ],
)
def test_an_age_is_said_or_counted(said: str, birth: date | None, study: date | None, years: float | None) -> None:
    assert age_in_years(said, birth, study) == years


def test_a_newborn_is_some_days_old() -> None:
    found = age_in_years("", date(2026, 2, 19), date(2026, 3, 1))
    assert found is not None
    assert round(found * 365.2425) == 10
    assert age_in_years("010D", None, None) == pytest.approx(found)


@pytest.mark.parametrize(("text", "found"), [("20260301", date(2026, 3, 1)), ("2026.03.01", date(2026, 3, 1))])
def test_a_date_is_read(text: str, found: date) -> None:
    assert plain_date(text) == found


@pytest.mark.parametrize("text", ["", "20261301", "2026", "abcdefgh"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert plain_date(text) is None
