"""Kernels are known by the names that vendors write."""

from __future__ import annotations

import pytest

from triaged.exams.ct.kernel import Sharpness, sharpness


@pytest.mark.parametrize(
    "name",
    [
        "B50f",
        "B60s",
        "B70f",
        "B80f",
        "Bl57d",
        "Br59",
        "I70f",
        "I70f\\3",
        "LUNG",
        "BONE",
        "BONEPLUS",
        "CHEST",
        "L",
        "YA",
        "YB",
        "FC51",
        "FC52",
        "FC86",
        "lung",
    ],
)
def test_lung_kernels_are_sharp(name: str) -> None:
    assert sharpness(name) is Sharpness.LUNG


@pytest.mark.parametrize(
    "name",
    ["B30f", "B31s", "B40f", "D40s", "Br40", "Br36d", "I31f\\2", "STANDARD", "SOFT", "B", "A", "C", "FC08", "FC13"],
)
def test_body_kernels_are_soft(name: str) -> None:
    assert sharpness(name) is Sharpness.SOFT


@pytest.mark.parametrize("name", [None, "", "DETAIL", "custom kernel", "FC99", "BANANA"])
def test_an_unknown_name_is_neutral(name: str | None) -> None:
    assert sharpness(name) is Sharpness.UNKNOWN
