"""Names the families of features that `triaged model features` computes; knows no values."""

from __future__ import annotations

from enum import StrEnum

from triaged.study.radiomics import FEATURES, LESION_FEATURES, RADIOMICS


class Family(StrEnum):
    """Of what the features are."""

    LUNGS = "lungs"
    LESIONS = "lesions"
    ALL = "all"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its features, in their order: the columns of a file."""
        return {Family.LUNGS: tuple(RADIOMICS), Family.LESIONS: tuple(LESION_FEATURES)}.get(self, tuple(FEATURES))
