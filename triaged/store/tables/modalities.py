"""The modalities of a study's images, as one text that the list is narrowed by; knows no queries and no files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import ColumnElement, or_

from triaged.store.tables import schema
from triaged.study.modalities import IMAGES_OF, MEMBERS, ShownModality, Stratum, in_order, modality_of
from triaged.study.records import InstanceHeader

_BETWEEN: Final = "\\"
"""No value can contain it; it stands before, between and behind them, so that a whole value can be looked for."""


def with_modality(kept: str, image: InstanceHeader) -> str:
    """Return the text of a study with one more instance; what has no rows is no image and adds nothing."""
    known = modalities_of(kept)
    said = modality_of(image.sop_class_uid, image.modality)
    if image.rows is None or not said or said in known:
        return kept
    return f"{_BETWEEN}{_BETWEEN.join((*known, said))}{_BETWEEN}"


def modalities_of(kept: str) -> tuple[str, ...]:
    """Return the modalities in such a text, in the order in which people see them."""
    return in_order(each for each in kept.split(_BETWEEN) if each)


def is_shown(modality: ShownModality) -> ColumnElement[bool] | None:
    """Return the condition that a study has an image of this kind; None where every study is asked for."""
    members = MEMBERS.get(modality)
    return None if members is None else has_image(members)


def is_of(strata: Collection[Stratum]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a study is of such a kind, as `stratum_of` says by what came; none for all kinds."""
    xrays_alone = has_image(IMAGES_OF[Stratum.RADIOGRAPH]) & ~has_image(IMAGES_OF[Stratum.VOLUME])
    if set(strata) == set(Stratum):
        return ()
    return (xrays_alone if Stratum.RADIOGRAPH in strata else ~xrays_alone,)


def has_image(modalities: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that a study has an image of one of these modalities."""
    column = schema.study.c.modalities
    return or_(*(column.contains(f"{_BETWEEN}{each}{_BETWEEN}", autoescape=True) for each in modalities))
