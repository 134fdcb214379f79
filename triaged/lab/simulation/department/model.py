"""What a department is: where studies come from, who reads them, how long that takes, and what scores them.

Must not know how any of it is written on a command line, nor any order of reading. Numbers that a site does not give
are proposals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from triaged.lab.simulation.arrivals import HourlyPoisson
from triaged.lab.simulation.department.lengths import Length, Shape
from triaged.lab.simulation.site import Case, Readers
from triaged.lab.simulation.waits import DISEASED
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import TriageOptions, classify

FLAGGED: Final = frozenset(
    {TriageClass.CRITICAL, TriageClass.SEVERE, TriageClass.SUSPECTED_MODERATE, TriageClass.SUSPECTED_MILD}
)
"""The classes of a study that its score puts forward."""


class State(StrEnum):
    """What a reader sees of a study when it is begun; the value is how it is written. STAT counts before the others."""

    FLAGGED = "flagged"
    NOT_FLAGGED = "not-flagged"
    UNSCORED = "unscored"
    STAT = "stat"


ReadingTimes = Mapping[tuple[Stratum, State], Length]
DEFAULT_READING: Final[Mapping[Stratum, Length]] = MappingProxyType(
    {
        Stratum.VOLUME: Length(Shape.LOGNORMAL, 11.7, 7.0),
        Stratum.RADIOGRAPH: Length(Shape.LOGNORMAL, 3.5, 2.1),
    }
)
"""As long as those of `triaged simulate`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site that sends studies: how many an hour with which requests, what they show, and who reads them."""

    name: str
    arrivals: HourlyPoisson
    cases: tuple[Case, ...]
    group: str


@dataclass(frozen=True, slots=True)
class ReadingGroup:
    """Readers with a list of their own."""

    name: str
    readers: Readers


@dataclass(frozen=True, slots=True)
class Machines:
    """What scores the studies of all sites, one study at a time each.

    `scoring` is from the beginning until the score has ordered the study, `finishing` until the machine takes the next
    one, `settle_min` from the last slice until the study counts as complete. `failing` is the share without a score.
    """

    scoring: Mapping[Stratum, Length]
    finishing: Length
    settle_min: float
    failing: float

    @property
    def are_instant(self) -> bool:
        """Tell whether the score is there with the last slice."""
        lengths = (*self.scoring.values(), self.finishing)
        return self.settle_min == 0 and not any(each.mean_min for each in lengths)


@dataclass(frozen=True, slots=True)
class Department:
    """Sites, the groups that read what they send, and machines.

    Raises:
        ValueError: a site names a group that there is not, or a name is there twice.
    """

    places: tuple[Place, ...]
    groups: tuple[ReadingGroup, ...]
    reading: ReadingTimes
    machines: Machines

    def __post_init__(self) -> None:
        places, groups = [each.name for each in self.places], [each.name for each in self.groups]
        lost = {each.group for each in self.places} - set(groups)
        if not places or lost or len({*places}) < len(places) or len({*groups}) < len(groups):
            found = (
                f"sites {', '.join(places)}, groups {', '.join(groups)}, unknown {', '.join(sorted(lost)) or 'none'}"
            )
            raise ValueError(f"expected different names, and sites of these groups, found {found}")

    @property
    def is_mixed(self) -> bool:
        """Tell whether both CTs and X-rays come."""
        return len({case.stratum for place in self.places for case in place.cases if case.weight > 0}) > 1


@dataclass(frozen=True, slots=True)
class Kind:
    """What a policy makes of one case."""

    case: Case
    has_disease: bool
    state: State


def kind_of(case: Case, options: TriageOptions) -> Kind:
    """Return what a policy makes of a case whose request is routine."""
    triage_class = classify(case.outcome, RequestPriority.ROUTINE, options)
    scored = State.NOT_FLAGGED if triage_class is not TriageClass.UNSCORED else State.UNSCORED
    return Kind(case, case.truth in DISEASED, State.FLAGGED if triage_class in FLAGGED else scored)
