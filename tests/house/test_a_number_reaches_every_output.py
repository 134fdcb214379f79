"""A number that is measured is kept and shown everywhere; where it is not, the table of this test says so, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.findings import changed, finding_of
from tests.house.outputs import Told, told
from tests.house.shown import Shown, shown
from tests.house.xray_numbers import XRAY_FINDING, XRAY_LEFT_OUT, XRAY_SHOWN
from tests.results.explained import WORDS, explained_study
from tests.web.scene import Scene
from triaged.exams.ct.finding import Tissue
from triaged.spool.files import Spool
from triaged.store.tables.database import open_database
from triaged.study.coding import SHARE, Concept, Output, private
from triaged.study.concepts import (
    CONCEPTS,
    DISEASES,
    LEFT_LUNG,
    LUNG_VOLUME,
)
from triaged.study.finding import Finding, Measurement

FINDING = finding_of(
    identification=0.913,
    identification_threshold=0.627,
    severity=0.541,
    severity_right=0.073,
    severity_left=0.541,
    severity_total=0.322,
    right_lung_ml=2611.0,
    left_lung_ml=2327.0,
    lungs_ml=4938.0,
    lesion_ml=1213.0,
    dense_share=0.284,
    slices_share=0.297,
    ensemble_spread=0.053,
    grade=3,
    engine="networks",
    tissue_right=Tissue(17.0, 171.0, 0.0061, 0.0617, 0.683),
    tissue_left=Tissue(317.0, 935.0, 0.1362, 0.4018, 0.291),
    tissue_total=Tissue(334.0, 1106.0, 0.0676, 0.2241, 0.498),
    solid_ml=43.0,
    solid_share=0.0087,
    mild_probability=0.617,
    severe_probability=0.219,
    nat_probability=0.584,
)


SHOWN = {
    "identification": shown(
        {"identification": 0.913},
        {"IDENTIFICATION": "0.913"},
        {("IDENTIFICATION", 0.913)},
        ("P(COVID-19 pattern), experimental: 0.91",),
        ("</abbr></dt><dd>0.91",),
    ),
    "identification_threshold": shown(
        {"identification_threshold": 0.627},
        {"THRESHOLD": "0.627"},
        {("IDENT_THRESHOLD", 0.627)},
        (">= 0.627: flagged",),
        ("≥ 0.627",),
    ),
    "severity": shown(
        {"severity": 0.541}, {"SEVERITY": "54.1"}, {("SEVERITY", 54.1)}, ("left 54 %",), ("left lung 54 %",)
    ),
    "affected_share": shown(
        {"severity_right": 0.073, "severity_left": 0.541},
        {"SEVERITY-RIGHT": "7.3", "SEVERITY-LEFT": "54.1"},
        {("SHARE", 7.3), ("SHARE", 54.1)},
        ("Right 7 %, left 54 %",),
        ("right lung 7 %, left lung 54 %",),
    ),
    "total_share": shown({"severity_total": 0.322}, {"SEVERITY-TOTAL": "32.2"}, {("SHARE", 32.2)}, ("total 32 %",)),
    "lung_volume": shown({}, {}, set(), ("Right 2611 mL, left 2327 mL",)),
    "lungs_volume": shown({}, {}, {("LUNGS_VOLUME", 4938.0)}, ()),  # in words where the lungs were not told apart
    "affected_volume": shown({}, {}, {("AFFECTED_VOLUME", 1213.0)}, ("affected 1213 mL",)),
    "dense_share": shown({"dense_share": 0.284}, {}, {("DENSE_SHARE", 28.4)}, ()),
    "consolidation_volume": shown(
        {"consolidation_volume_right": 17.0, "consolidation_volume_left": 317.0, "consolidation_volume_total": 334.0},
        {},
        {("CONSOLIDATION_ML", 17.0), ("CONSOLIDATION_ML", 317.0), ("CONSOLIDATION_ML", 334.0)},
        ("Consolidation right 17 mL, left 317 mL",),
    ),
    "ground_glass_volume": shown(
        {"ground_glass_volume_right": 171.0, "ground_glass_volume_left": 935.0, "ground_glass_volume_total": 1106.0},
        {},
        {("GROUND_GLASS_ML", 171.0), ("GROUND_GLASS_ML", 935.0), ("GROUND_GLASS_ML", 1106.0)},
        ("ground glass right 171 mL, left 935 mL",),
    ),
    "consolidation_share": shown(
        {"consolidation_share_right": 0.0061, "consolidation_share_left": 0.1362, "consolidation_share_total": 0.0676},
        {},
        {("CONSOLIDATION", 0.6), ("CONSOLIDATION", 13.6), ("CONSOLIDATION", 6.8)},
        (),
    ),
    "ground_glass_share": shown(
        {"ground_glass_share_right": 0.0617, "ground_glass_share_left": 0.4018, "ground_glass_share_total": 0.2241},
        {},
        {("GROUND_GLASS", 6.2), ("GROUND_GLASS", 40.2), ("GROUND_GLASS", 22.4)},
        (),
    ),
    "well_aerated_share": shown(
        {"well_aerated_share_right": 0.683, "well_aerated_share_left": 0.291, "well_aerated_share_total": 0.498},
        {},
        {("WELL_AERATED", 68.3), ("WELL_AERATED", 29.1), ("WELL_AERATED", 49.8)},
        ("Well aerated (-950 to -700 HU) right 68 %, left 29 %",),
    ),
    "solid_volume": shown(
        {"solid_volume": 43.0},
        {"SOLID-VOLUME": "43"},
        {("SOLID_OR_FLUID", 43.0)},
        ("Solid or fluid within the lungs: 43 mL",),
        ("<dt>Solid or fluid within the lungs</dt><dd>43 mL</dd>",),
    ),
    "solid_share": shown({"solid_share": 0.0087}, {}, {("SOLID_SHARE", 0.9)}, ()),
    "slices_share": shown(
        {"slices_share": 0.297}, {}, {("SLICES_SHARE", 29.7)}, ("Mean affected share of the slices: 30 %",)
    ),
    "ensemble_spread": shown(
        {"ensemble_spread": 0.053},
        {"ENSEMBLE-SPREAD": "5.3"},
        {("ENSEMBLE_SPREAD", 5.3)},
        ("Share of lung on which the members of the ensemble disagree: 5 %",),
        ("5 %",),
    ),
    **{
        f"{name}_probability": shown(
            {f"{name}_probability": value},
            {},
            {(code, value)},
            (f"Probability of {words} (experimental): {value:.2f}",),
            (f"<dt>Probability of {words} (experimental)</dt><dd>{value:.2f}</dd>",),
        )
        for name, code, value, words in (
            ("mild", "MILD_PROB", 0.617, "mild or regular disease"),
            ("severe", "SEVERE_PROB", 0.219, "severe or critical disease"),
            ("nat", "NAT_PROB", 0.584, "a positive nucleic acid test"),
        )
    },
}
"""Every concept that there is, written down once more."""

ORDER, SITE = "the worse lung decides the order", "the list shows the threshold of the site"
EXPLAINS = "explains the shares to who reads the report; nobody else acts on it"
SLICES = "small end slices weigh as much as large ones; nothing is ordered by it"
NO_ROOM = "says how much to trust the shares; the list has no room for it"
OPINION = "what a head of a network thinks orders nothing, and nobody is notified of it"
HEADS = ("mild_probability", "severe_probability", "nat_probability")
ACTING = (Output.LIST, Output.NOTIFICATION, Output.PAGE, Output.EVALUATION)
VOLUMES = ("lung_volume", "lungs_volume", "affected_volume")
TISSUE = ("consolidation_volume", "ground_glass_volume", "well_aerated_share")
FIGURES = ("dense_share", "consolidation_share", "ground_glass_share", "solid_share")
FOLLOWS = "follows from other numbers; reports and evaluations compare it"
COMPARING = (Output.REPORT, Output.EVALUATION)
LEFT_OUT: dict[tuple[str, Output], str] = {
    ("identification_threshold", Output.LIST): SITE,
    ("total_share", Output.LIST): ORDER,
    ("total_share", Output.PAGE): ORDER,
    ("ensemble_spread", Output.LIST): NO_ROOM,
    **{("slices_share", output): SLICES for output in (Output.LIST, Output.NOTIFICATION, Output.PAGE)},
    **{(name, output): OPINION for name in HEADS for output in (Output.LIST, Output.NOTIFICATION)},
    **{(name, output): EXPLAINS for name in VOLUMES for output in ACTING},
    **{(name, output): EXPLAINS for name in TISSUE for output in ACTING if output is not Output.EVALUATION},
    **{(name, output): FOLLOWS for name in FIGURES for output in Output if output not in COMPARING},
}
"""Concepts that do not reach an output, with the reason; whatever is not here has to."""

SUSPECTED = [each for disease in DISEASES.values() for each in (disease.probability, disease.threshold)]
KNOWN = {**CONCEPTS, **{each.name: each for each in SUSPECTED}}
PAIRS = [(name, output) for name in KNOWN for output in Output]
NEW = Concept("crazy_paving_share", private("CRAZY_PAVING", "Share of crazy paving"), SHARE, "crazy paving")


@pytest.fixture
def everybody(sqlite_url: str, spool: Spool, tmp_path: Path) -> Iterator[Callable[[Finding], Told]]:
    """Tells everybody of a finding."""
    database = open_database(sqlite_url)
    yield lambda finding: told(finding, Scene(database, spool), tmp_path)
    database.close()


def missing(said: Told, expected: Shown, output: Output) -> list[object]:
    """Return what an output ought to show and does not."""
    match output:
        case Output.LIST:
            return [one for one in expected.json.items() if one not in said.listed.items()]
        case Output.NOTIFICATION:
            unsaid = [one for one in expected.json.items() if one not in said.hook.items()]
            return [*unsaid, *(one for one in expected.hl7.items() if one not in said.hl7)]
        case Output.REPORT:
            return [*(expected.report - said.report)]
        case Output.WORDS:
            return [one for one in expected.words if one not in said.words]
        case Output.PAGE:
            return [one for one in expected.page if one not in said.page]
        case Output.EVALUATION:
            return [one for one in expected.json.items() if one not in said.evaluated.items()]


def test_every_concept_goes_to_every_output_but_for_those_that_are_left_out_with_a_reason() -> None:
    assert {*SHOWN, *XRAY_SHOWN} == set(KNOWN)
    left_out = {*LEFT_OUT, *XRAY_LEFT_OUT}
    assert {(name, output) for name, output in PAIRS if output not in KNOWN[name].outputs} == left_out


def test_each_number_is_shown_where_its_concept_goes(everybody: Callable[[Finding], Told]) -> None:
    said = everybody(FINDING)
    for name, output in PAIRS:
        if name in SHOWN and (name, output) not in LEFT_OUT:
            assert not missing(said, SHOWN[name], output), (name, output)
    # The report counts the volumes of the lungs on their masks, as that of the opacity.
    assert sum(code == LUNG_VOLUME.code.value for code, _ in said.report) == 3
    assert set(said.stored) == {FINDING}


def test_each_number_of_an_x_ray_is_shown_where_its_concept_goes(everybody: Callable[[Finding], Told]) -> None:
    said = everybody(XRAY_FINDING)
    for name, output in PAIRS:
        if name in XRAY_SHOWN and (name, output) not in XRAY_LEFT_OUT:
            assert not missing(said, XRAY_SHOWN[name], output), (name, output)
    assert set(said.stored) == {XRAY_FINDING}


def test_of_lungs_that_were_not_told_apart_the_words_tell_the_volume_of_both(
    everybody: Callable[[Finding], Told],
) -> None:
    of_one = dict.fromkeys(("severity_right", "severity_left", "right_lung_ml", "left_lung_ml"))
    said = everybody(changed(FINDING, severity=0.322, **of_one))
    assert "Lungs 4938 mL" in said.words
    assert "Lungs not told apart, total 32 %" in said.words
    assert "right lung 32 %, left lung both lungs" in said.page


def test_what_moved_a_probability_is_kept_and_shown_in_one_sentence(everybody: Callable[[Finding], Told]) -> None:
    explained = explained_study().reading.finding
    said = everybody(explained)
    assert f"P most moved by: {WORDS}" in said.words
    assert f"<dt>Probability most moved by</dt><dd>{WORDS}</dd>" in said.page
    assert said.page.count("co-occurrence") == said.words.count("co-occurrence") == 1
    assert not [name for each in (said.listed, said.hook, said.evaluated) for name in each if "moved_by" in name]
    assert {("TLU2", 4.21), ("MOVED_BY_003", 0.1249)} <= said.report
    assert set(said.stored) == {explained}


def test_no_number_is_shown_where_its_concept_is_left_out(everybody: Callable[[Finding], Told]) -> None:
    said = everybody(FINDING)
    for names in (said.listed, said.hook):
        assert not {"lung_volume_right", "lungs_volume", "affected_volume", "dense_share"} & set(names)
    assert "identification_threshold" not in said.listed
    assert "severity_total" not in said.listed
    assert not [
        one for names in (said.listed, said.hook) for one in names if one.startswith(("mild", "severe", "nat_"))
    ]
    assert not [one for one in ("32 %", "2611", "2327", "4938", "1213", "28 %") if one in said.page]


@pytest.mark.parametrize("output", Output)
def test_a_number_that_an_output_loses_is_missed(everybody: Callable[[Finding], Told], output: Output) -> None:
    unscored = replace(FINDING, measurements=(), suspicion=None)
    assert missing(everybody(unscored), SHOWN["affected_share"], output)


@pytest.mark.parametrize("site", [None, LEFT_LUNG])
def test_a_new_concept_reaches_everybody_without_a_change_of_the_product(
    everybody: Callable[[Finding], Told], monkeypatch: pytest.MonkeyPatch, site: object
) -> None:
    monkeypatch.setitem(CONCEPTS, NEW.name, NEW)
    measured = Measurement(NEW, 0.1374, LEFT_LUNG if site else None)
    finding = replace(FINDING, measurements=(*FINDING.measurements, measured))
    said = everybody(finding)
    name, words = ("crazy_paving_share_left", "of the left lung") if site else ("crazy_paving_share", "")
    expected = shown(
        {name: 0.1374},
        {name.upper().replace("_", "-"): "13.7"},
        {("CRAZY_PAVING", 13.7)},
        (f"Crazy paving {words}".strip() + ": 14 %",),
        (f"<dt>Crazy paving {words}".strip() + "</dt><dd>14 %</dd>",),
    )
    assert {output: missing(said, expected, output) for output in Output} == {output: [] for output in Output}
    assert set(said.stored) == {finding}
