"""Says what a flag is worth where the disease is rare, and what to do about it; pure policy.

Must not know where sensitivity and specificity were measured. What nobody measured stays unknown: no card of a package
states a specificity on patients, so that a site learns its own from `triaged model accept`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from triaged.study.modalities import Stratum

WORTH_IT: Final = 0.20
"""The share of flagged studies that should have the disease (a proposal): below, four flags of five are false."""

_SOUGHT: Final = {Stratum.VOLUME: "the disease", Stratum.RADIOGRAPH: "an opacity"}
_MEASURED: Final = {
    Stratum.VOLUME: "with `triaged model accept`",
    Stratum.RADIOGRAPH: "on X-rays of the site, some with an opacity and some without",
}


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How often a threshold tells the disease and its absence, as measured on studies like the site's.

    Raises:
        ValueError: one of the two is no share.
    """

    sensitivity: float
    specificity: float

    def __post_init__(self) -> None:
        if not (0 <= self.sensitivity <= 1 and 0 <= self.specificity <= 1):
            raise ValueError(f"expected shares between 0 and 1, found {self}")


@dataclass(frozen=True, slots=True)
class Worth:
    """What flags of a stratum are worth at a prevalence; None where that cannot be known.

    `warning` and `action` may be empty.
    """

    predictive_value: float | None
    flagged: float | None
    warning: str = ""
    action: str = ""
    stratum: Stratum = Stratum.VOLUME

    def said(self) -> str:
        """Return all of it in one sentence."""
        if self.warning:
            return f"{self.warning}; {self.action}"
        if self.predictive_value is None or self.flagged is None:
            return f"no {self.stratum} is ever flagged"
        return _shares(self.predictive_value, self.flagged, self.stratum)


def worth(prevalence: float, measured: OperatingPoint | None, stratum: Stratum = Stratum.VOLUME) -> Worth:
    """Return what a flag is worth at a site, with a warning and what to do where it is worth little or unknown.

    Both numbers are of one stratum: other patients are sent for a CT than for an X-ray, and another thing is flagged.

    Raises:
        ValueError: the prevalence is no share.
    """
    if not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence: expected a share between 0 and 1, found {prevalence}")
    if measured is None:
        return Worth(
            None,
            None,
            f"how often a flag is right among {stratum}s is unknown: sensitivity and specificity were not measured on "
            "studies like these",
            f"measure them {_MEASURED[stratum]}; until then order by severity",
            stratum,
        )
    flagged = flagged_share(prevalence, measured)
    value = predictive_value(prevalence, measured)
    if value is None or value >= WORTH_IT:
        return Worth(value, flagged, stratum=stratum)
    return Worth(
        value,
        flagged,
        f"at a prevalence of {_percent(prevalence)} only {_shares(value, flagged, stratum)}",
        _action(prevalence, measured),
        stratum,
    )


def predictive_value(prevalence: float, measured: OperatingPoint) -> float | None:
    """Return the share of flagged studies that have the disease; None where nothing is ever flagged."""
    flagged = flagged_share(prevalence, measured)
    return prevalence * measured.sensitivity / flagged if flagged > 0 else None


def flagged_share(prevalence: float, measured: OperatingPoint) -> float:
    """Return the share of the list that is flagged, rightly or not."""
    return prevalence * measured.sensitivity + (1 - prevalence) * (1 - measured.specificity)


def specificity_needed(prevalence: float, sensitivity: float, predictive_value: float) -> float:
    """Return the specificity from which flags are worth `predictive_value`, at an unchanged sensitivity.

    `prevalence` is below 1 and `predictive_value` above 0.
    """
    return 1 - prevalence * sensitivity * (1 / predictive_value - 1) / (1 - prevalence)


def _action(prevalence: float, measured: OperatingPoint) -> str:
    if prevalence == 0 or measured.sensitivity == 0:
        return "order by severity alone"
    needed = specificity_needed(prevalence, measured.sensitivity, WORTH_IT)
    return (
        f"raise the threshold until the specificity is at least {needed:.3f} (now {measured.specificity:.3f}; some "
        "sensitivity is lost), or order by severity alone"
    )


def _shares(value: float, flagged: float, stratum: Stratum) -> str:
    rightly = f"{_percent(value)} of flagged {stratum}s have {_SOUGHT[stratum]}"
    return f"{rightly}, and {_percent(flagged)} of all {stratum}s are flagged"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
