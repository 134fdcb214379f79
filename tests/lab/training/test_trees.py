"""Trees that are fitted to toy features find what parts them, are calibrated, and become a package that explains."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("sklearn", reason="fitting trees needs scikit-learn: pip install triaged[lab]")
pytest.importorskip("skl2onnx", reason="exporting trees needs skl2onnx: pip install triaged[lab]")

from tests.inference.members import write_reader
from triaged.errors import ConfigError
from triaged.exams.ct.pipelines.classifier import influences
from triaged.inference.kinds.ct_classifier import CtClassifier
from triaged.inference.package import load_package
from triaged.lab.evaluation.families import Family
from triaged.lab.evaluation.features import ABOUT
from triaged.lab.packages import trees_choice
from triaged.lab.packages.trees import Fitting, fit_trees
from triaged.lab.packages.trees_choice import candidates, ranked
from triaged.lab.packages.trees_table import areas, read_table
from triaged.study.radiomics import RADIOMICS

pytestmark = pytest.mark.slow
NAMES = tuple(RADIOMICS)
TELLING, COUNTS = "coif1_LHL_glcm_contrast", "firstorder_total_energy"
LABEL = """\
name: toy
version: "1"
kind: ct-classifier
method: Trees on toy features
licence: Apache-2.0
terms: for tests
trained_on: nothing
device_uid: 2.25.5
thresholds: {identification: 0.5}
"""


def write(path: Path, cases: int, seed: int) -> Path:
    """Write features of noise; with the disease one is higher by 3 sd, and one that counts voxels by 9."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*ABOUT, *NAMES])
        for number in range(cases):
            group = ("covid", "healthy", "bacterial", "covid", "nodules")[number % 5]
            values = rng.normal(0, 1, len(NAMES))
            values[NAMES.index(TELLING)] += 3.0 * (group == "covid")
            values[NAMES.index(COUNTS)] += 9.0 * (group == "covid")
            told = 0.4 + 0.2 * (group == "covid") * (number % 2)
            writer.writerow([f"{path.stem}-{number}", "", group, told, "", *map(repr, values.tolist())])
        writer.writerow([f"{path.stem}-odd", "", "covid", "", "no lungs", *[""] * len(NAMES)])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    for name, cases, seed in (("train", 60, 1), ("tune", 40, 2), ("test", 50, 3)):
        write(folder / f"{name}.csv", cases, seed)
    (folder / "label.yaml").write_text(LABEL)
    write_reader(folder / "first")
    return folder


@pytest.fixture(scope="module")
def order(folder: Path) -> Fitting:
    features, tune, test = (folder / f"{name}.csv" for name in ("train", "tune", "test"))
    return Fitting(features, tune, test, folder / "label.yaml", folder / "toy", "first", 7)


@pytest.fixture(scope="module")
def said(order: Fitting) -> list[str]:
    """What the fit says; its package lies in the folder then."""
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees_choice, "TREES", 30)
        patch.setattr(trees_choice, "COUNTS", (4, 8))
        fit_trees(order, lines.append)
    return lines


@pytest.fixture(scope="module")
def networks(order: Fitting, said: list[str]) -> CtClassifier:
    loaded = load_package(order.package, "cpu", 1)
    assert isinstance(loaded, CtClassifier)
    return loaded


def test_the_feature_that_tells_is_first_and_one_that_counts_voxels_is_no_candidate(networks: CtClassifier) -> None:
    features = list(networks.manifest.settings.features)
    assert features[0] == TELLING
    assert COUNTS not in features
    assert COUNTS not in candidates(NAMES)
    assert "glrlm_grey_level_non_uniformity" not in candidates(NAMES)
    assert "coif1_HHH_glrlm_run_length_non_uniformity" not in candidates(NAMES)
    assert "glrlm_normalised_run_length_non_uniformity" in candidates(NAMES)


def middles_of(features: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    return list(features), np.array(list(features.values()))


def test_unseen_cases_are_parted_and_the_middle_is_the_median_of_the_training_cases(
    folder: Path, networks: CtClassifier
) -> None:
    settings = networks.manifest.settings
    table = read_table(folder / "test.csv")
    reached = areas(table, networks.probabilities(table.columns(*middles_of(settings.features))))
    assert reached["all"].n == 50
    assert (reached["all"].value or 0) > 0.9
    train = read_table(folder / "train.csv")
    assert settings.features[TELLING] == pytest.approx(train.middles([TELLING])[0], rel=1e-5)
    assert settings.training_prior == pytest.approx(0.4)


def test_the_explanation_names_the_feature_that_tells(networks: CtClassifier) -> None:
    middles = networks.manifest.settings.features
    probability, moved = influences(networks, {**middles, TELLING: middles[TELLING] + 4.0})
    assert probability > 0.6
    assert max(moved, key=lambda name: abs(moved[name])) == TELLING
    assert moved[TELLING] > 0.2
    assert [moved[name] for name in middles if name != TELLING] == pytest.approx([0.0] * (len(middles) - 1), abs=1e-6)


def test_each_group_is_told_beside_the_readers_probability_and_who_was_left_out(said: list[str]) -> None:
    assert "train.csv: 24 cases with the disease of 60; 1 without features are left out" in said
    told = [line for line in said if line.startswith("test, against ")]
    assert [line.split(",")[1].split()[-1] for line in told] == ["all", "healthy", "bacterial", "nodules"]
    assert "n 30: AUC of the trees" in told[1]
    assert "the reader's 0.750 (" in told[0]


def test_what_says_the_same_as_a_feature_before_it_is_left_out() -> None:
    rng = np.random.default_rng(5)
    labels = np.arange(60) % 2 == 0
    tells = labels * 2.0 + rng.normal(0, 1, 60)
    values = np.stack([rng.normal(0, 1, 60), tells, tells**3, np.ones(60)], axis=1)
    assert ranked(("noise", "tells", "cubed", "flat"), values, labels, 0)[0] in ("tells", "cubed")
    assert len(ranked(("noise", "tells", "cubed", "flat"), values, labels, 0)) == 2


def _broken(path: Path, change: Callable[[list[list[str]]], None]) -> Path:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    change(rows)
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows[2].__setitem__(7, "many"), r"line 3, firstorder_entropy: expected a number, found 'many'"),
        (lambda rows: rows[2].__setitem__(7, "inf"), r"line 3, firstorder_entropy: expected a number, found 'inf'"),
        (lambda rows: rows[1].__setitem__(3, "?"), r"line 2, probability: expected a number, found '\?'"),
        (lambda rows: [row.pop() for row in rows], "found other columns"),
        (
            lambda rows: [row.__setitem__(2, "covid") for row in rows[1:]],
            "group: expected cases of the group covid",
        ),
    ],
)
def test_a_broken_table_is_refused_with_row_and_column(
    tmp_path: Path, change: Callable[[list[list[str]]], None], told: str
) -> None:
    path = _broken(write(tmp_path / "odd.csv", 10, 4), change)
    with pytest.raises(ConfigError, match=f"odd.csv: .*{told}" if "group" not in told else f"odd.csv: {told}"):
        read_table(path)


def test_a_patient_who_is_both_learnt_from_and_tuned_on_is_refused(order: Fitting) -> None:
    twice = Fitting(order.features, order.features, None, order.label, order.package, order.reader, 1)
    other = order.features.with_name("copy.csv")
    other.write_bytes(order.features.read_bytes())
    for tune in (order.features, other):
        with pytest.raises(ConfigError, match="expected other patients than in"):
            fit_trees(Fitting(twice.features, tune, None, twice.label, twice.package, twice.reader, 1), lambda _: None)


def test_a_label_of_another_kind_is_refused(order: Fitting, tmp_path: Path) -> None:
    label = tmp_path / "label.yaml"
    label.write_text(LABEL.replace("ct-classifier", "ct-ensemble"))
    with pytest.raises(ConfigError, match="expected kind: ct-classifier"):
        fit_trees(Fitting(order.features, order.tune, None, label, order.package, order.reader, 1), lambda _: None)


def test_features_of_lesions_may_be_missing_and_count_as_usual(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    names = Family.LESIONS.names
    for name, cases in (("train", 60), ("tune", 40)):
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*ABOUT, *names])
            for number in range(cases):
                values: list[str] = [repr(float(each)) for each in rng.normal(3.0 * (number % 2), 1, len(names))]
                if number % 5 == 0:
                    values[names.index("lesions_mean_hu")] = ""
                writer.writerow([f"{name}-{number}", "", ("healthy", "covid")[number % 2], "", "", *values])
    (tmp_path / "label.yaml").write_text(LABEL)
    write_reader(tmp_path / "first")
    train, tune = (tmp_path / f"{name}.csv" for name in ("train", "tune"))
    fit_trees(Fitting(train, tune, None, tmp_path / "label.yaml", tmp_path / "toy", "first", 7), print)
    networks = load_package(tmp_path / "toy", "cpu", 1)
    assert isinstance(networks, CtClassifier)
    assert set(networks.manifest.settings.features) <= set(names)
    table = read_table(tune)
    assert np.isnan(table.values[:, names.index("lesions_mean_hu")]).sum() == 8
    reached = areas(table, networks.probabilities(table.columns(*middles_of(networks.manifest.settings.features))))
    assert (reached["all"].value or 0) > 0.95


def test_files_with_other_features_are_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    with other.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*ABOUT, *Family.LESIONS.names])
        writer.writerow(["a", "", "covid", "", "", *["1.0"] * len(Family.LESIONS.names)])
        writer.writerow(["b", "", "healthy", "", "", *["2.0"] * len(Family.LESIONS.names)])
    order = Fitting(folder / "train.csv", other, None, folder / "label.yaml", tmp_path / "toy", "first", 7)
    with pytest.raises(ConfigError, match="expected the same features in all files, found 394 and 24"):
        fit_trees(order, print)
