"""What is kept in memory for the next who asks."""

from __future__ import annotations

from triaged.web.recent import Recent


def test_what_is_kept_has_a_bound_and_the_one_not_asked_for_longest_goes_first() -> None:
    pictures: Recent[int, bytes] = Recent(100, len)
    for index in range(4):
        pictures.keep(index, b"x" * 30)
        pictures.get(0)
    assert [pictures.get(index) is not None for index in range(4)] == [True, False, True, True]
    assert pictures.size == 90
    pictures.keep(9, b"x" * 200)
    assert pictures.size == 0


def test_a_value_in_place_of_another_counts_alone() -> None:
    pictures: Recent[str, bytes] = Recent(100, len)
    pictures.keep("one", b"x" * 80)
    pictures.keep("one", b"y" * 60)
    assert pictures.get("one") == b"y" * 60
    assert pictures.size == 60
