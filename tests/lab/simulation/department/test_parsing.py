"""A department is what its texts say, and what cannot be read is refused with what was expected."""

from __future__ import annotations

import math

import pytest

from tests.lab.simulation.department.wards import said, ward
from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import CHEST_CT_BY_HOUR
from triaged.lab.simulation.department.command import usual_of
from triaged.lab.simulation.department.lengths import Length
from triaged.lab.simulation.department.model import DEFAULT_READING, State
from triaged.lab.simulation.department.parsing import (
    accuracy_of,
    reading_of,
    seconds_of,
    sensitivity_of,
    severities_of,
)
from triaged.lab.simulation.site import Readers, Truth
from triaged.study.modalities import Stratum

CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH


def test_sites_have_rates_requests_and_cases_of_their_own() -> None:
    night = "/".join(["1"] * 8 + ["5"] * 12 + ["1"] * 4)
    found = ward(
        said(
            "city,per_hour=6,xrays=0.5,stat=0.2,prevalence=0.3,xray_prevalence=0.01",
            f"clinic,per_hour={night},group=far",
            "day,per_hour=2,profile=day",
            groups=("near=2", "far=1" + ",0" * 23),
        )
    )
    city, clinic, day = found.places
    assert (city.group, clinic.group, day.group) == ("near", "far", "near")
    assert [group.readers for group in found.groups] == [Readers((2,) * 24), Readers((1,) + (0,) * 23)]
    assert (city.arrivals.per_hour, city.arrivals.orders.stat) == ((6.0,) * 24, 0.2)
    assert clinic.arrivals.per_day == 1 * 12 + 5 * 12
    assert day.arrivals.per_day == pytest.approx(48)
    assert day.arrivals.per_hour[9] / day.arrivals.per_hour[1] == CHEST_CT_BY_HOUR[9] / CHEST_CT_BY_HOUR[1]
    ill = {
        stratum: math.fsum(
            case.weight
            for case in city.cases
            if case.stratum is stratum and case.truth not in (Truth.NORMAL, Truth.OTHER_URGENT)
        )
        for stratum in Stratum
    }
    assert ill == pytest.approx({CT: 0.15, XRAY: 0.005})
    assert {case.stratum for case in clinic.cases} == {CT}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("city", "expected NAME,per_hour=N"),
        ("per_hour=3", "expected NAME,per_hour=N"),
        ("city,per_hour=3,beds=4", "expected NAME,per_hour=N"),
        ("city,per_hour=3,per_hour=4", "each once"),
        ("city,per_hour=x", "per_hour: expected a number, found 'x'"),
        ("city,per_hour=0", "per_hour: expected one number, or 24"),
        ("city,per_hour=1/2", "per_hour: expected one number, or 24"),
        ("city,per_hour=-1", "per_hour: expected one number, or 24"),
        ("city,per_hour=1,profile=night", "profile: expected flat, or day"),
        ("city,per_hour=1,xrays=1.5", "xrays: expected a share between 0 and 1"),
        ("city,per_hour=1,stat=0.7,high=0.7", "--site city: expected shares of orders"),
        ("city,per_hour=1,group=other", "sites of these groups, found .*unknown other"),
    ],
)
def test_what_is_no_site_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        ward(said(text))


def test_names_are_there_once() -> None:
    with pytest.raises(ConfigError, match="different names"):
        ward(said("a,per_hour=1", "a,per_hour=2"))
    with pytest.raises(ConfigError, match="different names"):
        ward(said("a,per_hour=1", groups=("r=1", "r=2")))


@pytest.mark.parametrize("text", ["3", "=3", "r=x", "r=0", "r=1,2"])
def test_what_is_no_group_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"(?i)readers"):
        ward(said("a,per_hour=1", groups=(text,)))


def test_what_says_more_precisely_of_which_studies_a_length_is_counts() -> None:
    found = reading_of(["fixed:8", "x-ray=fixed:2", "/stat=fixed:5", "CT/flagged=fixed:15"])
    assert {key: length.mean_min for key, length in found.items()} == {
        (CT, State.FLAGGED): 15,
        (CT, State.NOT_FLAGGED): 8,
        (CT, State.UNSCORED): 8,
        (CT, State.STAT): 5,
        (XRAY, State.FLAGGED): 2,
        (XRAY, State.NOT_FLAGGED): 2,
        (XRAY, State.UNSCORED): 2,
        (XRAY, State.STAT): 5,
    }
    assert reading_of([])[XRAY, State.FLAGGED] == DEFAULT_READING[XRAY]
    assert reading_of(["x-ray=fixed:2"])[CT, State.STAT] == DEFAULT_READING[CT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mri=fixed:3", "expected ct or x-ray before the /, found 'mri=fixed:3'"),
        ("ct/late=fixed:3", "expected flagged, not-flagged, unscored, stat after the /"),
        ("ct=slow", r"expected \[MODALITY"),
    ],
)
def test_what_is_no_reading_time_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        reading_of([text])


def test_scoring_is_in_seconds_by_modality() -> None:
    assert seconds_of(["x-ray=fixed:6"], "fixed:30") == {CT: Length.parse("fixed:0.5"), XRAY: Length.parse("fixed:0.1")}
    assert seconds_of(["fixed:6"], "fixed:30") == dict.fromkeys(Stratum, Length.parse("fixed:0.1"))


def test_an_auc_gives_the_sensitivity_of_two_normal_scores() -> None:
    assert sensitivity_of(0.5, 0.9) == pytest.approx(0.1)
    assert sensitivity_of(0.9, 0.5) == pytest.approx(0.9650, abs=1e-4)
    area = sum(sensitivity_of(0.85, (number + 0.5) / 2000) for number in range(2000)) / 2000
    assert area == pytest.approx(0.85, abs=1e-4)
    assert accuracy_of(0.1, None, 0.8, None).sensitivity == 0.9
    assert accuracy_of(0.1, None, 0.5, 0.9).sensitivity == sensitivity_of(0.9, 0.5)
    with pytest.raises(ConfigError, match="a sensitivity or an AUC, found both"):
        accuracy_of(0.1, 0.9, 0.8, 0.9)
    with pytest.raises(ConfigError, match="between 0 and 1 beside an AUC"):
        accuracy_of(0.1, None, 1.0, 0.9)


def test_shares_that_make_no_whole_are_refused() -> None:
    assert severities_of("0.1,0.2,0.3,0.4") == (0.1, 0.2, 0.3, 0.4)
    for text in ("0.5,0.5", "0.1,0.2,0.3,0.5", "1.1,-0.1,0,0", "a,b,c,d"):
        with pytest.raises(ConfigError, match="--severities"):
            severities_of(text)
    flag = 0.1, None, 0.9, None
    with pytest.raises(ConfigError, match="--stat, --high"):
        usual_of(0.6, 0.6, flag, flag, None)
