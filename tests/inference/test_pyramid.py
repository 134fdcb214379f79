"""Pooling over slices takes the windows that the paper's kernel and stride take."""

import numpy as np
import pytest

from triaged.inference.pyramid import pool_over_slices


def windows(size: int, cells: int) -> list[slice]:
    stride = size // cells
    kernel = size - (cells - 1) * stride
    return [slice(cell * stride, cell * stride + kernel) for cell in range(cells)]


@pytest.mark.parametrize("slices", [8, 9, 15, 16, 110])
def test_each_cell_is_the_maximum_of_its_window(slices: int) -> None:
    cells = np.random.default_rng(1).random((slices, 2, 85), dtype=np.float32)
    expected = []
    first = 0
    for count in (1, 2, 4, 8):
        for channel in range(2):
            for cell in range(first, first + count**2):
                expected += [cells[window, channel, cell].max() for window in windows(slices, count)]
        first += count**2
    np.testing.assert_array_equal(pool_over_slices(cells), np.array(expected, dtype=np.float32))


def test_a_short_series_is_extended_by_its_last_slice() -> None:
    cells = np.random.default_rng(2).random((3, 1, 85), dtype=np.float32)
    extended = np.concatenate([cells, np.repeat(cells[-1:], 5, axis=0)])
    np.testing.assert_array_equal(pool_over_slices(cells), pool_over_slices(extended))
