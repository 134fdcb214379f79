"""Votes are counted as the paper says, checked against a table written by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from triaged.inference.vote import Group, Rule, disputed, elected

PAPER = (
    Group(("r1", "r2"), Rule.ALL, 0.5, None),
    Group(("d1", "d2"), Rule.MEAN, 0.7, 0.3),
    Group(("f1", "f2"), Rule.MEAN, 0.85, 0.15),
)
"""CoRSAI: all ResNets for lesion; the mean of the DPNs and that of the FPNs for or against it."""


def maps(**values: float) -> dict[str, NDArray[np.float32]]:
    return {name: np.full((1, 1, 1), value, dtype=np.float32) for name, value in values.items()}


@pytest.mark.parametrize(
    ("r1", "r2", "d1", "d2", "f1", "f2", "lesion"),
    [
        (0.6, 0.6, 0.5, 0.5, 0.5, 0.5, True),  # the ResNets alone
        (0.6, 0.5, 0.5, 0.5, 0.5, 0.5, False),  # one of them is not above one half
        (0.6, 0.6, 0.2, 0.3, 0.5, 0.5, False),  # the DPNs speak against them
        (0.6, 0.6, 0.2, 0.3, 0.9, 0.9, True),  # two against one
        (0.1, 0.1, 0.9, 0.6, 0.5, 0.5, True),  # a mean is enough
        (0.1, 0.1, 0.9, 0.4, 0.5, 0.5, False),
        (0.1, 0.1, 0.9, 0.9, 0.1, 0.1, False),
        (0.9, 0.9, 0.1, 0.1, 0.1, 0.1, False),
        (0.1, 0.1, 0.5, 0.5, 0.5, 0.5, False),  # nobody says anything
    ],
)
def test_lesion_is_where_the_sum_of_voices_is_above_0(
    r1: float, r2: float, d1: float, d2: float, f1: float, f2: float, lesion: bool
) -> None:
    assert elected(PAPER, maps(r1=r1, r2=r2, d1=d1, d2=d2, f1=f1, f2=f2)).item() is lesion


def test_every_member_of_a_group_has_to_be_against_under_the_rule_of_all() -> None:
    strict = (Group(("a",), Rule.ALL, 0.5, None), Group(("b", "c"), Rule.ALL, 0.9, 0.2))
    assert elected(strict, maps(a=0.6, b=0.1, c=0.3)).item() is True
    assert elected(strict, maps(a=0.6, b=0.1, c=0.1)).item() is False


def test_a_voice_keeps_the_shape_of_the_maps_and_changes_none_of_them() -> None:
    values = np.array([[[0.1, 0.9]]], dtype=np.float32)
    kept = values.copy()
    assert elected((Group(("a", "b"), Rule.MEAN, 0.5, None),), {"a": values, "b": values}).tolist() == [[[False, True]]]
    assert (values == kept).all()


def test_members_dispute_what_some_but_not_all_call_lesion_each_at_its_own_threshold() -> None:
    thresholds = {"a": 0.2, "b": 0.5}
    for a, b, expected in ((0.1, 0.1, False), (0.2, 0.5, False), (0.2, 0.4, True), (0.1, 0.9, True)):
        assert disputed(thresholds, maps(a=a, b=b)).item() is expected


def test_one_member_disputes_nothing() -> None:
    assert not disputed({"a": 0.5}, maps(a=0.9)).any()
