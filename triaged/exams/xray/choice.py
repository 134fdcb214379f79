"""Chooses the one radiograph of a study that is scored; pure, from headers alone.

An image must pass every gate; among those that do, preferences are compared in their declared order, and the first one
that differs decides. Every image that is not chosen gets its reason in words. Whether a picture whose header says no
view is a frontal chest is for those to see who see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydicom.uid import UID

from triaged.exams.exam import Choice, Refusals
from triaged.exams.xray.profile import Exposure, Region, exposures, is_radiograph
from triaged.exams.xray.views import Position, View
from triaged.study.assessment import Reason, ReasonCode
from triaged.study.records import Series
from triaged.study.uids import SeriesUID

MOST_PIXELS: Final = 64 * 1024 * 1024
"""Decoding takes 8 bytes a pixel whatever the compression: of 60 million, 480 MB were measured. A detector of
43 x 43 cm has 18 million pixels of 0.1 mm."""
MOST_SEEN: Final = 3
"""So many images are looked at whether they are frontal chests: each takes as long as a whole reading."""
LEAST_SIDE: Final = 512
WHOLE_FIELD: Final = 0.7
"""The share of the largest picture's area that one needs to be as good: a smaller one shows a part of the chest."""


@dataclass(frozen=True, slots=True)
class XrayOptions:
    """What an image must have: rows and columns each, in pixels."""

    least_side: int = LEAST_SIDE


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition for being scored: `refuse` returns what was expected and found where it is not met."""

    code: ReasonCode
    refuse: Callable[[Exposure, XrayOptions], str | None]


@dataclass(frozen=True, slots=True)
class Preference:
    """One criterion: the lower `rank` is preferred; `words` say what is preferred, `value` what an image has.

    `rank` gets the largest area of those that can be compared.
    """

    words: str
    rank: Callable[[Exposure, float], float]
    value: Callable[[Exposure], str]


def _not_a_radiograph(found: Exposure, _: XrayOptions) -> str | None:
    image = found.image
    if is_radiograph(image):
        return None
    name = UID(image.sop_class_uid).name
    kind = f"{name} of modality {image.modality}" if image.modality in ("CR", "DX") else image.modality or name
    return f"expected a radiograph, found {kind}"


def _not_grey(found: Exposure, _: XrayOptions) -> str | None:
    if (found.image.samples_per_pixel or 1) > 1:
        return "expected one sample per pixel, found a colour image"
    if found.image.number_of_frames > 1:
        return f"expected one frame, found {found.image.number_of_frames}"
    return None


def _companion(found: Exposure, _: XrayOptions) -> str | None:
    return f"expected an image as it was exposed, found {found.companion}" if found.companion else None


def _not_chest(found: Exposure, _: XrayOptions) -> str | None:
    return "expected a chest, found another part of the body" if found.region is Region.ELSEWHERE else None


def _not_frontal(found: Exposure, _: XrayOptions) -> str | None:
    return f"expected a frontal view, found {found.sight.other}" if found.sight.other else None


def _too_small(found: Exposure, options: XrayOptions) -> str | None:
    rows, columns = found.image.rows or 0, found.image.columns or 0
    if min(rows, columns) >= options.least_side:
        return None
    return f"expected at least {options.least_side} rows and columns, found {rows} x {columns}"


def _too_large(found: Exposure, _: XrayOptions) -> str | None:
    pixels = (found.image.rows or 0) * (found.image.columns or 0)
    return None if pixels <= MOST_PIXELS else f"expected at most {MOST_PIXELS} pixels, found {pixels}"


GATES: tuple[Gate, ...] = (
    Gate(ReasonCode.NOT_A_RADIOGRAPH, _not_a_radiograph),
    Gate(ReasonCode.NOT_A_RADIOGRAPH, _not_grey),
    Gate(ReasonCode.NOT_A_RADIOGRAPH, _companion),
    Gate(ReasonCode.NOT_CHEST, _not_chest),
    Gate(ReasonCode.NO_FRONTAL_CHEST, _not_frontal),
    Gate(ReasonCode.TOO_SMALL, _too_small),
    Gate(ReasonCode.TOO_LARGE, _too_large),
)
"""In order; the study's own reason is that of the image that came through most of them."""
_FRONTAL: Final = next(number for number, gate in enumerate(GATES) if gate.code is ReasonCode.NO_FRONTAL_CHEST)

_VIEWS: Final = {
    (View.PA, Position.UPRIGHT): 0.0,
    (View.PA, Position.UNKNOWN): 1.0,
    (View.AP, Position.UPRIGHT): 2.0,
    (View.AP, Position.UNKNOWN): 3.0,
    (View.PA, Position.SUPINE): 4.0,
    (View.AP, Position.SUPINE): 5.0,
    (View.UNKNOWN, Position.UPRIGHT): 6.0,
    (View.UNKNOWN, Position.UNKNOWN): 7.0,
    (View.UNKNOWN, Position.SUPINE): 8.0,
}

PREFERENCES: tuple[Preference, ...] = (
    Preference("a chest", lambda e, _: e.region, lambda e: e.region.name.lower()),
    Preference("a view that is said", lambda e, _: _unsaid(e), lambda e: _view(e)),
    Preference(
        "an image as acquired",
        lambda e, _: float(e.is_secondary),
        lambda e: "secondary" if e.is_secondary else "primary",
    ),
    Preference("presentation", lambda e, _: float(e.is_raw), lambda e: "raw" if e.is_raw else "presentation"),
    Preference("a whole field", lambda e, most: float(e.area < WHOLE_FIELD * most), lambda e: _size(e)),
    Preference("an upright PA view", lambda e, _: _VIEWS[e.sight.view, e.sight.position], lambda e: _placed(e)),
    Preference("the latest exposure", lambda e, _: _said(e) * -_seconds(e), lambda e: _time(e)),
    Preference("the later image", lambda e, _: _said(e) * -_number(e), lambda e: e.name),
    Preference("the earlier exposure, most often from the front", lambda e, _: _seconds(e), lambda e: _time(e)),
    Preference("the earlier image, most often from the front", lambda e, _: _number(e), lambda e: e.name),
    Preference("the larger field", lambda e, _: -e.area, lambda e: _size(e)),
)
"""In order: the first one in which two images differ decides between them; at last, the SOP Instance UID.

An exposure is repeated because the first was poor, so the latest counts. Where no view is said the later one may as
well be the lateral, which is taken second.
"""


def choose(
    series: Sequence[Series], options: XrayOptions | None = None, *, refused: Refusals = MappingProxyType({})
) -> Choice:
    """Return the radiograph to score, as the one instance of its series, or why there is none.

    Every other image has a reason: with its series, or where it is beside the one that is chosen, in `words`. `refused`
    were chosen before, and are no frontal chests as those say who saw them.
    """
    options = options or XrayOptions()
    passed: list[Exposure] = []
    failed: list[tuple[int, Exposure, str]] = []
    for found in (exposure for each in series for exposure in exposures(each)):
        seen = refused.get(found.instance.sop_instance_uid)
        gates = ((number, gate.refuse(found, options)) for number, gate in enumerate(GATES))
        failing = ((number, detail) for number, detail in gates if detail is not None)
        failure = next(failing, None if seen is None else (_FRONTAL, seen.detail))
        if failure is None:
            passed.append(found)
        else:
            failed.append((failure[0], found, failure[1]))
    foreign = _foreign(failed, passed)
    if not passed:
        reason, gates_passed = _study_reason(failed)
        return Choice(
            None, _by_series([(found, why) for _, found, why in failed]), reason, gates_passed, foreign=foreign
        )
    ranks = _Ranks(passed)
    best, *others = sorted(passed, key=lambda e: (*ranks.of(e), e.instance.sop_instance_uid.value))
    declined = [(found, why) for _, found, why in failed] + [(other, ranks.why(best, other)) for other in others]
    beside = [(found, why) for found, why in declined if found.series.series_uid == best.series.series_uid]
    elsewhere = [(found, why) for found, why in declined if found.series.series_uid != best.series.series_uid]
    words = f"chosen: {best.name}; {_listed(beside)}" if beside else "chosen"
    chosen = Series(best.series.series_uid, (best.instance,))
    return Choice(chosen, _by_series(elsewhere), None, len(GATES), words, foreign)


def choose_again(series: Sequence[Series], refused: Refusals) -> Choice | None:
    """Return the next best radiograph where those seen so far are no frontal chests; None where there is none to try.

    After `MOST_SEEN` it is given up: a study of dozens of images without a view is no chest with one wrong picture.
    """
    if len(refused) >= MOST_SEEN or any(each.code is not ReasonCode.NO_FRONTAL_CHEST for each in refused.values()):
        return None
    choice = choose(series, refused=refused)
    return None if choice.chosen is None else choice


def is_whole(series: Sequence[Series]) -> bool:
    """Tell whether a radiograph to score has arrived: one image is all that there is of it."""
    return choose(series).chosen is not None


class _Ranks:
    """The ranks of images that passed; areas are compared where all of them are in millimetres, or none is."""

    def __init__(self, passed: Sequence[Exposure]) -> None:
        is_comparable = len({found.has_millimetres for found in passed}) == 1
        self._most = max(found.area for found in passed) if is_comparable else 0.0

    def of(self, found: Exposure) -> tuple[float, ...]:
        return tuple(rule.rank(found, self._most) for rule in PREFERENCES)

    def why(self, best: Exposure, other: Exposure) -> str:
        is_beside = best.series.series_uid == other.series.series_uid
        name = best.name if is_beside else f"series {best.series.series_uid}"
        for rule, first, second in zip(PREFERENCES, self.of(best), self.of(other), strict=True):
            if first != second:
                return f"{name} is preferred for {rule.words}: {rule.value(best)}, here {rule.value(other)}"
        return f"{name} is alike and comes first by its UID"


def _foreign(failed: Sequence[tuple[int, Exposure, str]], passed: Sequence[Exposure]) -> frozenset[SeriesUID]:
    """Return the series that have no radiograph in them."""
    own = {found.series.series_uid for number, found, _ in failed if number > 0}
    own |= {found.series.series_uid for found in passed}
    return frozenset(found.series.series_uid for _, found, _ in failed) - own


def _study_reason(refused: Sequence[tuple[int, Exposure, str]]) -> tuple[Reason, int]:
    """Return the reason of the image that came furthest, and how many gates it passed."""
    if not refused:
        return Reason(ReasonCode.NOT_A_RADIOGRAPH, "expected a radiograph, found no image"), 0
    number, _, detail = max(refused, key=lambda entry: entry[0])
    return Reason(GATES[number].code, detail), number


def _by_series(declined: Sequence[tuple[Exposure, str]]) -> tuple[tuple[SeriesUID, str], ...]:
    """Return one reason for each series; where its images have several, each with its name."""
    found: dict[SeriesUID, list[tuple[Exposure, str]]] = {}
    for exposure, why in declined:
        found.setdefault(exposure.series.series_uid, []).append((exposure, why))
    return tuple(
        (uid, listed[0][1] if len({why for _, why in listed}) == 1 else _listed(listed))
        for uid, listed in found.items()
    )


def _listed(declined: Sequence[tuple[Exposure, str]]) -> str:
    return "; ".join(f"{exposure.name}: {why}" for exposure, why in declined)


def _unsaid(found: Exposure) -> float:
    if found.sight.view is not View.UNKNOWN:
        return 0.0
    return 1.0 if found.sight.is_frontal else 2.0


def _said(found: Exposure) -> float:
    return float(found.sight.view is not View.UNKNOWN)


def _seconds(found: Exposure) -> float:
    return float(found.said.acquired_at or 0.0)


def _number(found: Exposure) -> float:
    return float(found.image.instance_number or 0)


def _view(found: Exposure) -> str:
    is_guess = found.sight.view is View.UNKNOWN and found.sight.is_frontal
    return "frontal by its orientation" if is_guess else found.sight.view.value


def _placed(found: Exposure) -> str:
    return f"{found.sight.view.value}, {found.sight.position.value} position"


def _time(found: Exposure) -> str:
    at = found.said.acquired_at or ""
    return f"{at[8:10]}:{at[10:12]}:{at[12:14]}" if at else "no time"


def _size(found: Exposure) -> str:
    return f"{found.area / 100.0:.0f} cm2" if found.has_millimetres else f"{found.image.rows} x {found.image.columns}"
