"""How each second engine compares with the first over the studies of a period: the shadow of another order.

Reads only, and moves nothing. What a class and a place would be is asked of the policy itself, with the finding of one
engine and of the other, and everything else equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from triaged.steps.kept import Kept
from triaged.store.studies.paired import Paired, PairedStudy, Unread
from triaged.study.assessment import Assessed
from triaged.study.finding import Finding
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.disciplines import key
from triaged.triage.intervals import Interval
from triaged.triage.method_comparison import BlandAltman, Flips, bland_altman, flipped_pairs, weighted_kappa
from triaged.triage.ordering import precedence_of, under_rule
from triaged.triage.scheme import Discipline, TriageOptions, classify

MOST_STUDIES: Final = 5_000
"""So many are looked at, from the newest."""
_CLASSES: Final = {each: rank for rank, each in enumerate(TriageClass)}
_CLOCKLESS: Final = {Discipline.STRICT_CAP: Discipline.STRICT, Discipline.ACCUMULATING: Discipline.STRICT}
"""Orders that change with time alone are compared by their classes."""


class By(StrEnum):
    """What studies are told apart by: the class of the first engine's finding, what made the images, and how."""

    ALL = "all"
    CLASS = "class"
    SCANNER = "scanner"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Both:
    """One study as both engines see it: affected shares in percentage points, classes by the images alone, keys.

    `grades` are None where one of them gives none, or they are of different scales.
    """

    study: PairedStudy
    shares: tuple[float, float]
    classes: tuple[TriageClass, TriageClass]
    keys: tuple[str, str]
    grades: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Group:
    """How two engines agree in `n` studies of a group that both have read.

    `difference` is second less first, of the affected share in percentage points; kappas are None where they have no
    meaning. `other_class` would have another class, of which `raised` a more urgent one. `second_failed` and
    `first_failed` are studies of the group that one of them could not read; of what the first could not read nobody
    knows class and kernel, which is None.
    """

    by: By
    name: str
    n: int
    difference: BlandAltman | None
    grade_kappa: Interval | None
    class_kappa: Interval | None
    other_class: int
    raised: int
    second_failed: int
    first_failed: int | None


@dataclass(frozen=True, slots=True)
class Shadow:
    """One second engine beside a first, both with their versions.

    `classes` counts studies by the class of the first and of the second; `points` are mean and difference of the shares
    of each study, in percentage points, the newest first.
    """

    first: str
    second: str
    groups: tuple[Group, ...]
    flips: Flips
    classes: Mapping[tuple[TriageClass, TriageClass], int]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """All second engines of a period of `days`; `unread` is what they have not read; `is_cut` where older are left out.

    `by_classes` tells that the order of the site changes with time alone, so that pairs are compared by class.
    """

    days: int
    since: datetime
    shadows: tuple[Shadow, ...]
    unread: tuple[Unread, ...]
    is_cut: bool
    by_classes: bool


class Shadowing:
    """Comparisons from the store, counted once a minute at most; safe to share between threads.

    Raises:
        TryLater: the store is unreachable.
    """

    def __init__(self, paired: Paired, options: TriageOptions) -> None:
        self._paired = paired
        self._by_classes = options.discipline in _CLOCKLESS
        self._options = replace(options, discipline=_CLOCKLESS.get(options.discipline, options.discipline))
        self._kept: Kept[int, ShadowReport] = Kept(self._counted)

    def report(self, days: int, *, now: datetime) -> ShadowReport:
        """Return how second engines compare over the studies that were scored in the last days."""
        return self._kept.of(days, now=now)

    def _counted(self, days: int, now: datetime) -> ShadowReport:
        since = now - timedelta(days=days)
        studies = self._paired.since(since, most=MOST_STUDIES)
        failed = self._paired.first_failures(since)
        engines: dict[tuple[str, str], list[PairedStudy]] = {}
        for each in studies:
            engines.setdefault((each.first_model, each.second_model), []).append(each)
        now_s = (now - since).total_seconds()
        shadows = (self._shadow(*names, engines[names], failed, since, now_s) for names in sorted(engines))
        unread, is_cut = tuple(self._paired.unread(since)), len(studies) >= MOST_STUDIES
        return ShadowReport(days, since, tuple(shadows), unread, is_cut, self._by_classes)

    def _shadow(
        self,
        first: str,
        second: str,
        studies: Sequence[PairedStudy],
        failed: Mapping[tuple[str, str], int],
        since: datetime,
        now_s: float,
    ) -> Shadow:
        both = [seen_by_both(each, each.second, since, self._options) for each in studies if each.second is not None]
        unreadable = [each for each in studies if each.second is None]
        waits = [(each.study.scored_s, now_s if each.study.left_s is None else each.study.left_s) for each in both]
        first_failed = {device: number for (model, device), number in failed.items() if model == first}
        return Shadow(
            first,
            second,
            tuple(_groups(both, unreadable, first_failed, self._options)),
            flipped_pairs([each.keys[0] for each in both], [each.keys[1] for each in both], waits),
            Counter(each.classes for each in both),
            [((each.shares[0] + each.shares[1]) / 2, each.shares[1] - each.shares[0]) for each in both],
        )


def seen_by_both(study: PairedStudy, second: Finding, since: datetime, options: TriageOptions) -> Both:
    """Return a study as both engines see it, under the policy; its seconds count from `since`.

    Both classes are those of the images alone: no request is urgent, and no earlier study is compared with. Both keys
    are those of the present policy with the request's own priority and what a rule does, without what a reader did.
    """
    ready_at = since + timedelta(seconds=study.ready_s)
    (one, first_key), (other, second_key) = (
        _placed(study, finding, ready_at, options) for finding in (study.first, second)
    )
    return Both(
        study,
        shares=(100 * study.first.urgency, 100 * second.urgency),
        classes=(one, other),
        keys=(first_key, second_key),
        grades=_grades(study.first, second),
    )


def _grades(first: Finding, second: Finding) -> tuple[int, int] | None:
    one, other = first.grade, second.grade
    return None if one is None or other is None or one.scale != other.scale else (one.level, other.level)


def _placed(
    study: PairedStudy, finding: Finding, ready_at: datetime, options: TriageOptions
) -> tuple[TriageClass, str]:
    precedence = precedence_of(Assessed(finding), study.order_priority, options, treatment=study.treatment)
    by_images = precedence.triage_class
    if by_images is TriageClass.EMERGENCY:
        by_images = _by_images(study, finding, options)
    return by_images, key(precedence, ready_at, study.study_uid, options, now=ready_at)


def _by_images(study: PairedStudy, finding: Finding, options: TriageOptions) -> TriageClass:
    return classify(Assessed(finding), RequestPriority.ROUTINE, under_rule(options, study.treatment))


def _groups(
    both: Sequence[Both],
    unreadable: Sequence[PairedStudy],
    first_failed: Mapping[str, int],
    options: TriageOptions,
) -> Iterator[Group]:
    """Yield all studies, and those of each class, scanner and kernel, that either engine could read or not."""
    yield _group(By.ALL, "", both, len(unreadable), sum(first_failed.values()))
    classes = Counter(_by_images(each, each.first, options).value for each in unreadable)
    for name in (each.value for each in TriageClass):
        members = [each for each in both if each.classes[0] == name]
        if members or classes[name]:
            yield _group(By.CLASS, name, members, classes[name], None)
    failed = Counter(each.device for each in unreadable)
    for name in sorted({each.study.device for each in both} | set(failed) | set(first_failed)):
        members = [each for each in both if each.study.device == name]
        yield _group(By.SCANNER, name, members, failed[name], first_failed.get(name, 0))
    kernels = Counter(each.kernel for each in unreadable)
    for name in sorted({each.study.kernel for each in both} | set(kernels)):
        members = [each for each in both if each.study.kernel == name]
        yield _group(By.KERNEL, name, members, kernels[name], None)


def _group(by: By, name: str, both: Sequence[Both], second_failed: int, first_failed: int | None) -> Group:
    ranks = [(_CLASSES[one], _CLASSES[other]) for one, other in (each.classes for each in both)]
    shares = np.array([each.shares for each in both], dtype=np.float64).reshape(-1, 2)
    return Group(
        by,
        name,
        len(both),
        bland_altman(shares[:, 0], shares[:, 1]),
        _kappa(each.grades for each in both if each.grades is not None),
        _kappa(ranks),
        sum(one != other for one, other in ranks),
        sum(other < one for one, other in ranks),
        second_failed,
        first_failed,
    )


def _kappa(ratings: Iterable[tuple[int, int]]) -> Interval | None:
    pairs = list(ratings)
    return weighted_kappa([one for one, _ in pairs], [other for _, other in pairs])
