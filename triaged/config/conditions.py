"""How a site writes the conditions of its rules: a value, a list of values, or a mapping of operators.

Must not know what rules do, nor how a condition is met.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from triaged.config.values import Section, wrong
from triaged.rules.conditions import Condition, FlagCondition, NetworkCondition, NumberCondition, TextCondition
from triaged.rules.matching import When

_LONGEST = 200
_TEXTS: Final = "a text (in quotes where it looks like a number), a list of texts, or a mapping of operators"
UNSAID: Final = None
"""What a key is that is not given: it asks nothing, and does nothing, so that no room has a default for it."""
_NUMBERS: Final = "a number, a list of numbers, or a mapping of operators"


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise wrong(f"a text of 1 to {_LONGEST} characters, in quotes where it looks like a number")
    return value


def _listed(value: object) -> object:
    return [value] if not isinstance(value, list | tuple | Mapping) else value


def _network(text: object) -> object:
    try:
        ipaddress.ip_network(str(text))
    except ValueError:
        raise wrong("an IP address, or a network like 10.1.2.0/24") from None
    return text


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)]
Numbers = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    BeforeValidator(_listed),
    Field(strict=False, min_length=1),
]


class _Operators(Section):
    """A mapping of operators, all of which have to hold."""

    meaning: ClassVar[str]

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong(f"at least one of {', '.join(type(self).model_fields)}")
        if self.condition().is_impossible():
            raise wrong("a condition that something can meet")
        return self

    def condition(self) -> Condition:
        """Return what is asked."""
        raise NotImplementedError


class TextSection(_Operators):
    """Asks a text, whatever its case: `equals`, `contains` or `matches` (a shell pattern) one of the entries.

    `any_of` is what a text or a list without an operator means: a shell pattern where it has `*` or `?`, else equal.
    """

    equals: Texts | None = None
    contains: Texts | None = None
    matches: Texts | None = None
    any_of: Texts | None = None

    def condition(self) -> TextCondition:
        """Return what is asked."""
        return TextCondition(self.any_of, self.equals, self.contains, self.matches)


class NumberSection(_Operators):
    """Asks a number: `equals` one of the entries, and lies `below`, `above`, `at_most` and `at_least` what is given."""

    ends: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    equals: Numbers | None = None
    below: Annotated[float, Field(allow_inf_nan=False)] | None = None
    above: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_most: Annotated[float, Field(allow_inf_nan=False)] | None = None
    at_least: Annotated[float, Field(allow_inf_nan=False)] | None = None

    def condition(self) -> NumberCondition:
        """Return what is asked, within what the fact can be."""
        lowest, highest = self.ends
        return NumberCondition(
            self.equals, self.below, self.above, self.at_most, self.at_least, lowest=lowest, highest=highest
        )


class AgeSection(NumberSection):
    """Asks an age in years."""

    ends = (0.0, 150.0)


class SliceSection(NumberSection):
    """Asks the thickness of slices in millimetres, of which none is 0."""

    ends = (1e-3, 1000.0)


class CountSection(NumberSection):
    """Asks how many images there are, at least one."""

    ends = (1.0, 1e6)


class DateSection(_Operators):
    """Asks a date."""

    equals: Annotated[tuple[date, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)] | None = None
    below: date | None = None
    above: date | None = None
    at_most: date | None = None
    at_least: date | None = None

    def condition(self) -> NumberCondition:
        """Return what is asked, of the ordinal of a date."""
        equals = None if self.equals is None else tuple(float(each.toordinal()) for each in self.equals)
        bounds = {name: getattr(self, name) for name in ("below", "above", "at_most", "at_least")}
        given = {name: float(each.toordinal()) for name, each in bounds.items() if each is not None}
        return NumberCondition(equals, **given)


def _as_texts(value: object) -> object:
    if isinstance(value, str | list):
        return {"any_of": value}
    if not isinstance(value, Mapping | BaseModel):
        raise wrong(_TEXTS)
    return value


def _as_numbers(value: object) -> object:
    if isinstance(value, list) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return {"equals": value}
    if not isinstance(value, Mapping | BaseModel):
        raise wrong(_NUMBERS)
    return value


def _dated(value: object) -> object:
    """Return texts like 2026-01-31 as dates; YAML makes dates of those that have no quotes."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise wrong("a date like 2026-01-31") from None
    return value


def _as_dates(value: object) -> object:
    if isinstance(value, str | date | list):
        value = {"equals": value}
    if not isinstance(value, Mapping):
        return value
    return {
        key: [_dated(one) for one in each] if isinstance(each, list) else _dated(each) for key, each in value.items()
    }


def _some_sex(section: TextSection) -> TextSection:
    if not any(section.condition().is_met(sex) for sex in ("M", "F", "O")):
        raise wrong("M, F or O")
    return section


def _short(section: TextSection) -> TextSection:
    """Refuse texts that no AE title and no code string can equal, which have at most 16 characters."""
    _short_enough(section.equals or ())
    _short_titles(section.any_of or ())
    return section


def _short_titles(texts: tuple[str, ...]) -> tuple[str, ...]:
    _short_enough(tuple(each for each in texts if not set("*?").intersection(each)))
    return texts


def _short_enough(equal: tuple[str, ...]) -> None:
    too_long = next((each for each in equal if len(each.strip()) > 16), None)
    if too_long is not None:
        raise wrong(f"texts of at most 16 characters, as {too_long!r} is not")


Titles = Annotated[Texts, AfterValidator(_short_titles)]
"""AE titles, and shell patterns of them."""
TextKey = Annotated[TextSection, BeforeValidator(_as_texts)]
ShortKey = Annotated[TextKey, AfterValidator(_short)]
SexKey = Annotated[TextKey, AfterValidator(_some_sex)]
AgeKey = Annotated[AgeSection, BeforeValidator(_as_numbers)]
SliceKey = Annotated[SliceSection, BeforeValidator(_as_numbers)]
CountKey = Annotated[CountSection, BeforeValidator(_as_numbers)]
DateKey = Annotated[DateSection, BeforeValidator(_as_dates)]
Networks = Annotated[
    tuple[Annotated[str, BeforeValidator(_network)], ...],
    BeforeValidator(_listed),
    Field(strict=False, min_length=1),
]


class WhenSection(Section):
    """Conditions, all of which have to be met; a fact that is missing meets none."""

    sender: ShortKey | None = UNSAID
    called_title: ShortKey | None = UNSAID
    peer: Networks | None = UNSAID
    modality: ShortKey | None = UNSAID
    body_part: ShortKey | None = UNSAID
    study_description: TextKey | None = UNSAID
    institution: TextKey | None = UNSAID
    station: ShortKey | None = UNSAID
    department: TextKey | None = UNSAID
    age_years: AgeKey | None = UNSAID
    sex: SexKey | None = UNSAID
    study_date: DateKey | None = UNSAID
    procedure_code: ShortKey | None = UNSAID
    accession_number: ShortKey | None = UNSAID
    series_description: TextKey | None = UNSAID
    kernel: TextKey | None = UNSAID
    slice_mm: SliceKey | None = UNSAID
    images: CountKey | None = UNSAID
    image_type: ShortKey | None = UNSAID
    contrast: bool | None = UNSAID

    def conditions(self) -> When:
        """Return what is asked, by the keys."""
        return {key: _condition(getattr(self, key)) for key in sorted(self.model_fields_set, key=_place)}


def _place(key: str) -> int:
    return list(WhenSection.model_fields).index(key)


def _condition(value: Any) -> Condition:
    if isinstance(value, bool):
        return FlagCondition(value)
    if isinstance(value, tuple):
        return NetworkCondition(tuple(ipaddress.ip_network(each) for each in value))
    condition: Condition = value.condition()
    return condition
