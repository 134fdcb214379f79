"""DCMTK's dsr2html renders both reports without a remark, says everything they state, and spells the names right."""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.wire.cases import ARABIC_NAME, CHINESE_NAME, CYRILLIC_NAME, JAPANESE_NAME, objects_of, study_of
from tests.wire.judges import needs_dcmtk
from tests.wire.peers import dcmtk
from triaged.exams.ct.finding import CtNumbers
from triaged.study.finding import Finding
from triaged.study.kinds import ObjectKind

pytestmark = needs_dcmtk
REPORTS = (ObjectKind.SR, ObjectKind.TEXT)
NOT_CHECKED = "W: The VR checker does not support this Specific Character Set: "
NOT_CONSTRAINED = "W: Check for template constraints not yet supported"
"""DCMTK's own limits, which say nothing of the report."""


@pytest.mark.parametrize("kind", ["HFS", "enhanced", "bare", "empty", "invalid", "no lesion", "revision 2"])
@pytest.mark.parametrize("report", REPORTS)
def test_a_report_is_rendered_without_a_remark_and_as_unverified(report: ObjectKind, kind: str, tmp_path: Path) -> None:
    page = rendered(_written(kind, report, tmp_path))
    assert pairs(page)["Verification Flag:"] == "UNVERIFIED"
    assert pairs(page)["Completion Flag:"] == "COMPLETE"
    assert pairs(page)["Preliminary Flag:"] == "PRELIMINARY"


def test_the_measurements_are_rendered_with_name_value_and_unit(tmp_path: Path) -> None:
    page = rendered(_written("HFS", ObjectKind.SR, tmp_path))
    finding = study_of("HFS").reading.finding
    assert finding.suspicion is not None
    for name, value, digits, unit in (
        ("Probability of COVID-19 pattern", finding.probability, 2, "1"),
        ("Decision threshold of the probability", finding.suspicion.threshold, 2, "1"),
        ("Affected share of the worse lung", finding.urgency * 100, 1, "%"),
        ("Affected share of lung volume", CtNumbers.of(finding).severity_total * 100, 1, "%"),
        ("Volume of both lungs", CtNumbers.of(finding).lungs_ml, 0, "mL"),
        ("Affected volume inside the lungs", CtNumbers.of(finding).lesion_ml, 0, "mL"),
        ("Share of affected volume above -300 HU", CtNumbers.of(finding).dense_share * 100, 1, "%"),
    ):
        assert value is not None, name
        (number, shown) = pairs(page)[f"{name}:"].split()
        assert float(number) == pytest.approx(round(value, digits), abs=1e-4), name
        assert shown == unit, name


def test_each_lung_is_rendered_with_its_volume_and_share(tmp_path: Path) -> None:
    page = rendered(_written("HFS", ObjectKind.SR, tmp_path))
    finding = study_of("HFS").reading.finding
    groups = {of: pairs(lines) for of, lines in _groups(page).items()}
    assert set(groups) == {"Both lungs", "Right lung", "Left lung", "Lung opacity"}
    for label, volume, share in (
        ("Right lung", CtNumbers.of(finding).right_lung_ml, CtNumbers.of(finding).severity_right),
        ("Left lung", CtNumbers.of(finding).left_lung_ml, CtNumbers.of(finding).severity_left),
    ):
        assert share is not None
        assert float(groups[label]["Volume:"].split()[0]) == pytest.approx(volume, abs=1e-4)
        shown = float(groups[label]["Affected share of lung volume:"].split()[0])
        assert shown == pytest.approx(round(share * 100, 1), abs=1e-4)
    assert float(groups["Lung opacity"]["Volume:"].split()[0]) == pytest.approx(
        CtNumbers.of(finding).lesion_ml, abs=1e-4
    )


def test_grade_class_and_triage_category_are_rendered(tmp_path: Path) -> None:
    page = pairs(rendered(_written("HFS", ObjectKind.SR, tmp_path)))
    assert page["Computed CT grade:"] == "Computed CT-1 (CT-1, 99TRIAGED)"
    assert page["Triage class of the reading order:"] == "Severe (CLASS-B, 99TRIAGED)"
    # PS3.16 CID 7035 takes these codes from RadLex: RID49480 is category 1, RID49481 category 2, RID49482 category 3.
    assert page["Actionable finding classification suggested by software:"] == (
        "ACR Category 2 Actionable Finding (RID49481, RADLEX)"
    )


def test_the_algorithm_is_rendered_with_the_digest_of_its_model(tmp_path: Path) -> None:
    page = rendered(_written("HFS", ObjectKind.SR, tmp_path))
    assert 'Concept Modifier: Algorithm Name = "multitask-spatial-1"' in page
    assert 'Concept Modifier: Algorithm Version = "1.2"' in page
    assert "Concept Modifier: Algorithm Family = Artificial Intelligence (123110, DCM)" in page
    assert f"sha256 {'5e' * 32}" in page


def test_the_text_says_the_same_in_words(tmp_path: Path) -> None:
    text = "\n".join(rendered(_written("HFS", ObjectKind.TEXT, tmp_path)))
    for statement in statements(study_of("HFS").reading.finding):
        assert statement in text, statement
    assert "not for diagnosis" in text


@pytest.mark.parametrize("kind", ["HFS", "enhanced", "bare", "empty", "invalid", "revision 2"])
def test_the_key_objects_are_rendered_without_a_remark_and_say_why(kind: str, tmp_path: Path) -> None:
    page = "\n".join(rendered(_written(kind, ObjectKind.KOS, tmp_path), remarks=frozenset({NOT_CONSTRAINED})))
    assert "Of Interest" in page
    assert "lower third: slice" in page
    assert len(re.findall(r"CTe? image", page)) >= 2


def test_a_reader_is_told_what_a_revision_supersedes(tmp_path: Path) -> None:
    for report in REPORTS:
        page = "\n".join(rendered(_written("revision 2", report, tmp_path)))
        assert "Predecessor Docs:" in page


@pytest.mark.parametrize(
    ("kind", "name"), [("cyrillic", CYRILLIC_NAME), ("chinese", CHINESE_NAME), ("arabic", ARABIC_NAME)]
)
@pytest.mark.parametrize("report", REPORTS)
def test_a_name_is_rendered_in_its_own_letters(report: ObjectKind, kind: str, name: str, tmp_path: Path) -> None:
    family, given = name.split("=")[0].split("^")
    page = rendered(_written(kind, report, tmp_path), "+U8", remarks=frozenset({NOT_CHECKED + "ISO_IR 192"}))
    assert pairs(page)["Patient:"].startswith(f"{given} {family} (")


@pytest.mark.parametrize("report", REPORTS)
def test_a_japanese_name_is_kept_in_its_own_letters(report: ObjectKind, tmp_path: Path) -> None:
    """DCMTK here knows no ISO 2022 IR 87: it renders the Latin group and says so, and dumps the bytes as they are."""
    path = _written("japanese", report, tmp_path)
    remarks = {
        NOT_CHECKED + "\\ISO 2022 IR 87",
        "W: Reading unknown/unsupported SpecificCharacterSet (\\ISO 2022 IR 87)",
    }
    page = rendered(path, remarks=frozenset(remarks))
    assert pairs(page)["Patient:"].startswith("Tarou Yamada (")
    dump = dcmtk("dcmdump", "-q", "+P", "PatientName", path).stdout
    kept = dump.split("[", 1)[1].rsplit("]", 1)[0]
    assert kept.encode("ascii").decode("iso2022_jp") == JAPANESE_NAME


def statements(finding: Finding) -> tuple[str, ...]:
    """Return what a text has to say of a finding."""
    right, left, total = (
        CtNumbers.of(finding).severity_right,
        CtNumbers.of(finding).severity_left,
        CtNumbers.of(finding).severity_total,
    )
    assert right is not None
    assert left is not None
    assert finding.grade is not None
    assert finding.suspicion is not None
    return (
        f"Right {right:.0%}".replace("%", " %"),
        f"left {left:.0%}".replace("%", " %"),
        f"total {total:.0%}".replace("%", " %"),
        f"{CtNumbers.of(finding).right_lung_ml:.0f} mL",
        f"{CtNumbers.of(finding).left_lung_ml:.0f} mL",
        f"{CtNumbers.of(finding).lesion_ml:.0f} mL",
        f"CT-{finding.grade.level}",
        f"{finding.probability} >= {finding.suspicion.threshold}",
        "Class B",
        "multitask-spatial-1 1.2",
    )


def rendered(path: Path, *options: str, remarks: frozenset[str] = frozenset()) -> list[str]:
    """Return the lines of text in DCMTK's page of a report; it must have nothing to remark but these."""
    ran = dcmtk("dsr2html", *options, path)
    assert ran.returncode == 0, ran.stderr
    assert set(ran.stderr.splitlines()) <= remarks
    text = html.unescape(re.sub(r"<[^>]*>", "", ran.stdout))
    return [line.strip() for line in text.splitlines() if line.strip()]


def pairs(page: list[str]) -> dict[str, str]:
    """Return the first line that follows each heading, which ends with a colon."""
    found: dict[str, str] = {}
    for heading, value in pairwise(page):
        if heading.endswith(":"):
            found.setdefault(heading, value)
    return found


def _groups(page: list[str]) -> dict[str, list[str]]:
    """Return the lines of each group of volumes by its tracking identifier; outlines of slices have areas."""
    starts = [index for index, line in enumerate(page) if line == "Measurement Group"]
    found = {}
    for start, stop in zip(starts, [*starts[1:], len(page)], strict=True):
        lines = page[start:stop]
        if "Area:" in lines:
            continue
        (label,) = (line.split('"')[1] for line in lines if "Tracking Identifier" in line)
        found[label] = lines
    return found


def _written(kind: str, report: ObjectKind, folder: Path) -> Path:
    (one,) = (one for one in objects_of(kind) if one.kind is report)
    path = folder / f"{one.name}.dcm"
    path.write_bytes(one.part10)
    return path
