"""Counts how the last studies ended, each stratum by itself; pure policy.

A sender or a device whose studies are clearly unlike those of all others of its stratum is set aside first. Must not
know where the studies come from, nor what follows from the counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from triaged.study.assessment import Assessed, Assessment, Failed, SourcedAssessment
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.estimate import is_estimated
from triaged.triage.judging import GuardOptions, References
from triaged.triage.scheme import TriageOptions, classify
from triaged.triage.sources import Count, Limits, standing_out, tally

NOT_PUT_FORWARD: Final = frozenset({TriageClass.NOT_FLAGGED, TriageClass.UNSCORED})
ALL: Final = "studies"


@dataclass(frozen=True, slots=True)
class SetAside:
    """A sender or a device whose studies do not count, and why, in words; `source` names it, and its studies."""

    source: str
    words: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over the last studies of one stratum, without those of sources that were set aside.

    `scored` have a result, `put_forward` are those of them in any class above not flagged, `failed` could not be read.
    `is_partial` tells that studies were set aside.
    """

    scored: int = 0
    put_forward: int = 0
    failed: int = 0
    is_partial: bool = False

    @property
    def ended(self) -> int:
        """How many studies that is."""
        return self.scored + self.failed


@dataclass(frozen=True, slots=True)
class Observed:
    """What happened lately: counts of each stratum, and how long the oldest study without a result has waited."""

    counts: Mapping[Stratum, Counts]
    lag: timedelta
    set_aside: tuple[SetAside, ...] = ()


def observe(
    ended: Sequence[SourcedAssessment],
    lag: timedelta,
    options: TriageOptions,
    guard: GuardOptions,
    *,
    references: References = MappingProxyType({}),
    before: Collection[str] = (),
) -> Observed:
    """Return the counts over the last studies, the newest of which comes last; declined ones do not count.

    `before` are the sources that are set aside already: they count again once they are clearly better.
    """
    studies = [_Study(each, _is_forward(each.assessment, options)) for each in ended if _counts(each)]
    strata = {stratum: [each for each in studies if each.stratum is stratum][-guard.window :] for stratum in Stratum}
    named = nouns([stratum for stratum, found in strata.items() if found])
    counts: dict[Stratum, Counts] = {}
    aside: list[SetAside] = []
    for stratum, found in strata.items():
        judged = _Judged(stratum, named[stratum], guard, references.get(stratum), frozenset(before))
        left, out = _without_outliers(found, judged)
        scored = [each.forward for each in left if each.forward is not None]
        counts[stratum] = Counts(len(scored), scored.count(True), len(left) - len(scored), bool(out))
        aside += out
    return Observed(counts, lag, tuple(aside))


def stratum_of(assessment: Assessment, otherwise: Stratum = Stratum.VOLUME) -> Stratum:
    """Return what was read: of a scored study its finding tells it."""
    if not isinstance(assessment, Assessed):
        return otherwise
    return Stratum.RADIOGRAPH if is_estimated(assessment.finding) else Stratum.VOLUME


def nouns(present: Collection[Stratum]) -> Mapping[Stratum, str]:
    """Return what the studies of each stratum are called: CTs are "studies" where there is nothing else."""
    return {
        each: ALL if each is Stratum.VOLUME and Stratum.RADIOGRAPH not in present else f"{each}s" for each in Stratum
    }


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.3g} %"


@dataclass(frozen=True, slots=True)
class _Study:
    """One study that counts; `forward` tells whether it is put forward, None where it could not be read."""

    ended: SourcedAssessment
    forward: bool | None

    @property
    def stratum(self) -> Stratum:
        return stratum_of(self.ended.assessment, self.ended.stratum)


@dataclass(frozen=True, slots=True)
class _Judged:
    """By what the sources of one stratum are judged; `noun` names its studies, `before` are those set aside before."""

    stratum: Stratum
    noun: str
    guard: GuardOptions
    reference: float | None
    before: frozenset[str]

    def known_as(self, source: str) -> str:
        """Return the name under which a source is set aside: its X-rays may be, and its CTs not."""
        return f"{self.noun} from {source}" if source and self.stratum is Stratum.RADIOGRAPH else source


def _counts(ended: SourcedAssessment) -> bool:
    return isinstance(ended.assessment, Assessed | Failed)


def _is_forward(assessment: Assessment, options: TriageOptions) -> bool | None:
    if not isinstance(assessment, Assessed):
        return None
    return classify(assessment, RequestPriority.ROUTINE, options) not in NOT_PUT_FORWARD


def _sender(study: _Study) -> str:
    return study.ended.sender


def _device(study: _Study) -> str:
    return study.ended.device


def _without_outliers(studies: list[_Study], judged: _Judged) -> tuple[list[_Study], list[SetAside]]:
    """Return the studies of a stratum that count, and whose do not."""
    aside: list[SetAside] = []
    if len(studies) < judged.guard.fewest:
        return studies, aside
    for source_of in (_sender, _device):
        named = [(judged.known_as(source_of(each)), each) for each in studies]
        found = [*_unreadable(named, judged), *_flagged(named, judged)]
        studies = [each for name, each in named if name not in {one.source for one in found}]
        aside += found
    return studies, aside


def _unreadable(named: Sequence[tuple[str, _Study]], judged: _Judged) -> Iterator[SetAside]:
    counts = tally((name, each.forward is None) for name, each in named)
    limits = Limits(judged.guard.failures, part=judged.guard.hysteresis, before=judged.before)
    for source in standing_out(counts, limits):
        yield SetAside(source, f"{_of(counts[source], source, judged)} could not be read: not counted")


def _flagged(named: Sequence[tuple[str, _Study]], judged: _Judged) -> Iterator[SetAside]:
    guard, reference = judged.guard, judged.reference
    if reference is None:
        return
    counts = tally((name, each.forward) for name, each in named if each.forward is not None)
    limits = Limits(reference * guard.factor, reference / guard.factor, part=guard.hysteresis, before=judged.before)
    for source in standing_out(counts, limits):
        usual = f"usually {percent(reference)}"
        yield SetAside(source, f"{_of(counts[source], source, judged)} are flagged, {usual}: not counted")


def _of(count: Count, source: str, judged: _Judged) -> str:
    named = source if judged.stratum is Stratum.RADIOGRAPH else f"{judged.noun} from {source}"
    return f"{count.hits} of {count.total} {named}"
