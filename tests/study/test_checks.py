"""What a reader is asked to check: words to act on, one source for the list and the pictures."""

from __future__ import annotations

import pytest

from triaged.study.checks import to_check
from triaged.study.finding import QualityFlag


def test_what_was_worked_out_on_the_way_asks_nothing_of_a_reader() -> None:
    assert to_check((QualityFlag.ANISOTROPIC_SPLIT, QualityFlag.COPIES_LEFT_OUT)) == ()


def test_two_circumstances_that_ask_for_the_same_say_it_once() -> None:
    asked = (QualityFlag.LUNGS_COMPLETED, QualityFlag.THICK_SLICES, QualityFlag.LUNG_IN_PARTS)
    assert to_check(asked) == ("check the outline of the lungs", "thick slices")


@pytest.mark.parametrize("flag", QualityFlag)
def test_no_code_is_shown(flag: QualityFlag) -> None:
    assert all("-" not in words for words in to_check((flag,)))
