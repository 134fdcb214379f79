"""Which names and passwords people may have."""

from __future__ import annotations

import pytest

from triaged.study.people import fit_password, name_key, person_name


@pytest.mark.parametrize(
    "name", ["jroe", "J. O'Neill", "Іванова, Марія", "石川", "dr.roe@hospital.example", "CLINIC\\roe", "7"]
)
def test_names_of_people_everywhere_are_names(name: str) -> None:
    assert person_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a" * 65,
        "a\nb",
        "a\0b",
        "a\x1b[31m",
        "roe\u202ename",
        "ro\u200be",
        "<script>",
        "a&b",
        "a\udcffb",
        "=1+1",
        "-",
        "triaged",
        "Triaged",
        "LOCAL",
        "ｌｏｃａｌ",
    ],
)
def test_names_that_hide_something_or_are_the_programs_own_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        person_name(name)


def test_a_name_is_the_same_however_it_was_typed() -> None:
    assert person_name("  Rene\u0301 ") == "Ren\u00e9"
    assert name_key("Rene\u0301") == name_key("REN\u00c9") == name_key("ｒｅｎé")
    assert name_key("Strauß") == name_key("STRAUSS")
    assert name_key("roe") != name_key("rоe")  # the second has a Cyrillic letter


def test_a_password_is_long_and_not_the_name() -> None:
    assert fit_password("four quiet lungs", "roe") == "four quiet lungs"
    for wrong in ("short", "a" * 30, "abcabcabcabcabc", "Dr Roe is reading", "x y" * 100):
        with pytest.raises(ValueError, match="expected a password"):
            fit_password(wrong, "roe")
