"""The window maps Hounsfield units to the unit interval."""

from __future__ import annotations

import numpy as np
import pytest

from triaged.exams.ct.window import to_unit


def test_the_window_ends_map_to_zero_and_one_and_the_middle_to_a_half() -> None:
    hu = np.array([-1024, -1000, -350, 300, 3000], np.int16)
    np.testing.assert_allclose(to_unit(hu), [0.0, 0.0, 0.5, 1.0, 1.0])


def test_the_result_is_new_and_single_precision() -> None:
    hu = np.array([[-500.0]], np.float32)
    unit = to_unit(hu)
    assert unit.dtype == np.float32
    assert hu[0, 0] == -500.0


def test_an_inverted_window_is_refused() -> None:
    with pytest.raises(ValueError, match="low < high"):
        to_unit(np.zeros(1, np.int16), 300.0, -1000.0)
