"""Which rule a study is under, and which of its series may be chosen."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from tests.store.making import image, instance
from triaged.rules.conditions import Condition, FlagCondition, NumberCondition, TextCondition
from triaged.rules.matching import SERIES_KEYS, STUDY_KEYS, Preference, Rule, SeriesRule, covers, decide, preference_of
from triaged.rules.selection import select, series_facts
from triaged.study.facts import NOTHING_SAID, SeriesFacts, StudyFacts
from triaged.study.records import Series
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.study.uids import SeriesUID

CONDITIONS: dict[str, Condition] = {
    "sender": TextCondition(any_of=("CT1", "CT2")),
    "modality": TextCondition(any_of=("CT",)),
    "age_years": NumberCondition(below=16.0),
    "kernel": TextCondition(matches=("B7*",)),
    "slice_mm": NumberCondition(at_most=3.0),
    "contrast": FlagCondition(False),
}
WHENS = st.sets(st.sampled_from(sorted(CONDITIONS)), max_size=3).map(
    lambda keys: {key: CONDITIONS[key] for key in keys}
)
RULES = st.lists(WHENS, max_size=4).map(lambda whens: [rule(number, when) for number, when in enumerate(whens)])
STUDIES = st.builds(
    StudyFacts,
    sender=st.sampled_from(["CT1", "ct2", "CT3", ""]),
    modality=st.sampled_from(["CT", "MR", ""]),
    age_years=st.sampled_from([None, 4.0, 40.0]),
)
SERIES = st.builds(
    SeriesFacts,
    kernel=st.sampled_from(["B70f", "B31f", ""]),
    slice_mm=st.sampled_from([None, 1.0, 5.0]),
    has_contrast=st.booleans(),
)


def rule(number: int, when: dict[str, Condition]) -> Rule:
    return Rule(f"rule {number}", when, Treatment(f"rule {number}"))


def first(rules: list[Rule], study: StudyFacts, series: SeriesFacts) -> Treatment:
    """The specification in other words."""
    for each in rules:
        values = {**{key: getattr(study, name) for key, name in STUDY_KEYS.items()}}
        values |= {key: getattr(series, name) for key, name in SERIES_KEYS.items()}
        if all(condition.is_met(values[key]) for key, condition in each.when.items()):
            return each.treatment
    return BY_DEFAULT


@given(RULES, STUDIES, SERIES)
def test_the_first_rule_that_is_met_decides(rules: list[Rule], study: StudyFacts, series: SeriesFacts) -> None:
    assert decide(rules, study, series, is_final=True) == first(rules, study, series)


@given(RULES, STUDIES, SERIES)
def test_what_is_decided_early_is_what_is_decided_late(
    rules: list[Rule], study: StudyFacts, series: SeriesFacts
) -> None:
    early = decide(rules, study, None, is_final=False)
    assert early in (None, decide(rules, study, series, is_final=True))


@given(WHENS, STUDIES)
def test_without_a_series_no_condition_on_one_is_met(when: dict[str, Condition], study: StudyFacts) -> None:
    found = decide([rule(0, when)], study, None, is_final=True)
    assert found is not None
    if set(when) & set(SERIES_KEYS):
        assert found == BY_DEFAULT


@given(WHENS)
def test_what_is_missing_meets_nothing(when: dict[str, Condition]) -> None:
    found = decide([rule(0, when)], NOTHING_SAID, SeriesFacts(has_contrast=True), is_final=True)
    assert (found == BY_DEFAULT) == bool(when)


@given(WHENS, WHENS, STUDIES, SERIES)
def test_a_rule_that_is_called_idle_decides_nothing(
    before: dict[str, Condition], after: dict[str, Condition], study: StudyFacts, series: SeriesFacts
) -> None:
    found = decide([rule(0, before), rule(1, after)], study, series, is_final=True)
    assert not (covers(before, after) and found == Treatment("rule 1"))


def test_every_key_asks_a_fact_that_there_is() -> None:
    assert set(STUDY_KEYS.values()) == {each.name for each in fields(StudyFacts)}
    assert set(SERIES_KEYS.values()) <= {each.name for each in fields(SeriesFacts)}


def test_modality_and_body_part_of_a_series_are_its_own() -> None:
    rules = [SeriesRule("sr", {"modality": TextCondition(any_of=("SR",))}, Preference.EXCLUDE)]
    study = StudyFacts(modality="SR")
    assert preference_of(rules, study, SeriesFacts(modality="CT")) is None
    assert preference_of(rules, study, SeriesFacts(modality="SR")) == rules[0]


def _series(number: int, description: str) -> Series:
    uid = SeriesUID.parse(f"1.2.826.0.2.{number}")
    header = replace(image(), series_description=description, slice_thickness_mm=float(number), contrast_agent="x")
    return Series(uid, (replace(instance(1, number, series=number), image=header),))


def test_series_are_left_out_or_come_first() -> None:
    rules = [
        SeriesRule("dose", {"series_description": TextCondition(contains=("dose",))}, Preference.EXCLUDE),
        SeriesRule("thin", {"slice_mm": NumberCondition(at_most=2.0)}, Preference.PREFER),
    ]
    sheet, thin, thick = _series(1, "Dose report"), _series(2, "lung"), _series(3, "lung")
    selection = select(rules, NOTHING_SAID, [sheet, thin, thick])
    assert selection.allowed == (thin, thick)
    assert selection.preferred == ((thin, "thin"),)
    assert selection.excluded == ((sheet.series_uid, "excluded by the rule dose"),)
    assert select((), NOTHING_SAID, [sheet, thin]).allowed == (sheet, thin)


def test_facts_of_a_series_are_those_of_its_images() -> None:
    facts = series_facts(_series(2, "lung"))
    assert (facts.description, facts.slice_mm, facts.images, facts.has_contrast) == ("lung", 2.0, 1, True)
    assert facts.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
