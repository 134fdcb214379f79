"""How the numbers of one concept read in each output, as the tests of a finding write it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """How the numbers of one concept in `FINDING` read in each output; JSON names are those of list, hook and row."""

    json: Mapping[str, float]
    hl7: Mapping[str, str]
    report: frozenset[tuple[str, float]]
    words: tuple[str, ...]
    page: tuple[str, ...]


def shown(
    json: Mapping[str, float],
    hl7: Mapping[str, str],
    report: set[tuple[str, float]],
    words: tuple[str, ...],
    page: tuple[str, ...] = (),
) -> Shown:
    return Shown(json, hl7, frozenset(report), words, page)
