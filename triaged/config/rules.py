"""The settings of a site's rules: which studies are treated otherwise than by default, and how; which series are read.

Must not know how rules are applied.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from triaged.config.conditions import UNSAID, WhenSection
from triaged.config.values import Section, wrong
from triaged.inference.manifest import MANIFEST_NAME
from triaged.results.provenance import THRESHOLDING
from triaged.rules.matching import Preference, Rule, Rules, SeriesRule, covers
from triaged.rules.sites import Site
from triaged.study.ranking import RequestPriority
from triaged.study.treatment import Treatment
from triaged.triage.scheme import Scheme

NO_MODEL: Final = "none"
BUILT_IN: Final = "everything"
"""The name of the rule that is always the last one: whatever no rule matches is treated by default."""
_URGENCY: Final = {"high": RequestPriority.HIGH, "stat": RequestPriority.STAT}

RuleName = Annotated[str, Field(pattern=r"^\S(.{0,62}\S)?$")]


class ThenSection(Section):
    """What a rule does; what it does not say is as for every study.

    `ignore`: the study is kept and stands on no list. `model: none` leaves it unscored, with `show: below` in the
    block below the list. `destinations` are the only ones that get its objects. `urgency` raises the study as an order
    of that priority does. `site` is the one that it is of, whoever sent it.
    """

    ignore: Literal[True] | None = UNSAID
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = UNSAID
    show: Literal["unscored", "below"] | None = UNSAID
    scheme: Annotated[Scheme, Field(strict=False)] | None = UNSAID
    destinations: Annotated[tuple[str, ...], Field(strict=False)] | None = UNSAID
    urgency: Literal["high", "stat"] | None = UNSAID
    site: str | None = UNSAID

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = self.model_fields_set
        if self.ignore and given != {"ignore"}:
            raise wrong("no other key beside ignore", key=min(given - {"ignore"}))
        if self.show is not None and self.model != NO_MODEL:
            raise wrong("no such key without model: none", key="show")
        if self.model == NO_MODEL and (made := given & {"scheme", "destinations"}):
            raise wrong("no such key with model: none, which makes no result", key=min(made))
        return self

    def treatment(self, rule: str) -> Treatment:
        """Return what becomes of a study under a rule of this name."""
        return Treatment(
            rule,
            ignored=bool(self.ignore),
            scored=not self.ignore and self.model != NO_MODEL,
            below=self.show == "below",
            model="" if self.model in (None, NO_MODEL) else str(self.model),
            scheme="" if self.scheme is None else self.scheme.value,
            destinations=self.destinations,
            urgency=RequestPriority.UNKNOWN if self.urgency is None else _URGENCY[self.urgency],
            site=self.site or "",
        )


class RuleSection(Section):
    """One rule for studies: the first one whose conditions are met decides, and no other."""

    name: RuleName
    when: WhenSection
    then: ThenSection | None = UNSAID
    use: Literal["default"] | None = UNSAID

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.then is None) == (self.use is None):
            raise wrong("either then, or use: default", key="then" if self.then is not None else "")
        if self.then is not None and self.then.ignore and not self.when.model_fields_set:
            raise wrong("at least one condition, since the rule ignores what it matches", key="when")
        return self

    def rule(self) -> Rule:
        """Return what is looked at when a study comes."""
        treatment = Treatment(self.name) if self.then is None else self.then.treatment(self.name)
        return Rule(self.name, self.when.conditions(), treatment)


class SeriesRuleSection(Section):
    """One rule for series: those that match are preferred to all others, or are not chosen at all."""

    name: RuleName
    when: WhenSection
    then: Annotated[Preference, Field(strict=False)]

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if not self.when.model_fields_set:
            raise wrong("at least one condition", key="when")
        return self

    def rule(self) -> SeriesRule:
        """Return what is looked at when a series is chosen."""
        return SeriesRule(self.name, self.when.conditions(), self.then)


def rules_of(studies: Sequence[RuleSection], series: Sequence[SeriesRuleSection], sites: Sequence[Site]) -> Rules:
    """Return the rules, and the sites that they are for."""
    return Rules(tuple(each.rule() for each in studies), tuple(each.rule() for each in series), tuple(sites))


def demand_rules(
    studies: Sequence[RuleSection],
    series: Sequence[SeriesRuleSection],
    *,
    destinations: Collection[str],
    models: Path,
) -> None:
    """Check rules beside the rest of the settings; raises `PydanticCustomError` at the first thing that is wrong.

    `models` is the folder of packages; where it is not on this machine, names of packages are not checked.
    """
    _demand_reachable("rules", studies)
    _demand_reachable("series", series)
    known = _packages(models)
    for number, section in enumerate(studies):
        then = section.then or ThenSection()
        stranger = next((each for each in then.destinations or () if each not in destinations), None)
        if stranger is not None:
            expected = f"names of destinations ({', '.join(sorted(destinations)) or 'there is none'})"
            raise wrong(f"{expected}, and {stranger!r} is none", place=("rules", number, "then", "destinations"))
        if then.model not in (None, NO_MODEL) and known and then.model not in known:
            expected = f"one of {', '.join(sorted(known))}, or {NO_MODEL}"
            raise wrong(f"{expected}, found {then.model!r}", place=("rules", number, "then", "model"))


def _demand_reachable(key: str, sections: Sequence[RuleSection | SeriesRuleSection]) -> None:
    conditions = [each.when.conditions() for each in sections]
    for number, section in enumerate(sections):
        if section.name == BUILT_IN or section.name in [each.name for each in sections[:number]]:
            what = f"a name that no other rule has, nor the last one ({BUILT_IN!r})"
            raise wrong(f"{what}, found {section.name!r}", place=(key, number, "name"))
        for before in range(number):
            if covers(conditions[before], conditions[number]):
                first = sections[before].name
                expected = f"a rule that something can reach; all that it matches, {first!r} before it matches"
                raise wrong(expected, place=(key, number, "when"))


def _packages(folder: Path) -> frozenset[str]:
    if not folder.is_dir():
        return frozenset()
    return THRESHOLDING | {each.name for each in folder.iterdir() if (each / MANIFEST_NAME).is_file()}
