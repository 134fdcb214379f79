"""Chooses what is read of a study under the rules of the site: by which examination which series, or why nothing.

Knows no storage and no images; the examinations choose, and the rules say among what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic

from triaged.exams.exam import Choice, Exam, first_that_accepts
from triaged.rules.matching import Rules, treated
from triaged.rules.selection import Selection, select, series_facts
from triaged.study.assessment import OUT_OF_SCOPE_CODES, Reason, ReasonCode
from triaged.study.body_part import foreign_part
from triaged.study.facts import StudyFacts
from triaged.study.records import Series
from triaged.study.treatment import Treatment
from triaged.study.uids import SeriesUID


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Exam]):
    """What becomes of a study: its treatment, the examinations that may read it, and the choice of one of them.

    `allowed` are the series that no rule excludes. A study that is not to be scored has a choice without a series.
    """

    treatment: Treatment
    examinations: Sequence[Exam]
    examination: Exam
    choice: Choice
    allowed: tuple[Series, ...]


def choose_under(
    rules: Rules, facts: StudyFacts, series: Sequence[Series], examinations_of: Callable[[str], Sequence[Exam]]
) -> Chosen[Exam]:
    """Return what becomes of a study; `examinations_of` gives those of a rule's model, of no name those of all studies.

    Rules that ask for facts of a series ask the one that would be chosen without them.
    """
    selection = select(rules.series, facts, series)
    treatment = treated(rules, facts, None, is_final=False)
    if treatment is None:
        _, choice = _choose(examinations_of(""), selection)
        of_series = None if choice.chosen is None else series_facts(choice.chosen)
        treatment = treated(rules, facts, of_series, is_final=True)
    assert treatment is not None
    examinations = examinations_of(treatment.model)
    if treatment.scored:
        examination, choice = _choose(examinations, selection)
    else:
        declined = tuple((each.series_uid, f"not read, as the rule {treatment.rule} says") for each in series)
        examination, choice = examinations[0], Choice(None, declined, Reason(ReasonCode.BY_RULE, treatment.rule))
    return Chosen(treatment, examinations, examination, _foreign(choice, series), selection.allowed)


def considered(rules: Rules, facts: StudyFacts, series: Sequence[Series]) -> Sequence[Series]:
    """Return the series to wait for: those that are preferred, else those that are not excluded, else all."""
    selection = select(rules.series, facts, series)
    return [each for each, _ in selection.preferred] or selection.allowed or series


def _choose(examinations: Sequence[Exam], selection: Selection) -> tuple[Exam, Choice]:
    if not selection.allowed:
        reason = Reason(ReasonCode.BY_RULE, "every series is excluded")
        return examinations[0], Choice(None, selection.excluded, reason)
    if selection.preferred:
        examination, choice = first_that_accepts(examinations, [each for each, _ in selection.preferred])
        if choice.chosen is not None:
            return examination, _with(choice, *_behind(choice.chosen, selection), *selection.excluded)
    examination, choice = first_that_accepts(examinations, selection.allowed)
    return examination, _with(choice, *selection.excluded)


def _behind(chosen: Series, selection: Selection) -> list[tuple[SeriesUID, str]]:
    """Return why series that no rule prefers are not read."""
    names = {each.series_uid: rule for each, rule in selection.preferred}
    why = f"series {chosen.series_uid} is preferred by the rule {names[chosen.series_uid]}"
    return [(each.series_uid, why) for each in selection.allowed if each.series_uid not in names]


def _with(choice: Choice, *declined: tuple[SeriesUID, str]) -> Choice:
    return replace(choice, declined=(*choice.declined, *declined)) if declined else choice


def _foreign(choice: Choice, series: Sequence[Series]) -> Choice:
    """Return a choice that says of a study out of scope that all of it is of another part of the body, where it is."""
    reason = choice.reason
    if reason is None or reason.code not in OUT_OF_SCOPE_CODES or reason.code is ReasonCode.BY_RULE:
        return choice
    part = foreign_part(series)
    if part is None:
        return choice
    return replace(choice, reason=Reason(ReasonCode.OTHER_PART, f"expected a chest, found Body Part Examined {part}"))
