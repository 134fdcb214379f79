"""What features of lungs and lesions mean: tables of coded concepts, and how far each moved a probability.

394 are radiomic features of the lungs, 24 tell what is affected of them.

The names are the store's, and never change, nor does their order: private codes count along it. A feature of the CT
itself has the code of the Image Biomarker Standardisation Initiative (IBSI) where there is one; one of a sub-band has a
private code, since the value is of a filtered image. Knows no values.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

from triaged.study.coding import (
    CHANGE_OF_PROBABILITY,
    COUNT,
    FEATURE_SHARE,
    HOUNSFIELD,
    HOUNSFIELD_SQUARED,
    HOUNSFIELD_VOLUME,
    MILLIMETRE,
    RATIO,
    Code,
    Concept,
    Output,
    Unit,
    private,
)

IBSI: Final = "IBSI"
WAVELET: Final = "coif1"
BANDS: Final = tuple("".join(name) for name in product("LH", repeat=3))
"""Names of the sub-bands: low or high frequencies along columns (x), rows (y) and slices (z)."""

FIRST_ORDER: Final[Mapping[str, str]] = {
    "energy": "N8CA",
    "total_energy": "",
    "entropy": "TLU2",
    "uniformity": "BJ5W",
    "minimum": "1GSF",
    "percentile_10": "QG58",
    "median": "Y12H",
    "percentile_90": "8DWT",
    "maximum": "84IY",
    "interquartile_range": "SALO",
    "range": "2OJQ",
    "mean": "Q4LE",
    "mean_absolute_deviation": "4FUA",
    "robust_mean_absolute_deviation": "1128",
    "root_mean_square": "5ZWQ",
    "variance": "ECT3",
    "skewness": "KE2A",
    "kurtosis": "IPH6",
}
"""Features of the values, in their order, with their IBSI codes (reference manual, 3.3, 3.4); empty where none is."""
GLCM: Final[Mapping[str, str]] = {
    "joint_maximum": "GYBY",
    "joint_average": "60VM",
    "joint_variance": "UR99",
    "angular_second_moment": "8ZQL",
    "autocorrelation": "QWB0",
    "correlation": "NI2N",
    "difference_average": "TF7R",
    "difference_variance": "D3YU",
    "difference_entropy": "NTRS",
    "contrast": "ACUI",
    "inverse_difference": "IB1Z",
    "normalised_inverse_difference": "NDRX",
    "inverse_difference_moment": "WF0Z",
    "normalised_inverse_difference_moment": "1QCO",
    "inverse_variance": "E8JP",
    "sum_average": "ZGXS",
    "sum_entropy": "P6QZ",
    "cluster_tendency": "DG8W",
    "cluster_shade": "7NFM",
    "cluster_prominence": "AE86",
    "joint_entropy": "TU9B",
    "information_correlation_1": "R8DG",
    "information_correlation_2": "JN9H",
    "maximal_correlation_coefficient": "",
}
"""Features of grey level co-occurrence (3.6)."""
GLRLM: Final[Mapping[str, str]] = {
    "short_runs_emphasis": "22OV",
    "long_runs_emphasis": "W4KF",
    "low_grey_level_run_emphasis": "V3SW",
    "high_grey_level_run_emphasis": "G3QZ",
    "short_run_low_grey_level_emphasis": "HTZT",
    "short_run_high_grey_level_emphasis": "GD3A",
    "long_run_low_grey_level_emphasis": "IVPO",
    "long_run_high_grey_level_emphasis": "3KUM",
    "grey_level_non_uniformity": "R5YN",
    "normalised_grey_level_non_uniformity": "OVBL",
    "run_length_non_uniformity": "W92Y",
    "normalised_run_length_non_uniformity": "IC23",
    "run_percentage": "9ZK5",
    "grey_level_variance": "8CE5",
    "run_length_variance": "SXLW",
    "run_entropy": "HJ9O",
}
"""Features of grey level runs (3.7)."""
GLSZM: Final[Mapping[str, str]] = {
    "small_zone_emphasis": "5QRC",
    "large_zone_emphasis": "48P8",
    "low_grey_level_zone_emphasis": "XMSY",
    "high_grey_level_zone_emphasis": "5GN9",
    "small_zone_low_grey_level_emphasis": "5RAI",
    "small_zone_high_grey_level_emphasis": "HW1V",
    "large_zone_low_grey_level_emphasis": "YH51",
    "large_zone_high_grey_level_emphasis": "J17V",
    "grey_level_non_uniformity": "JNSA",
    "normalised_grey_level_non_uniformity": "Y1RO",
    "zone_size_non_uniformity": "4JP3",
    "normalised_zone_size_non_uniformity": "VB3A",
    "zone_percentage": "P30P",
    "grey_level_variance": "BYLV",
    "zone_size_variance": "3NSA",
    "zone_size_entropy": "GU8N",
}
"""Features of grey level size zones (3.8)."""

LESIONS: Final[Mapping[str, tuple[Unit, str]]] = {
    "share_of_worse_lung": (FEATURE_SHARE, "share of the worse lung that is affected"),
    "share_of_other_lung": (FEATURE_SHARE, "share of the other lung that is affected"),
    "balance": (RATIO, "balance of both lungs"),
    "patches": (COUNT, "number of patches"),
    "spots": (COUNT, "number of spots"),
    "largest_share": (FEATURE_SHARE, "share of the largest patch in all lesions"),
    "effective_pieces": (RATIO, "effective number of pieces"),
    "largest_dense": (FEATURE_SHARE, "dense share of the largest patch"),
    "mean_hu": (HOUNSFIELD, "mean HU of lesions"),
    "percentile_10_hu": (HOUNSFIELD, "10th percentile of HU of lesions"),
    "deviation_hu": (HOUNSFIELD, "standard deviation of HU of lesions"),
    "glass": (FEATURE_SHARE, "share of ground glass in lesions"),
    "dense": (FEATURE_SHARE, "dense share of lesions"),
    "contrast_hu": (HOUNSFIELD, "HU of lesions above their border"),
    "depth_mm": (MILLIMETRE, "mean depth of lesions in the lung"),
    "peripheral": (FEATURE_SHARE, "share of lesions near the surface of the lung"),
    "core_dense": (FEATURE_SHARE, "dense share of lesions away from the surface"),
    "height": (RATIO, "height of lesions in the lung"),
    "posterior": (RATIO, "position of lesions to the back"),
    "span": (FEATURE_SHARE, "share of the lungs' height that lesions span"),
    "slices": (FEATURE_SHARE, "share of slices with lesions"),
    "rest_mean_hu": (HOUNSFIELD, "mean HU of the unaffected lung"),
    "rest_deviation_hu": (HOUNSFIELD, "standard deviation of HU of the unaffected lung"),
    "rest_glass": (FEATURE_SHARE, "share of the unaffected lung as dense as ground glass"),
}
"""Features of what is affected, in their order, with unit and words; defined in docs/features.md."""

_OF_LUNGS: Final = {"firstorder": FIRST_ORDER, "glcm": GLCM, "glrlm": GLRLM, "glszm": GLSZM}
_OF_BANDS: Final = {"glcm": GLCM, "glrlm": GLRLM}
_UNITS: Final[Mapping[str, Unit]] = {
    **dict.fromkeys(FIRST_ORDER, HOUNSFIELD),
    **dict.fromkeys(("entropy", "uniformity", "skewness", "kurtosis"), RATIO),
    "energy": HOUNSFIELD_SQUARED,
    "total_energy": HOUNSFIELD_VOLUME,
    "variance": HOUNSFIELD_SQUARED,
}
_OF_GREY_LEVELS: Final = frozenset({"entropy", "uniformity"})
_WHAT: Final = {"glcm": "grey-level co-occurrence", "glrlm": "grey-level runs", "glszm": "grey-level zones"}
_MOVED: Final = "moved_by_"
_IN_REPORTS: Final = frozenset({Output.REPORT})
"""Numbers for those who compare engines: nobody orders a list by them, and few readers know one."""


def _of_lungs(number: int, family: str, name: str, ibsi: str) -> Concept:
    """Return the concept of a feature of the CT; `number` is its place among all features, from 1 on."""
    plain = name.replace("_", " ")
    what = _WHAT.get(family, "grey levels" if name in _OF_GREY_LEVELS else "HU")
    code = Code(ibsi, IBSI, f"{plain.capitalize()} of {family.upper() if family in _WHAT else what}")
    unit = _UNITS[name] if family == "firstorder" else RATIO
    coded = code if ibsi else _private(number, code.meaning)
    return Concept(f"{family}_{name}", coded, unit, f"{plain} of {what}", outputs=_IN_REPORTS)


def _of_band(number: int, band: str, family: str, name: str) -> Concept:
    """Return the concept of a feature of a sub-band."""
    plain = name.replace("_", " ")
    code = _private(number, f"{WAVELET} {band} {family.upper()} {plain}")
    words = f"{plain} of {_WHAT[family]} in sub-band {band}"
    return Concept(f"{WAVELET}_{band}_{family}_{name}", code, RATIO, words, outputs=_IN_REPORTS)


def _private(number: int, meaning: str) -> Code:
    return private(f"RADIOMIC_{number:03d}", meaning)


def _features() -> tuple[Concept, ...]:
    own = [(family, name, ibsi) for family, names in _OF_LUNGS.items() for name, ibsi in names.items()]
    banded = [(band, family, name) for band in BANDS for family, names in _OF_BANDS.items() for name in names]
    return (
        *(_of_lungs(number, *each) for number, each in enumerate(own, start=1)),
        *(_of_band(number, *each) for number, each in enumerate(banded, start=len(own) + 1)),
    )


def _of_lesions(number: int, name: str, unit: Unit, words: str) -> Concept:
    meaning = words[0].upper() + words[1:]
    return Concept(f"lesions_{name}", private(f"LESIONS_{number:02d}", meaning), unit, words, outputs=_IN_REPORTS)


def _change(number: int, feature: Concept) -> Concept:
    return Concept(
        f"{_MOVED}{feature.name}",
        private(f"MOVED_BY_{number:03d}", f"P moved by {feature.code.meaning}"),
        CHANGE_OF_PROBABILITY,
        f"probability moved by {feature.words}",
        outputs=frozenset({Output.REPORT, Output.WORDS, Output.PAGE}),  # explains a probability, to who reads it
    )


RADIOMICS: Final[Mapping[str, Concept]] = {each.name: each for each in _features()}
"""The radiomic features by name, in their order; a report has those that the engine's probability rests on."""
LESION_FEATURES: Final[Mapping[str, Concept]] = {
    each.name: each for each in (_of_lesions(n, name, *of) for n, (name, of) in enumerate(LESIONS.items(), start=1))
}
"""The features of what is affected, in their order."""
FEATURES: Final[Mapping[str, Concept]] = {**RADIOMICS, **LESION_FEATURES}
"""All that a classifier may use."""
MOVED_BY: Final[Mapping[str, Concept]] = {
    name: _change(number, feature) for number, (name, feature) in enumerate(FEATURES.items(), start=1)
}
"""By name of a feature: how much higher the probability is than it were if this feature alone had a usual value."""
RADIOMIC_CONCEPTS: Final[Mapping[str, Concept]] = {**FEATURES, **{each.name: each for each in MOVED_BY.values()}}
"""All of these by the names that the store keeps them under."""


def feature_that_moved(concept: Concept) -> Concept | None:
    """Return the feature whose influence a concept is; None where it is none."""
    return FEATURES.get(concept.name.removeprefix(_MOVED)) if concept.name.startswith(_MOVED) else None
