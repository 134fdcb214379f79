"""A study whose engine explains its probability by features, for tests of what is told of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.results.ct_study import CtStudy, standard_study
from triaged.study import radiomics
from triaged.study.finding import Measurement

FEATURES = {
    "firstorder_entropy": 4.21,
    "firstorder_total_energy": 1.23456789e13,
    "glcm_maximal_correlation_coefficient": 0.000123456,
    "coif1_LLH_glcm_contrast": 2.5,
    "lesions_share_of_worse_lung": 0.0327,
    "lesions_balance": 0.366,
    "lesions_patches": 8.0,
    "lesions_mean_hu": -494.869,
    "lesions_depth_mm": 10.2389,
}
MOVED = {"firstorder_entropy": 0.1249, "coif1_LLH_glcm_contrast": -0.0304, "lesions_balance": 0.025}
WORDS = (
    "entropy of grey levels (+0.12), contrast of grey-level co-occurrence in sub-band LLH (-0.03), "
    "balance of both lungs (+0.03)"
)


@cache
def explained_study() -> CtStudy:
    """Return the standard study with features, and with what two of them moved."""
    study = standard_study()
    finding = study.reading.finding
    measured = (
        *(Measurement(radiomics.FEATURES[name], value) for name, value in FEATURES.items()),
        *(Measurement(radiomics.MOVED_BY[name], value) for name, value in MOVED.items()),
    )
    finding = replace(finding, measurements=(*finding.measurements, *measured))
    return replace(study, reading=replace(study.reading, finding=finding))
