"""Says what would become of studies that came before under other settings, from their headers and findings alone.

Pure: reads no image, knows no storage, and changes nothing. What another package would find is not known: a study keeps
the finding that it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from triaged.exams.exam import Choice
from triaged.rules.matching import Rules
from triaged.rules.sites import NO_SITE
from triaged.steps.choosing import Chosen, choose_under
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.replaying import Received
from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, ReasonCode, unreadable
from triaged.study.lifecycle import State
from triaged.study.ranking import Ranking, TriageClass
from triaged.study.ranking_input import RankingInput
from triaged.study.records import Series
from triaged.triage.scheme import TriageOptions


@dataclass(frozen=True, slots=True)
class Reader:
    """What of an examination is needed to try it: the name of its package, and how it chooses."""

    model: str
    chooses: Callable[[Sequence[Series]], Choice]

    def choose(self, series: Sequence[Series]) -> Choice:
        """Return the series to score, from headers alone, or why there is none."""
        return self.chooses(series)


@dataclass(frozen=True, slots=True)
class Settings:
    """What of a configuration decides what becomes of a study; `readers_of` as for `choose_under`."""

    rules: Rules
    triage: TriageOptions
    readers_of: Callable[[str], Sequence[Reader]]
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a study: under which rule, by which package it is scored, and who gets its objects.

    `model` is empty where nothing scores it. `place` counts from 1 among all that were replayed, None for what is on no
    list. `is_known` is False where nothing has read the study so far, so that its class is that of a study that waits.
    `site` is empty where it is of none.
    """

    rule: str
    is_ignored: bool
    model: str
    sent_to: tuple[str, ...]
    triage_class: TriageClass
    reason: str
    place: int | None
    is_known: bool
    site: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the study is scored."""
        return bool(self.model)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One study under today's settings and under new ones; the time is of its first instance."""

    study_instance_uid: str
    at: datetime
    sender: str
    modality: str
    algorithm: str
    today: Fate
    new: Fate

    def differences(self) -> tuple[str, ...]:
        """Return the names of what is otherwise under the new settings."""
        compared = ("rule", "site", "is_ignored", "model", "sent_to", "triage_class", "place")
        return tuple(name for name in compared if getattr(self.today, name) != getattr(self.new, name))


def replay(came: Sequence[Received], today: Settings, new: Settings) -> list[Replayed]:
    """Return what becomes of each study under both settings, in the order in which they came."""
    fates = zip(_fates(came, today), _fates(came, new), strict=True)
    return [
        Replayed(
            each.known.study_uid.value,
            each.first_instance_at,
            each.facts.sender,
            each.facts.modality,
            each.algorithm,
            *both,
        )
        for each, both in zip(came, fates, strict=True)
    ]


def comparison(replayed: Replayed) -> tuple[str, ...]:
    """Return rule, package, destinations, class and place in words, with both where the two settings differ."""
    pairs = zip(_words(replayed.today), _words(replayed.new), strict=True)
    return tuple(now if was == now else f"{was} → {now}" for was, now in pairs)


def _words(fate: Fate) -> tuple[str, ...]:
    rule = f"{fate.rule or 'everything'}{f', site {fate.site}' if fate.site else ''}"
    if fate.is_ignored:
        return rule, "ignored", "nobody", "-", "-"
    shown_class = f"{fate.triage_class}{'' if fate.is_known else '?'}"
    sent_to = ", ".join(fate.sent_to) or "nobody"
    return rule, fate.model or "nothing", sent_to, shown_class, str(fate.place)


def summary(replayed: Sequence[Replayed]) -> Mapping[str, int]:
    """Return how many studies are treated otherwise, and how many each rule matches under the new settings."""
    rules = Counter(each.new.rule or "everything" for each in replayed)
    sites = Counter(each.new.site for each in replayed if each.new.site or each.today.site)
    differ = Counter(name for each in replayed for name in each.differences())
    return {
        "studies": len(replayed),
        "scored": sum(each.new.is_ours for each in replayed),
        "scored today": sum(each.today.is_ours for each in replayed),
        "ignored": sum(each.new.is_ignored for each in replayed),
        "ignored today": sum(each.today.is_ignored for each in replayed),
        "scored by another package": differ["model"],
        "sent elsewhere": differ["sent_to"],
        "in another class": differ["triage_class"],
        "at another place": differ["place"],
        **{f"rule {name}": number for name, number in sorted(rules.items())},
        **{f"site {name or NO_SITE}": number for name, number in sorted(sites.items())},
    }


def _fates(came: Sequence[Received], settings: Settings) -> list[Fate]:
    policy = ranking_policy(settings.triage)
    chosen = [choose_under(settings.rules, each.facts, each.series, settings.readers_of) for each in came]
    ranked = [policy(_ranking_input(each, under)) for each, under in zip(came, chosen, strict=True)]
    listed = sorted(ranking.sort_key for ranking, under in zip(ranked, chosen, strict=True) if _is_listed(under))
    places = {key: place for place, key in enumerate(listed, start=1)}
    return [_fate(*each, places, settings) for each in zip(came, chosen, ranked, strict=True)]


def _is_listed(under: Chosen[Reader]) -> bool:
    return not under.treatment.ignored


def _ranking_input(came: Received, under: Chosen[Reader]) -> RankingInput:
    assessment = _assessment(came, under.choice)
    state = _STATES.get(type(assessment), State.READY) if assessment is not None else State.READY
    comparison = came.known.comparison if isinstance(assessment, Assessed) else None
    return replace(came.known, assessment=assessment, state=state, comparison=comparison, treatment=under.treatment)


def _assessment(came: Received, choice: Choice) -> Assessment | None:
    """Return how the reading of a study would end, as far as that is known without reading it."""
    if choice.chosen is None:
        assert choice.reason is not None
        return unreadable(choice.reason)
    kept = came.known.assessment
    is_read = isinstance(kept, Assessed | Failed) and not _is_by_rule(kept)
    return kept if is_read else None


def _is_by_rule(assessment: Assessment) -> bool:
    return not isinstance(assessment, Assessed) and assessment.reason.code is ReasonCode.BY_RULE


def _fate(
    came: Received, under: Chosen[Reader], ranking: Ranking, places: Mapping[str, int], settings: Settings
) -> Fate:
    treatment, is_scored = under.treatment, under.choice.chosen is not None
    wanted = treatment.destinations
    to = tuple(name for name in settings.destinations if wanted is None or name in wanted)
    return Fate(
        rule=treatment.rule,
        is_ignored=treatment.ignored,
        model=under.examination.model if is_scored else "",
        sent_to=to if is_scored else (),
        triage_class=ranking.triage_class,
        reason=ranking.reason,
        place=places[ranking.sort_key] if _is_listed(under) else None,
        is_known=not is_scored or _assessment(came, under.choice) is not None,
        site=treatment.site,
    )


_STATES: Mapping[type, State] = {
    Assessed: State.TRIAGED,
    Failed: State.FAILED,
    OutOfScope: State.OUT_OF_SCOPE,
}
