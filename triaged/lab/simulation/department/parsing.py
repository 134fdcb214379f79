"""Reads a department from the short texts of a command line.

A site is `NAME,per_hour=6,xrays=0.7,…`, a reading group `NAME=2` or `NAME=` with 24 numbers, a length
`lognormal:12:7`, one of some studies only `ct=…` or `ct/flagged=…`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import HourlyPoisson, OrderShares, poisson_day
from triaged.lab.simulation.assumed import Accuracy, Xrays, gated_cases, with_xrays
from triaged.lab.simulation.department.lengths import EXPECTED, Length
from triaged.lab.simulation.department.model import DEFAULT_READING, Place, ReadingGroup, ReadingTimes, State
from triaged.lab.simulation.site import Readers
from triaged.study.modalities import Stratum

MODALITIES: Final = {"ct": Stratum.VOLUME, "x-ray": Stratum.RADIOGRAPH}
SECOND_MIN: Final = 1 / 60
KEYS: Final = ("per_hour", "profile", "group", "xrays", "stat", "high", "prevalence", "xray_prevalence")


@dataclass(frozen=True, slots=True)
class Usual:
    """What holds for a site that does not say otherwise."""

    group: str
    orders: OrderShares
    accuracy: Accuracy
    xray_accuracy: Accuracy
    severities: tuple[float, ...] | None = None


def sensitivity_of(auc: float, specificity: float) -> float:
    """Return the sensitivity at a specificity, where scores of both kinds of patients are normal with one deviation."""
    normal = NormalDist()
    return normal.cdf(math.sqrt(2) * normal.inv_cdf(auc) - normal.inv_cdf(specificity))


def accuracy_of(prevalence: float, sensitivity: float | None, specificity: float, auc: float | None) -> Accuracy:
    """Return how often the flag is right, its sensitivity given as such or by the area under the curve.

    Raises:
        ConfigError: both are given, or the area says nothing at this specificity.
    """
    if auc is None:
        return Accuracy(prevalence, Accuracy().sensitivity if sensitivity is None else sensitivity, specificity)
    if sensitivity is not None:
        raise ConfigError("expected a sensitivity or an AUC, found both")
    if not 0 < specificity < 1:
        raise ConfigError(f"expected a specificity between 0 and 1 beside an AUC, found {specificity:g}")
    return Accuracy(prevalence, sensitivity_of(auc, specificity), specificity)


def severities_of(text: str | None) -> tuple[float, ...] | None:
    """Return the shares of critical, severe, moderate and mild disease.

    Raises:
        ConfigError: they are not four, or do not make 1.
    """
    if text is None:
        return None
    shares = tuple(_number(part, "--severities") for part in text.split(","))
    if len(shares) != 4 or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise ConfigError(f"--severities: expected four shares that make 1, most severe first, found {text!r}")
    return shares


def group_of(text: str) -> ReadingGroup:
    """Return a reading group.

    Raises:
        ConfigError: the text is none.
    """
    name, _, readers = text.rpartition("=")
    if not name.strip():
        raise ConfigError(f"--group: expected NAME=READERS, found {text!r}")
    return ReadingGroup(name.strip(), Readers.parse(readers))


def place_of(text: str, usual: Usual) -> Place:
    """Return a site; what it does not say is as usual.

    Raises:
        ConfigError: the text is none, or a number cannot be.
    """
    name, *parts = (part.strip() for part in text.split(","))
    said = dict(part.partition("=")[::2] for part in parts)
    unknown = [key for key in said if key not in KEYS]
    if not name or "=" in name or unknown or len(said) < len(parts) or "per_hour" not in said:
        raise ConfigError(
            f"--site: expected NAME,per_hour=N and of {', '.join(KEYS[1:])} what differs, each once, found {text!r}"
        )

    def number(key: str, default: float) -> float:
        value = _number(said[key], f"--site {name}: {key}") if key in said else default
        if not 0 <= value <= 1:
            raise ConfigError(f"--site {name}: {key}: expected a share between 0 and 1, found {value:g}")
        return value

    try:
        orders = OrderShares(number("stat", usual.orders.stat), number("high", usual.orders.high))
    except ValueError as error:
        raise ConfigError(f"--site {name}: {error}") from None
    ct = replace(usual.accuracy, prevalence=number("prevalence", usual.accuracy.prevalence))
    xray = replace(usual.xray_accuracy, prevalence=number("xray_prevalence", usual.xray_accuracy.prevalence))
    share = number("xrays", 0.0)
    cases = gated_cases(ct, Stratum.VOLUME, usual.severities)
    if share:
        cases = with_xrays(cases, Xrays(share, xray))
    return Place(name, _arrivals(name, said, orders), cases, said.get("group", usual.group))


def reading_of(texts: Sequence[str]) -> ReadingTimes:
    """Return how long studies are read; what says more precisely of which studies it is counts.

    Raises:
        ConfigError: a text is no length, or of studies that there are not.
    """
    said: dict[tuple[Stratum | None, State | None], Length] = {}
    for text in texts:
        of, _, length = text.rpartition("=")
        modality, _, state = of.strip().partition("/")
        said[_stratum(modality, text), _state(state, text)] = _length(length, text, 1.0)
    times: dict[tuple[Stratum, State], Length] = {}
    for stratum in Stratum:
        for each in State:
            keys = ((stratum, each), (None, each), (stratum, None), (None, None))
            times[stratum, each] = next((said[key] for key in keys if key in said), DEFAULT_READING[stratum])
    return times


def seconds_of(texts: Sequence[str], default: str) -> Mapping[Stratum, Length]:
    """Return lengths that are written in seconds, by modality.

    Raises:
        ConfigError: a text is no length, or of studies that there are not.
    """
    usual = Length.parse(default, SECOND_MIN)
    said: dict[Stratum | None, Length] = {}
    for text in texts:
        modality, _, length = text.rpartition("=")
        said[_stratum(modality, text)] = _length(length, text, SECOND_MIN)
    return {stratum: said.get(stratum, said.get(None, usual)) for stratum in Stratum}


def _arrivals(name: str, said: Mapping[str, str], orders: OrderShares) -> HourlyPoisson:
    where = f"--site {name}: per_hour"
    rates = tuple(_number(part, where) for part in said["per_hour"].split("/"))
    profile = said.get("profile", "flat")
    if min(rates) < 0 or not sum(rates) or len(rates) not in (1, 24):
        raise ConfigError(f"{where}: expected one number, or 24 with / between them, found {said['per_hour']!r}")
    if profile not in ("flat", "day") or (len(rates) == 24 and profile != "flat"):
        raise ConfigError(f"--site {name}: profile: expected flat, or day beside one number, found {profile!r}")
    if profile == "day":
        return poisson_day(24 * rates[0], orders)
    return HourlyPoisson(rates * (24 // len(rates)), orders)


def _stratum(text: str, whole: str) -> Stratum | None:
    if text.strip() and text.strip().lower() not in MODALITIES:
        raise ConfigError(f"expected {' or '.join(MODALITIES)} before the /, found {whole!r}")
    return MODALITIES.get(text.strip().lower())


def _state(text: str, whole: str) -> State | None:
    try:
        return State(text.strip().lower()) if text.strip() else None
    except ValueError:
        raise ConfigError(f"expected {', '.join(State)} after the /, found {whole!r}") from None


def _length(text: str, whole: str, unit_min: float) -> Length:
    try:
        return Length.parse(text, unit_min)
    except ConfigError:
        raise ConfigError(f"expected [MODALITY[/STATE]=]LENGTH, a length being {EXPECTED}, found {whole!r}") from None


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{where}: expected a number, found {text!r}")
    return value
