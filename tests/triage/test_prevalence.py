"""What a flag is worth follows Bayes; the worked example is that of the specification, section 2.3.6."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.study.modalities import Stratum
from triaged.triage.prevalence import OperatingPoint, Worth, flagged_share, predictive_value, specificity_needed, worth

EXAMPLE = OperatingPoint(sensitivity=0.95, specificity=0.73)


def test_at_two_per_cent_prevalence_fourteen_flags_of_fifteen_are_false() -> None:
    found = worth(0.02, EXAMPLE)
    assert found.predictive_value == pytest.approx(0.067, abs=5e-4)
    assert found.flagged == pytest.approx(0.28, abs=5e-3)
    assert found.warning == (
        "at a prevalence of 2 % only 6.7 % of flagged CTs have the disease, and 28 % of all CTs are flagged"
    )
    assert found.action == (
        "raise the threshold until the specificity is at least 0.922 (now 0.730; some sensitivity is lost), "
        "or order by severity alone"
    )


def test_where_the_disease_is_common_nothing_is_said() -> None:
    assert worth(0.26, EXAMPLE) == Worth(predictive_value(0.26, EXAMPLE), flagged_share(0.26, EXAMPLE))


def test_what_nobody_measured_is_unknown() -> None:
    found = worth(0.02, None)
    assert (found.predictive_value, found.flagged) == (None, None)
    assert "unknown" in found.warning
    assert "triaged model accept" in found.action


def test_a_flag_of_an_x_ray_has_a_worth_of_its_own() -> None:
    found, of_a_ct = worth(0.02, EXAMPLE, Stratum.RADIOGRAPH), worth(0.02, EXAMPLE)
    assert (found.predictive_value, found.action) == (of_a_ct.predictive_value, of_a_ct.action)
    assert "only 6.7 % of flagged X-rays have an opacity, and 28 % of all X-rays are flagged" in found.said()
    assert "triaged model accept" not in worth(0.02, None, Stratum.RADIOGRAPH).action
    assert worth(0.1, OperatingPoint(0.0, 1.0), Stratum.RADIOGRAPH).said() == "no X-ray is ever flagged"


def test_a_flag_that_is_never_raised_has_no_worth() -> None:
    found = worth(0.1, OperatingPoint(0.0, 1.0))
    assert (found.predictive_value, found.flagged, found.warning) == (None, 0.0, "")
    assert worth(0.0, EXAMPLE).action == "order by severity alone"


@given(st.floats(0.001, 0.999), st.floats(0.01, 1), st.floats(0, 1))
def test_counts_of_a_population_give_the_same(prevalence: float, sensitivity: float, specificity: float) -> None:
    measured = OperatingPoint(sensitivity, specificity)
    sick, well = 1e6 * prevalence, 1e6 * (1 - prevalence)
    right, wrong = sick * sensitivity, well - well * specificity
    assert flagged_share(prevalence, measured) == pytest.approx((right + wrong) / 1e6)
    assert predictive_value(prevalence, measured) == pytest.approx(right / (right + wrong))


@given(st.floats(0.01, 0.5), st.floats(0.1, 1), st.floats(0.5, 0.99))
def test_the_specificity_asked_for_reaches_the_worth_asked_for(prevalence: float, se: float, value: float) -> None:
    needed = specificity_needed(prevalence, se, value)
    if needed >= 0:
        assert predictive_value(prevalence, OperatingPoint(se, needed)) == pytest.approx(value)


@pytest.mark.parametrize(("sensitivity", "specificity"), [(1.2, 0.5), (0.5, -0.1)])
def test_what_is_no_share_is_refused(sensitivity: float, specificity: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        OperatingPoint(sensitivity, specificity)
    with pytest.raises(ValueError, match="prevalence"):
        worth(2.0, EXAMPLE)
