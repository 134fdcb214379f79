"""A list of cases is read line by line; a mistake costs its line and names line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.errors import ConfigError
from triaged.lab.evaluation.cases import BadCase, Case, is_positive, read_cases


def write(folder: Path, text: str) -> Path:
    (folder / "ct.nii.gz").touch()
    path = folder / "cases.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_list_and_empty_cells_are_nothing(tmp_path: Path) -> None:
    (found,) = read_cases(write(tmp_path, "case,patient,group,images,lungs,lesions,severity\na,p,covid,ct.nii.gz,,,\n"))
    assert found == Case("a", "p", "covid", tmp_path / "ct.nii.gz", None, None, None)


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_write_lists_in_their_own_way(tmp_path: Path, delimiter: str, mark: str) -> None:
    lines = ["Case,Group,Images,Severity", "a,covid,ct.nii.gz,0.25", ""]
    (found,) = read_cases(write(tmp_path, mark + "\r\n".join(lines).replace(",", delimiter)))
    assert isinstance(found, Case)
    assert (found.patient, found.severity) == ("a", 0.25)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("b,covid,none.nii.gz,", "line 3, images: expected a file or a folder, found nothing"),
        ("b,covid,,", "line 3, images: expected a value"),
        ("b,,ct.nii.gz,", "line 3, group: expected a value"),
        ("b,covid,ct.nii.gz,35", "line 3, severity: expected a share from 0 to 1, found 35"),
        ("b,covid,ct.nii.gz,much", "line 3, severity: expected a share from 0 to 1, found much"),
        ("a,covid,ct.nii.gz,", "line 3, case: expected a name of its own, found that of line 2"),
    ],
)
def test_a_bad_line_says_why_and_the_others_stay(tmp_path: Path, line: str, told: str) -> None:
    text = f"case,group,images,severity\na,covid,ct.nii.gz,\n{line}\nc,normal,ct.nii.gz,\n"
    good, bad, other = read_cases(write(tmp_path, text))
    assert isinstance(good, Case)
    assert isinstance(bad, BadCase)
    assert told in bad.reason
    assert isinstance(other, Case)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("case,images\n", "found no group"),
        ("", "found no case, group, images"),
        ("case,group,images\n", "at least one"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_cases(write(tmp_path, text))


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a list of cases"):
        read_cases(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("group", "expected"),
    [("covid", True), ("COVID-19", True), ("Covid 19", True), ("normal", False), ("non-covid", False), ("CAP", False)],
)
def test_the_disease_has_a_name(group: str, expected: bool) -> None:
    assert is_positive(group) is expected


def test_a_scan_follows_one_that_stands_above_it(tmp_path: Path) -> None:
    text = (
        "case,group,images,follows\na,covid,ct.nii.gz,\nb,covid,ct.nii.gz,a\nc,covid,ct.nii.gz,d\nd,covid,ct.nii.gz,d\n"
    )
    first, second, third, fourth = read_cases(write(tmp_path, text))
    assert isinstance(first, Case)
    assert isinstance(second, Case)
    assert (first.follows, second.follows) == (None, "a")
    for line, bad in ((4, third), (5, fourth)):
        assert isinstance(bad, BadCase)
        assert bad.reason == f"line {line}, follows: expected the name of a case above, found d"
