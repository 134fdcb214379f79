"""A package of any kind that is broken is refused with the file and the line that have to be put right."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.inference.breaking import broken, demand_refusal
from tests.inference.members import (
    Stump,
    write_cascade,
    write_classifier,
    write_ensemble,
    write_lesions,
    write_lungs,
    write_reader,
    write_segmenter,
    write_slice_classifier,
)
from triaged.errors import ModelRefused
from triaged.exams.ct.engines import PIPELINES
from triaged.inference.package import load_package

VOTE = "  - {members: [reader, c], rule: mean, for: 0.6, against: 0.2}\n  - {members: [a], rule: all, for: 0.5}\n"
WRITTEN = ("ensemble", "reader", "lungs", "axial", "coronal", "cascade", "unet", "unet3", "classifier", "seen")
STUMPS = {"firstorder_mean": Stump(-700.0, 0.2, -850.0), "glcm_contrast": Stump(3.0, 0.1, 2.0)}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a package of every kind, and an ensemble of them."""
    folder = tmp_path_factory.mktemp("written")
    write_reader(folder / "reader")
    write_lungs(folder / "lungs")
    write_lesions(folder / "axial")
    write_lesions(folder / "coronal", "coronal")
    write_lesions(folder / "wide", more="spacing_mm: [2, 2]\nwindow_hu: [-1350, 150]\n")
    write_lesions(folder / "fine", more="spacing_mm: [1, 1]\nwindow_hu: [-1000, 300]\n")
    write_cascade(folder / "cascade")
    write_segmenter(folder / "unet", "reader")
    write_segmenter(folder / "unet3", "reader", 3)
    write_classifier(folder / "classifier", STUMPS)
    write_slice_classifier(folder / "seen")
    parts = {"reader": "reader", "lungs": "lungs", "a": "axial", "c": "coronal"}
    write_ensemble(folder / "ensemble", VOTE, parts)
    return folder


@pytest.fixture
def models(written: Path, tmp_path: Path) -> Path:
    """Return a copy to break."""
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return tmp_path


GROUP = "  - {members: [a], rule: all, for: 0.5}"
WAYS = [
    # a member
    ("axial", "kind: ct-lesions", "kind: ct-lesion", 0, "kind: expected ct-multitask or ct-ensemble"),
    ("axial", "plane: axial", "plane: oblique", 0, "plane: expected axial or coronal or sagittal, found oblique"),
    ("axial", "plane: axial\n", "", -8, "plane: expected this key"),
    ("axial", "plane: axial", "plane: axial\ncolour: green", 1, "colour: unknown key"),
    ("axial", "[2.0, 2.0]", "[2.0, -2.0]", 0, "spacing_mm: expected two positive millimetres"),
    ("axial", "[2.0, 2.0]", "2.0", 0, "spacing_mm: expected a list"),
    ("axial", "[2.0, 2.0]", "[2.0, 1.0]", 0, "spacing_mm: expected square pixels, found 2.0 x 1.0 mm"),
    ("axial", "[-1000, 300]", "[300, 300]", 0, "window_hu: expected the lower HU first"),
    ("axial", "lesion: 0.4", "lesion: 1", 0, "thresholds.lesion: expected a number between 0 and 1, found 1.0"),
    ("axial", "lesion: 0.4", "lesion: 0.4, lung: 0.5", 0, "thresholds.lung: unknown key"),
    (
        "axial",
        "inputs: {slices: [n, 1,",
        "inputs: {slices: [n, 3,",
        0,
        "networks.lesions.inputs: expected one tensor [n, 1, rows,",
    ),
    (
        "axial",
        "rows, columns]}\n    out",
        "64, 64]}\n    out",
        0,
        "networks.lesions.inputs: expected one tensor [n, 1, rows, columns]",
    ),
    (
        "axial",
        "lesion: [n, 1",
        "lesion: [n, 2",
        0,
        "networks.lesions.outputs: expected one tensor [n, 1, rows, columns], found [n, 2,",
    ),
    # lungs from three projections
    ("lungs", "  coronal:", "  oblique:", -5, "networks.coronal: expected this key"),
    (
        "lungs",
        "sides: [n, 3",
        "sides: [n, 2",
        0,
        "networks.axial.outputs: expected one tensor [n, 3, 128, 128], found [n, 2, 128, 128]",
    ),
    ("lungs", "lung: 0.5", "lung: 0", 0, "thresholds.lung: expected a number between 0 and 1"),
    ("lungs", "thresholds:", "spacing_mm: [2, 2]\nthresholds:", 0, "spacing_mm: unknown key"),
    # a cascade
    ("cascade", "slice_mm2: 50.0\n", "", -11, "slice_mm2: expected this key"),
    ("cascade", "slice_mm2: 50.0", "slice_mm2: -1", 0, "slice_mm2: expected an area, found -1.0"),
    ("cascade", "slice_mm2: 50.0", "slice_mm2: much", 0, "slice_mm2: expected a number, found 'much'"),
    (
        "cascade",
        "256, 256]}\n    out",
        "512, 512]}\n    out",
        0,
        "networks.lungs.inputs: expected one tensor [n, 1, 256, 256]",
    ),
    ("cascade", "lesion: [n, 2", "lesion: [n, 1", 0, "networks.lesions.outputs: expected one tensor [n, 2, 256, 256]"),
    # a network that only segments
    ("unet", "dimensions: 2", "dimensions: 4", 0, "dimensions: expected 2 or 3, found 4"),
    ("unet", "dimensions: 2\n", "", -8, "dimensions: expected this key"),
    ("unet", "dimensions: 2", "dimensions: 3", None, "unet: lesions: expected one input of 5 axes, for 3 dimensions"),
    ("unet3", "dimensions: 3", "dimensions: 2", None, "unet3: lesions: expected one input of 4 axes, for 2 dimensions"),
    ("unet", "  reader: {", "  lungs: {", 0, "parts.reader: expected this key"),
    ("unet", "package: reader", "package: axial", 0, "parts.reader: expected the model"),
    (
        "unet",
        "[-1000, 300]",
        "[-1350, 150]",
        None,
        "expected window_hu of the reader, [-1000.0, 300.0], found",
    ),
    ("unet", "lesion: 0.4", "lesion: 0", 0, "thresholds.lesion: expected a number between 0 and 1"),
    # a classifier
    (
        "classifier",
        "firstorder_mean",
        "firstorder_average",
        0,
        "features.firstorder_average: unknown feature, expected",
    ),
    ("classifier", "mean: -850.0", "mean: grey", 0, "features.firstorder_mean: expected a number, found 'grey'"),
    ("classifier", "mean: -850.0", "mean: .nan", 0, "features.firstorder_mean: expected a number, found nan"),
    (
        "classifier",
        "  glcm_contrast: 2.0\n",
        "",
        6,
        "networks.trees.inputs: expected one tensor [n, 1], as features has",
    ),
    ("classifier", "features:\n", "features: {}\nothers:\n", 0, "features: expected 1 to 64 features, found 0"),
    ("classifier", "features:\n", "feature:\n", -10, "features: expected this key"),
    ("classifier", "features: [n, 2]", "features: [4, 2]", 0, "networks.trees.inputs: expected one tensor [n, 2]"),
    ("classifier", "[n, 1]", "[n, 2]", 0, "networks.trees.outputs: expected one tensor [n, 1], found [n, 2]"),
    (
        "classifier",
        "parts:",
        "part:",
        -13,
        "parts: expected a part reader: a classifier without lungs has nothing to look",
    ),
    ("classifier", "  reader: {", "  lungs: {", -1, "parts: expected a part reader: a classifier without lungs"),
    ("classifier", "package: reader", "package: lungs", 0, "parts.reader: expected the model"),
    ("classifier", "identification: 0.5", "identification: 1.0", 0, "thresholds.identification: expected a number"),
    ("classifier", "identification: 0.5", "identification: 0.5, lung: 0.5", 0, "thresholds.lung: unknown key"),
    ("classifier", "training_prior: 0.5", "training_prior: 0", 0, "training_prior: expected a number between 0 and 1"),
    ("classifier", "  trees:\n", "  forest:\n", 0, "networks.trees: expected this key"),
    # a classifier that sees slices
    ("seen", "parts:", "part:", -12, "parts: expected a part reader: a classifier without lungs has nothing to look"),
    ("seen", "  reader: {", "  lungs: {", -1, "parts: expected a part reader: a classifier without lungs"),
    ("seen", "package: reader", "package: axial", 0, "parts.reader: expected the model"),
    ("seen", "[-1000, 300]", "[-1350, 150]", None, "expected window_hu of the reader, [-1000.0, 300.0], found"),
    ("seen", "[2.0, 2.0]", "[1.0, 1.0]", None, "expected spacing_mm of the reader, [2.0, 2.0], found [1.0, 1.0]"),
    ("seen", "window_hu: [-1000, 300]\n", "", -9, "features: expected this key"),
    ("seen", "training_prior: 0.5", "training_prior: 0.5\nfeatures: {}", 1, "features: unknown key"),
    ("seen", "identification: 0.6", "identification: 0", 0, "thresholds.identification: expected a number"),
    ("seen", "numbers: [n, 2]", "numbers: [n, m]", 0, "networks.slices.outputs: expected [n, a number], found m"),
    ("seen", "numbers: [n, 2]", "numbers: [n, 2, 1]", 0, "networks.slices.outputs: expected one tensor of 2 axes"),
    ("seen", "numbers: [n, 2]", "numbers: [n, 3]", 4, "networks.head.inputs: expected [n, 45], found [n, 30]"),
    (
        "seen",
        "pooled: [n, 30]",
        "pooled: [30, 30]",
        0,
        "networks.head.inputs: expected one tensor of 2 axes, the first",
    ),
    ("seen", "identification: [n, 1]", "identification: [n, 2]", 0, "networks.head.outputs: expected [n, 1]"),
    ("seen", "  head:\n", "  heads:\n", -5, "networks.head: expected this key"),
    # an ensemble
    ("ensemble", "vote:", "votes:", -8, "vote: expected this key"),
    ("ensemble", "members: [a]", "members: [b]", 0, "vote[1].members: expected names out of reader, a, c, found 'b'"),
    ("ensemble", "members: [a]", "members: [lungs]", 0, "vote[1].members: expected names out of reader, a, c"),
    ("ensemble", "members: [a]", "members: [a, a]", 0, "vote[1].members: expected at least one name, each once"),
    ("ensemble", "members: [a]", "members: []", 0, "vote[1].members: expected at least one name"),
    ("ensemble", GROUP, "", -2, "vote: expected every member in a group, found none with a"),
    ("ensemble", "rule: all", "rule: most", 0, "vote[1].rule: expected all or mean, found most"),
    ("ensemble", "rule: all, for: 0.5", "rule: all", 0, "vote[1].for: expected for or against, found neither"),
    ("ensemble", "for: 0.5", "for: 1.5", 0, "vote[1].for: expected a number between 0 and 1, found 1.5"),
    ("ensemble", "for: 0.5", "for: 0", 0, "vote[1].for: expected a number between 0 and 1, found 0.0"),
    ("ensemble", "against: 0.2", "against: 0.6", 0, "vote[0].against: expected less than for, 0.6, found 0.6"),
    ("ensemble", "against: 0.2", "weight: 2", 0, "vote[0].weight: unknown key"),
    ("ensemble", VOTE, "  - {members: [a, c], rule: mean, against: 0.5}\n", -1, "vote: expected a group that can vote"),
    ("ensemble", VOTE, "  []\n", -1, "vote: expected a list of mappings, found []"),
    ("ensemble", "  reader: {", "  first: {", -1, "parts: expected a part reader, found first, lungs, a, c"),
    ("ensemble", "package: axial", "package: gone", None, "gone/manifest.yaml: expected a readable manifest"),
    ("ensemble", "package: axial", "package: coronal", 0, "parts.a: expected the model"),
    ("ensemble", "vote:", "networks: {}\nvote:", 0, "networks: unknown key"),
]


@pytest.mark.parametrize(("package", "found", "replacement", "lines_on", "told"), WAYS)
def test_a_broken_manifest_is_refused_with_its_file_and_line(
    models: Path, package: str, found: str, replacement: str, lines_on: int | None, told: str
) -> None:
    demand_refusal(models / package, found, replacement, lines_on, told)


def test_what_is_broken_is_whole_before(models: Path) -> None:
    assert len(WAYS) >= 30
    for package in WRITTEN:
        assert load_package(models / package, "cpu", 1).manifest.name == package


@pytest.mark.parametrize(
    ("parts", "place", "told"),
    [
        (
            {"reader": "axial", "c": "coronal"},
            "reader",
            "a package of kind ct-multitask, found axial of kind ct-lesions",
        ),
        ({"reader": "reader", "c": "reader"}, "c", "a package of kind ct-lesions, found reader of kind ct-multitask"),
        (
            {"reader": "reader", "c": "ensemble"},
            "c",
            "a package of kind ct-lesions, found ensemble of kind ct-ensemble",
        ),
        ({"reader": "ensemble", "c": "axial"}, "reader", "a package of kind ct-multitask, found ensemble of kind"),
        ({"reader": "reader", "lungs": "axial", "c": "coronal"}, "lungs", "a package of kind ct-lungs, found axial of"),
        ({"reader": "reader", "c": "lungs"}, "c", "a package of kind ct-lesions, found lungs of kind ct-lungs"),
        ({"reader": "reader", "c": "wide"}, "c", "window_hu [-1000, 300], as of the reader, found [-1350, 150]"),
        ({"reader": "reader", "c": "fine"}, "c", "spacing_mm [2, 2], as of the reader, found [1, 1]"),
    ],
)
def test_a_part_in_the_wrong_place_is_refused_with_the_line_that_names_it(
    models: Path, parts: dict[str, str], place: str, told: str
) -> None:
    write_ensemble(models / "other", "  - {members: [reader, c], rule: all, for: 0.5}\n", parts)
    line = broken(models / "other", f"  {place}: {{", f"  {place}: {{")
    with pytest.raises(ModelRefused, match=re.escape(f"other/manifest.yaml:{line}: parts.{place}: expected {told}")):
        load_package(models / "other", "cpu", 1)


@pytest.mark.parametrize("reader", ["lungs", "cascade", "ensemble", "classifier"])
def test_a_classifier_whose_reader_is_of_another_kind_is_refused(models: Path, reader: str) -> None:
    write_classifier(models / "other", STUMPS, reader)
    line = broken(models / "other", "  reader: {", "  reader: {")
    named = f"other/manifest.yaml:{line}: parts.reader: "
    expected = f"{named}expected a package of kind ct-multitask, which finds the lungs, found {reader} of"
    with pytest.raises(ModelRefused, match=re.escape(expected)):
        load_package(models / "other", "cpu", 1)


@pytest.mark.parametrize("base", [1.3, -0.2, float("nan")])
def test_trees_that_give_no_probability_are_refused(models: Path, base: float) -> None:
    write_classifier(models / "odd", STUMPS, base=base)
    with pytest.raises(ModelRefused, match=r"odd/trees\.onnx: expected the probability of a series of middle features"):
        load_package(models / "odd", "cpu", 1)


@pytest.mark.parametrize("package", ["axial", "lungs"])
def test_a_package_that_reads_nothing_by_itself_is_refused_where_a_reader_is_expected(
    models: Path, package: str
) -> None:
    expected = re.escape(f"manifest.yaml:3: kind: expected {' or '.join(PIPELINES)}, found ct-l")
    with pytest.raises(ModelRefused, match=expected):
        load_package(models / package, "cpu", 1, among=PIPELINES)
    assert load_package(models / "ensemble", "cpu", 1, among=PIPELINES).manifest.name == "ensemble"
