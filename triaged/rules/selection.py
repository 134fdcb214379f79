"""Applies rules of series before an examination chooses: what is left out, and what is looked at first.

Pure; must not know how an examination chooses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from triaged.rules.matching import Preference, SeriesRule, preference_of
from triaged.study.facts import SeriesFacts, StudyFacts
from triaged.study.records import Series
from triaged.study.uids import SeriesUID


@dataclass(frozen=True, slots=True)
class Selection:
    """The series that may be chosen, those that are preferred among them, and why others may not be."""

    allowed: tuple[Series, ...]
    preferred: tuple[tuple[Series, str], ...]
    excluded: tuple[tuple[SeriesUID, str], ...]


def select(rules: Sequence[SeriesRule], study: StudyFacts, series: Sequence[Series]) -> Selection:
    """Return what the rules leave of the series of a study; without rules all, none of them preferred."""
    allowed: list[Series] = []
    preferred: list[tuple[Series, str]] = []
    excluded: list[tuple[SeriesUID, str]] = []
    for each in series:
        rule = preference_of(rules, study, series_facts(each)) if rules else None
        if rule is not None and rule.preference is Preference.EXCLUDE:
            excluded.append((each.series_uid, f"excluded by the rule {rule.name}"))
            continue
        allowed.append(each)
        if rule is not None:
            preferred.append((each, rule.name))
    return Selection(tuple(allowed), tuple(preferred), tuple(excluded))


def series_facts(series: Series) -> SeriesFacts:
    """Return what the headers of a series say: the first value that any image has, of thicknesses the largest."""
    images = [instance.image for instance in series.instances]
    thickest = max((image.slice_thickness_mm or 0.0 for image in images), default=0.0)

    def first(values: Sequence[str | None]) -> str:
        return next((value for value in values if value), "")

    return SeriesFacts(
        modality=first([image.modality for image in images]),
        body_part=first([image.body_part_examined for image in images]),
        description=first([image.series_description for image in images]),
        kernel=first([image.convolution_kernel for image in images]),
        slice_mm=thickest or None,
        images=sum(image.number_of_frames for image in images),
        image_type=next((image.image_type for image in images if image.image_type), ()),
        has_contrast=any(image.contrast_agent for image in images),
    )
