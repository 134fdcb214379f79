"""Which rule a study or a series is under: the first one whose conditions are all met.

Pure functions over facts. Must not know settings, storage, or what becomes of a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from triaged.rules.conditions import Condition
from triaged.rules.sites import Site, at_site
from triaged.study.facts import SeriesFacts, StudyFacts
from triaged.study.treatment import BY_DEFAULT, Treatment

STUDY_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sender": "sender",
        "called_title": "called_title",
        "peer": "peer",
        "modality": "modality",
        "body_part": "body_part",
        "study_description": "study_description",
        "institution": "institution",
        "station": "station",
        "department": "department",
        "age_years": "age_years",
        "sex": "sex",
        "study_date": "study_date",
        "procedure_code": "procedure_codes",
        "accession_number": "accession_number",
    }
)
"""Keys of conditions on a study, known with its first header, each with the field of `StudyFacts` that it asks."""
SERIES_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "series_description": "description",
        "kernel": "kernel",
        "slice_mm": "slice_mm",
        "images": "images",
        "image_type": "image_type",
        "contrast": "has_contrast",
    }
)
"""Keys of conditions on a series, each with the field of `SeriesFacts` that it asks."""
_SAID_OF_BOTH: Final = frozenset({"modality", "body_part"})

When = Mapping[str, Condition]
"""Conditions by their keys; all have to be met, so that none at all are met by everything."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with studies that meet all conditions."""

    name: str
    when: When
    treatment: Treatment


class Preference(StrEnum):
    """What a rule of series asks of the choice."""

    PREFER = "prefer"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True)
class SeriesRule:
    """Which series come before all others in the choice, or are left out of it."""

    name: str
    when: When
    preference: Preference


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in their order, and the sites; without any, every study is treated by default and of no site."""

    studies: tuple[Rule, ...] = ()
    series: tuple[SeriesRule, ...] = field(default=())
    sites: tuple[Site, ...] = ()


NO_RULES: Final = Rules()


def decide(rules: Sequence[Rule], study: StudyFacts, series: SeriesFacts | None, *, is_final: bool) -> Treatment | None:
    """Return what the first rule does that a study meets; `BY_DEFAULT` where it meets none.

    None: it depends on the series that will be chosen, which is not known yet. Where it `is_final`, there is no such
    series, and conditions on it are not met.
    """
    for rule in rules:
        met = _meets(rule.when, study, series, is_final=is_final)
        if met is None:
            return None
        if met:
            return rule.treatment
    return BY_DEFAULT


def treated(rules: Rules, study: StudyFacts, series: SeriesFacts | None, *, is_final: bool) -> Treatment | None:
    """Return what `decide` decides, at the site of the study; None as there."""
    decided = decide(rules.studies, study, series, is_final=is_final)
    return None if decided is None else at_site(decided, rules.sites, study)


def treated_first(rules: Rules, study: StudyFacts) -> Treatment:
    """Return what is done with a study until a series is chosen: by default, where its rule asks for the series."""
    return treated(rules, study, None, is_final=False) or at_site(BY_DEFAULT, rules.sites, study)


def treated_without_series(rules: Rules, study: StudyFacts) -> Treatment:
    """Return what is done with a study of which no series is chosen."""
    return at_site(decide(rules.studies, study, None, is_final=True) or BY_DEFAULT, rules.sites, study)


def preference_of(rules: Sequence[SeriesRule], study: StudyFacts, series: SeriesFacts) -> SeriesRule | None:
    """Return the first rule that a series of a study meets; modality and body part are those of the series."""
    return next((rule for rule in rules if _series_meets(rule.when, study, series)), None)


def covers(when: When, other: When) -> bool:
    """Tell whether whatever meets `other` certainly meets `when`, so that a rule with `other` behind it is idle."""
    return all(key in other and condition.covers(other[key]) for key, condition in when.items())


def _meets(when: When, study: StudyFacts, series: SeriesFacts | None, *, is_final: bool) -> bool | None:
    """Tell whether a study meets all conditions; None where that depends on a series that is not known yet."""
    if not all(
        condition.is_met(getattr(study, STUDY_KEYS[key])) for key, condition in when.items() if key in STUDY_KEYS
    ):
        return False
    of_series = {key: condition for key, condition in when.items() if key in SERIES_KEYS}
    if not of_series:
        return True
    if series is None:
        return False if is_final else None
    return _all_met(of_series, series)


def _series_meets(when: When, study: StudyFacts, series: SeriesFacts) -> bool:
    of_series = {key: each for key, each in when.items() if key in SERIES_KEYS}
    of_both = {key: each for key, each in when.items() if key in _SAID_OF_BOTH}
    of_study = {key: each for key, each in when.items() if key in STUDY_KEYS and key not in _SAID_OF_BOTH}
    return (
        all(condition.is_met(getattr(study, STUDY_KEYS[key])) for key, condition in of_study.items())
        and all(condition.is_met(getattr(series, key)) for key, condition in of_both.items())
        and _all_met(of_series, series)
    )


def _all_met(conditions: When, series: SeriesFacts) -> bool:
    return all(condition.is_met(getattr(series, SERIES_KEYS[key])) for key, condition in conditions.items())
