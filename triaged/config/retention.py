"""The settings of what is deleted, and when. By default nothing is.

Must not know how anything is deleted.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from triaged.config.values import Section, wrong
from triaged.steps.options import RetentionOptions

NEVER = "never"
_DEFAULT = RetentionOptions()


def _or_never(value: Any) -> Any:
    return None if value == NEVER else value


def _in_json(value: Any) -> Any:
    return NEVER if value is None else value


def _only_never(value: Any) -> Any:
    if value not in (NEVER, None):
        raise wrong("never: what nobody has done is not deleted")
    return None


_DAYS = {"anyOf": [{"const": NEVER}, {"type": "number", "exclusiveMinimum": 0}]}
_MB = {"anyOf": [{"const": NEVER}, {"type": "integer", "minimum": 1}]}
Days = Annotated[
    Annotated[float, Field(gt=0, le=36_500, allow_inf_nan=False)] | None,
    BeforeValidator(_or_never),
    PlainSerializer(_in_json, when_used="json"),
    WithJsonSchema(_DAYS),
]
Never = Annotated[
    None,
    BeforeValidator(_only_never),
    PlainSerializer(_in_json, when_used="json"),
    WithJsonSchema({"const": NEVER}),
]
FreeMb = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(_or_never),
    PlainSerializer(_in_json, when_used="json"),
    WithJsonSchema(_MB),
]


class RetentionSection(Section):
    """After how many days, since a reader was done or the file came, files are deleted; `None` is never."""

    images_days: Days = _DEFAULT.images_days
    results_days: Days = _DEFAULT.results_days
    undone_days: Never = None
    promised_days: Days = _DEFAULT.promised_days
    quarantine_days: Days = _DEFAULT.quarantine_days
    ignored_days: Days = _DEFAULT.ignored_days
    history_days: Days = _DEFAULT.history_days
    start_at_free_mb: FreeMb = _DEFAULT.start_at_free_mb

    @model_validator(mode="after")
    def _images_first(self) -> Self:
        if self.results_days is not None and (self.images_days is None or self.results_days < self.images_days):
            raise wrong("at least images_days", key="results_days")
        return self

    def options(self, committing: frozenset[str]) -> RetentionOptions:
        """Return what decides what goes; `committing` are the destinations that are asked to confirm what they keep."""
        return RetentionOptions(
            images_days=self.images_days,
            results_days=self.results_days,
            promised_days=self.promised_days,
            quarantine_days=self.quarantine_days,
            ignored_days=self.ignored_days,
            history_days=self.history_days,
            start_at_free_mb=self.start_at_free_mb,
            committing=committing,
        )
