"""What an examination found in one study: how urgent it is, what is suspected, and coded measurements.

No order, no images and no DICOM. What a number means is in `triaged.study.concepts`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from triaged.study.coding import PROBABILITY, Concept, Disease, Output, Service, Site
from triaged.study.concepts import ESTIMATED_SEVERITY, PART_SHARES, SERVICE, XRAY_SERVICE
from triaged.study.radiomics import feature_that_moved


class QualityFlag(StrEnum):
    """A circumstance that makes the numbers less certain; shown beside them and never hidden."""

    SINGLE_LUNG = "single-lung"
    LUNG_VOLUME = "lung-volume-out-of-range"
    LUNG_TOUCHES_EDGE = "lung-touches-edge"
    THICK_SLICES = "thick-slices"
    CONTRAST = "contrast"
    PAEDIATRIC = "paediatric"
    ANISOTROPIC_SPLIT = "lungs-split-by-clustering"
    LUNGS_COMPLETED = "lungs-completed-by-threshold"
    SIDES_DISAGREE = "sides-disagree"
    SECOND_SERIES_DISAGREES = "second-series-disagrees"
    LUNGS_CUT_OFF = "lungs-cut-off"
    SOLID_OR_FLUID = "solid-or-fluid-in-lungs"
    SLICES_MISSING = "missing-slices"
    IRREGULAR_SPACING = "irregular-slice-spacing"
    FRAME_PER_SLICE = "frame-of-reference-differed-per-slice"
    CLASS_FROM_META = "sop-class-not-in-data-set"
    IDENTITY_FROM_META = "sop-instance-uid-not-in-data-set"
    CLASS_NOT_CT = "sop-class-other-than-ct"
    SLOPE_ASSUMED = "rescale-slope-assumed"
    SQUARE_PIXELS = "square-pixels-assumed"
    ONE_OF_SEVERAL = "one-of-several-stacks-in-series"
    COPIES_LEFT_OUT = "duplicate-slices-left-out"
    AP_VIEW = "ap-view"
    SUPINE = "supine"
    VIEW_NOT_SAID = "view-not-said"
    MIRRORED = "mirrored"
    TURNED = "turned"
    LOSSY = "lossy-compressed"
    RAW = "raw-pixels"
    WAS_INVERSE = "grey-was-inverse"
    LOOKUP_SET_ASIDE = "lookup-table-set-aside"
    LOW_CONTRAST = "low-contrast"
    FIELD_CUT = "field-cut"
    LUNG_IN_PARTS = "lung-in-parts"
    LUNGS_UNEVEN = "lungs-uneven"
    SHALLOW_BREATH = "shallow-breath"
    OVER_PENETRATED = "over-penetrated"
    UNDER_PENETRATED = "under-penetrated"
    GATE_REMOVED = "gate-removed"
    FEATURES_MISSING = "features-missing"

    @property
    def words(self) -> str:
        """How the flag reads on a page."""
        return "AP view" if self is QualityFlag.AP_VIEW else self.value.replace("-", " ")


NO_ALL_CLEAR: Final = frozenset({QualityFlag.LUNGS_CUT_OFF, QualityFlag.SOLID_OR_FLUID})
"""In these circumstances finding nothing means nothing: what was not seen, or not looked for, may be there."""
REPAIRS: Final = frozenset(
    {
        QualityFlag.FRAME_PER_SLICE,
        QualityFlag.CLASS_FROM_META,
        QualityFlag.IDENTITY_FROM_META,
        QualityFlag.CLASS_NOT_CT,
        QualityFlag.ONE_OF_SEVERAL,
        QualityFlag.COPIES_LEFT_OUT,
    }
)
"""What was mended in headers alone: the numbers are as certain as ever."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number, in the unit in which its concept is stored (shares and probabilities in [0, 1], volumes in mL)."""

    concept: Concept
    value: float
    site: Site | None = None

    @property
    def field(self) -> str:
        """Its name in JSON."""
        return self.concept.field_at(self.site)

    @property
    def words(self) -> str:
        """What readers call it."""
        return self.concept.words_at(self.site)

    @property
    def text(self) -> str:
        """Its value as people read it, with the unit."""
        return self.concept.unit.text(self.value)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The probability of a disease, in [0, 1], and the one from which a study is flagged; None where none is set."""

    of: Disease
    probability: float
    threshold: float | None

    @property
    def text(self) -> str:
        """The probability as people read it beside other words; never as certain."""
        return PROBABILITY.text(self.probability)

    def text_beside(self, bound: float) -> str:
        """Return the same where a bound is read beside it: never on the other side of it."""
        return PROBABILITY.text(self.probability, (bound,))


@dataclass(frozen=True, slots=True)
class Grade:
    """A level of a scale that is read as "CT-2"."""

    level: int
    scale: str

    def __str__(self) -> str:
        return f"{self.scale}-{self.level}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    `urgency` in [0, 1] is what a triage scheme cuts; of a chest CT the affected share of the worse lung. `suspicion` is
    None where the engine gives no probability. `grade` is None where the examination has no grades.
    """

    urgency: float
    suspicion: Suspicion | None
    measurements: tuple[Measurement, ...]
    grade: Grade | None
    engine: str
    quality: tuple[QualityFlag, ...] = ()

    @property
    def probability(self) -> float | None:
        """The probability of what is suspected."""
        return None if self.suspicion is None else self.suspicion.probability

    def value(self, concept: Concept, site: Site | None = None) -> float | None:
        """Return a number, None where it was not measured."""
        found = (each.value for each in self.measurements if each.concept == concept and each.site == site)
        return next(found, None)

    def by_site(self, concept: Concept) -> Mapping[Site, float]:
        """Return a number of every part of which it was measured, in the order in which it was."""
        return {each.site: each.value for each in self.measurements if each.concept == concept and each.site}

    def by_part(self) -> Mapping[Site, float]:
        """Return the affected share of each part that was told apart, whichever share the examination measures."""
        shares = (self.by_site(concept) for concept in PART_SHARES)
        return next((parts for parts in shares if parts), {})

    def listed(self, output: Output, elsewhere: Collection[Concept]) -> tuple[Measurement, ...]:
        """Return the measurements that go to an output, but for those it shows `elsewhere` and those of `moved_by`."""
        return tuple(
            each
            for each in self.measurements
            if output in each.concept.outputs
            and each.concept not in elsewhere
            and feature_that_moved(each.concept) is None
        )

    @property
    def moved_by(self) -> str:
        """Which features moved the probability most, and how far, in words; empty where no engine tells it."""
        moved = ((feature_that_moved(each.concept), each.text) for each in self.measurements)
        return ", ".join(f"{feature.words} ({text})" for feature, text in moved if feature is not None)

    @property
    def service(self) -> Service:
        """What was done: an estimate was made from an X-ray, everything else was measured on a CT."""
        return SERVICE if self.value(ESTIMATED_SEVERITY) is None else XRAY_SERVICE

    def numbers(self, output: Output) -> tuple[Measurement, ...]:
        """Return what goes to an output: the suspicion as numbers, then the measurements, in their order."""
        return tuple(each for each in (*self._suspected(), *self.measurements) if output in each.concept.outputs)

    def fields(self, output: Output) -> Mapping[str, float]:
        """Return the numbers that go to an output, by their names in JSON."""
        return {each.field: each.value for each in self.numbers(output)}

    def _suspected(self) -> tuple[Measurement, ...]:
        if self.suspicion is None:
            return ()
        of = self.suspicion.of
        probability = Measurement(of.probability, self.suspicion.probability)
        if self.suspicion.threshold is None:
            return (probability,)
        return probability, Measurement(of.threshold, self.suspicion.threshold)
