"""The vocabulary of radiomic features: codes that others know, names that stored results rest on, words for readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydicom.sr.codedict import codes

from tests.findings import finding_of
from triaged.study.coding import CHANGE_OF_PROBABILITY, PRIVATE_SCHEME, RATIO, Output
from triaged.study.concepts import CONCEPTS, concept_named
from triaged.study.finding import Measurement
from triaged.study.radiomics import (
    BANDS,
    FEATURES,
    IBSI,
    LESION_FEATURES,
    MOVED_BY,
    RADIOMIC_CONCEPTS,
    RADIOMICS,
    feature_that_moved,
)

STATISTICS = {
    "mean": "Q4LE",
    "variance": "ECT3",
    "skewness": "KE2A",
    "kurtosis": "IPH6",
    "median": "Y12H",
    "minimum": "1GSF",
    "percentile_10": "QG58",
    "percentile_90": "8DWT",
    "maximum": "84IY",
    "interquartile_range": "SALO",
    "range": "2OJQ",
    "mean_absolute_deviation": "4FUA",
    "robust_mean_absolute_deviation": "1128",
    "energy": "N8CA",
    "root_mean_square": "5ZWQ",
}
"""Intensity-based statistics (IBSI reference manual, 3.3), which pydicom's dictionary lacks."""
WITHOUT_CODE = {"firstorder_total_energy", "glcm_maximal_correlation_coefficient"}
KEYWORDS = {
    "firstorder_entropy": "IntensityHistogramEntropy",
    "firstorder_uniformity": "IntensityHistogramUniformity",
    "glcm_information_correlation_1": "FirstMeasureOfInformationCorrelationOfGLCM",
    "glcm_information_correlation_2": "SecondMeasureOfInformationCorrelationOfGLCM",
    "glrlm_grey_level_non_uniformity": "GrayLevelNonuniformityInRuns",
    "glrlm_normalised_grey_level_non_uniformity": "NormalizedGrayLevelNonuniformityInRuns",
    "glrlm_grey_level_variance": "GrayLevelVarianceInRuns",
    "glszm_grey_level_non_uniformity": "GrayLevelNonuniformityOfSizeZoneCounts",
    "glszm_normalised_grey_level_non_uniformity": "NormalizedGrayLevelNonuniformityOfSizeZoneCounts",
    "glszm_zone_percentage": "SizeZonePercentage",
    "glszm_zone_size_entropy": "ZoneSizeEntropy",
    "glszm_grey_level_variance": "GrayLevelVarianceInSizeZones",
}
"""pydicom's keyword where it does not follow from the name."""


def keyword(name: str) -> str:
    """Return how pydicom's dictionary spells a feature."""
    if name in KEYWORDS:
        return KEYWORDS[name]
    family, _, plain = name.partition("_")
    spelt = plain.replace("non_uniformity", "nonuniformity").replace("grey", "gray").replace("normalised", "normalized")
    return "".join(word.capitalize() for word in spelt.split("_")) + ("OfGLCM" if family == "glcm" else "")


def test_each_feature_of_the_ct_has_the_code_of_pydicoms_dictionary_or_of_the_manual() -> None:
    for name, concept in RADIOMICS.items():
        family, _, plain = name.partition("_")
        if family == "coif1":
            continue
        if name in WITHOUT_CODE:
            assert concept.code.scheme == PRIVATE_SCHEME
        elif family == "firstorder" and plain in STATISTICS:
            assert (concept.code.value, concept.code.scheme) == (STATISTICS[plain], IBSI)
        else:
            assert concept.code.value == getattr(codes.IBSI, keyword(name)).value, name
            assert concept.code.scheme == IBSI


def test_a_filtered_feature_never_has_the_code_of_the_plain_one() -> None:
    banded = {name: each for name, each in RADIOMICS.items() if name.startswith("coif1_")}
    assert len(banded) == 8 * 40
    for name, concept in banded.items():
        assert concept.code.scheme == PRIVATE_SCHEME
        assert name.split("_")[1] in BANDS
        assert f"coif1 {name.split('_')[1]} " in concept.code.meaning


def test_no_two_concepts_share_a_code_and_all_fit_into_a_code_sequence() -> None:
    coded = [(each.code.value, each.code.scheme) for each in (*RADIOMIC_CONCEPTS.values(), *CONCEPTS.values())]
    own = coded[: len(RADIOMIC_CONCEPTS)]
    assert len(set(own)) == len(own) == 2 * (394 + 24)
    assert not set(own) & set(coded[len(own) :])
    assert all(len(each.code.value) <= 16 and len(each.code.meaning) <= 64 for each in RADIOMIC_CONCEPTS.values())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("firstorder_energy", "N8CA"),
        ("firstorder_total_energy", "RADIOMIC_002"),
        ("glcm_contrast", "ACUI"),
        ("coif1_LLL_glcm_joint_maximum", "RADIOMIC_075"),
        ("coif1_HHH_glrlm_run_entropy", "RADIOMIC_394"),
        ("moved_by_firstorder_energy", "MOVED_BY_001"),
        ("moved_by_coif1_HHH_glrlm_run_entropy", "MOVED_BY_394"),
        ("lesions_share_of_worse_lung", "LESIONS_01"),
        ("lesions_rest_glass", "LESIONS_24"),
        ("moved_by_lesions_rest_glass", "MOVED_BY_418"),
    ],
)
def test_a_stored_number_is_found_by_its_name_with_the_code_that_it_had(name: str, code: str) -> None:
    assert concept_named(name).name == name
    assert concept_named(name).code.value == code


def test_features_go_into_reports_alone_and_never_to_the_list_or_into_hl7() -> None:
    assert {each.outputs for each in FEATURES.values()} == {frozenset({Output.REPORT})}
    assert {each.outputs for each in MOVED_BY.values()} == {frozenset({Output.REPORT, Output.WORDS, Output.PAGE})}


def test_what_moved_the_probability_is_said_in_the_words_of_the_features() -> None:
    finding = finding_of(
        identification=0.81,
        identification_threshold=0.5,
        severity=0.1,
        severity_right=None,
        severity_left=None,
        severity_total=0.1,
        right_lung_ml=None,
        left_lung_ml=None,
        lungs_ml=4000.0,
        lesion_ml=400.0,
        dense_share=0.2,
        grade=1,
        engine="trees 1",
    )
    assert finding.moved_by == ""
    moved = ("firstorder_entropy", 0.1249), ("coif1_LLH_glcm_contrast", -0.0304)
    measured = (Measurement(RADIOMICS["firstorder_mean"], -800.0), *(Measurement(MOVED_BY[n], v) for n, v in moved))
    explained = type(finding)(
        finding.urgency, finding.suspicion, (*finding.measurements, *measured), finding.grade, finding.engine
    )
    assert explained.moved_by == (
        "entropy of grey levels (+0.12), contrast of grey-level co-occurrence in sub-band LLH (-0.03)"
    )
    assert feature_that_moved(MOVED_BY["firstorder_entropy"]) is RADIOMICS["firstorder_entropy"]
    assert feature_that_moved(RADIOMICS["firstorder_entropy"]) is None


@pytest.mark.parametrize("value", [1.23456789e-7, 123456.789, 4.5e11, -860.1234])
def test_a_feature_of_any_size_keeps_six_digits_in_a_report(value: float) -> None:
    assert RATIO.reported(value) == pytest.approx(value, rel=5e-6)
    assert len(repr(RATIO.reported(value))) <= 16
    assert float(RATIO.text(value)) == pytest.approx(value, rel=5e-6)


def test_a_change_is_shown_with_its_sign() -> None:
    assert [CHANGE_OF_PROBABILITY.text(value) for value in (0.121, -0.121, 0.0)] == ["+0.12", "-0.12", "+0.00"]
    assert all(re.fullmatch(r"[A-Z0-9_]+", each.code.value) for each in RADIOMIC_CONCEPTS.values())


def test_the_conformance_statement_names_every_range_of_private_codes() -> None:
    told = (Path(__file__).parents[2] / "docs/conformance.md").read_text(encoding="utf-8")
    for last in (f"LESIONS_{len(LESION_FEATURES):02d}", f"RADIOMIC_{len(RADIOMICS)}", f"MOVED_BY_{len(FEATURES)}"):
        assert f"to `{last}`" in told
