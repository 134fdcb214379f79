"""Fits trees to features and writes them as a package of kind `ct-classifier`; see `triaged model fit-trees`.

Features, their number and the trees are chosen on the training cases; the line that makes scores probabilities is
fitted to the tuning cases. Must not know how features are computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER, TREES, CtClassifier
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_package
from triaged.lab.evaluation.calibration import Line, fit_platt, mapped
from triaged.lab.evaluation.estimate import Estimate
from triaged.lab.packages.beside import read_label, reader_beside, write_manifest
from triaged.lab.packages.members import COMMON
from triaged.lab.packages.trees_choice import candidates, choose, fitted
from triaged.lab.packages.trees_table import FeatureTable, areas, demand_other_patients, read_table

PARITY: Final = 1e-4
"""Most that a probability of the package may differ from that of the trees as they were fitted."""
CERTAIN: Final = 0.01
"""Scores of trees are kept so far off 0 and 1: a leaf without one of the classes is no certainty."""
SETTINGS: Final = ("method", "thresholds")
OPSETS: Final = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True, slots=True)
class Fitting:
    """What trees are fitted to, and where they go; `test` is measured on alone, `reader` a folder beside `package`."""

    features: Path
    tune: Path
    test: Path | None
    label: Path
    package: Path
    reader: str
    seed: int


def fit_trees(order: Fitting, report: Callable[[str], None]) -> None:
    """Choose features and trees, calibrate them, write the package, load it and say what it reaches.

    Raises:
        ConfigError: a file is not what it must be, or two of them share a patient.
        ModelRefused: the package does not compute what was fitted, or its reader is not what it must be.
    """
    said = read_label(order.label, CT_CLASSIFIER.name, SETTINGS)
    paths = [path for path in (order.features, order.tune, order.test) if path is not None]
    tables = [read_table(path) for path in paths]
    for (one, first), (other, second) in combinations(zip(paths, tables, strict=True), 2):
        demand_other_patients(one, other, (first, second))
    train, tune = tables[:2]
    for path, table in zip(paths, tables, strict=True):
        left_out = f"; {len(table.without)} without features are left out" if table.without else ""
        report(f"{path.name}: {int(table.positive.sum())} cases with the disease of {len(table.groups)}{left_out}")
    names = candidates(train.names)
    if unlike := [table.names for table in tables if table.names != train.names]:
        raise ConfigError(f"expected the same features in all files, found {len(train.names)} and {len(unlike[0])}")
    known = train.columns(names, train.middles(names)).astype(np.float64)
    choice = choose(names, known, train.positive, order.seed)
    report(f"chosen: {choice.trees} on {len(choice.features)} features; AUC by folds {choice.area:.3f}")
    usual = [float(f"{middle:.6g}") for middle in train.middles(choice.features)]
    middles = dict(zip(choice.features, usual, strict=True))
    model = fitted(choice.trees, _values(train, middles).astype(np.float64), train.positive, order.seed)
    line = fit_platt(_scores(model, tune, middles), tune.positive) or Line(1.0, 0.0)
    _write(order, said, middles, calibrated(model, len(middles), line), float(tune.positive.mean()))
    networks = load_package(order.package, "cpu", 1)
    assert isinstance(networks, CtClassifier)
    _demand_parity(order.package, networks, model, line, (train, tune))
    for path, table in zip(paths[1:], tables[1:], strict=True):
        for told in _told(path.stem, table, networks, middles):
            report(told)
    for name, middle in middles.items():
        report(f"feature {name}, middle {middle:.6g}")


def calibrated(model: Any, features: int, line: Line) -> onnx.ModelProto:
    """Return the graph of fitted trees with one output, (n, 1): the probability on a line of their log-odds."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    initial = [("features", FloatTensorType([None, features]))]
    told = onnx.ModelProto()
    told.CopyFrom(to_onnx(model, initial_types=initial, options={id(model): {"zipmap": False}}, target_opset=OPSETS))
    graph = told.graph
    scores = graph.output[1].name
    constants = {"low": CERTAIN, "high": 1 - CERTAIN, "one": 1.0, "slope": line.slope, "intercept": line.intercept}
    graph.initializer.extend(
        helper.make_tensor(f"line_{name}", TensorProto.FLOAT, [], [value]) for name, value in constants.items()
    )
    graph.initializer.append(helper.make_tensor("line_column", TensorProto.INT64, [1], [1]))
    graph.node.extend(
        [
            helper.make_node("Gather", [scores, "line_column"], ["line_score"], axis=1),
            helper.make_node("Clip", ["line_score", "line_low", "line_high"], ["line_kept"]),
            helper.make_node("Sub", ["line_one", "line_kept"], ["line_other"]),
            helper.make_node("Div", ["line_kept", "line_other"], ["line_odds"]),
            helper.make_node("Log", ["line_odds"], ["line_logit"]),
            helper.make_node("Mul", ["line_logit", "line_slope"], ["line_steep"]),
            helper.make_node("Add", ["line_steep", "line_intercept"], ["line_moved"]),
            helper.make_node("Sigmoid", ["line_moved"], ["probability"]),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 1]))
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    onnx.checker.check_model(told)
    return told


def _values(table: FeatureTable, middles: Mapping[str, float]) -> NDArray[np.float32]:
    return table.columns(list(middles), np.array(list(middles.values())))


def _scores(model: Any, table: FeatureTable, middles: Mapping[str, float]) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = np.clip(model.predict_proba(_values(table, middles))[:, 1], CERTAIN, 1 - CERTAIN)
    return scores


def _write(
    order: Fitting, said: Mapping[str, Any], middles: Mapping[str, float], graph: onnx.ModelProto, prior: float
) -> None:
    reader = reader_beside(order.package, order.reader)
    content = graph.SerializeToString()
    order.package.mkdir(parents=True, exist_ok=True)
    (order.package / f"{TREES}.onnx").write_bytes(content)
    own = {
        **{name: said[name] for name in (*COMMON, *SETTINGS)},
        "training_prior": round(prior, 4),
        "features": dict(middles),
    }
    entry = {
        "file": f"{TREES}.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "inputs": {"features": ["n", len(middles)]},
        "outputs": {"probability": ["n", 1]},
    }
    write_manifest(order.package, own, {TREES: entry}, reader)


def _demand_parity(
    package: Path, networks: CtClassifier, model: Any, line: Line, tables: Sequence[FeatureTable]
) -> None:
    """Refuse a package whose graph does not compute what was fitted; without its manifest nobody can load it."""
    prior = networks.manifest.settings.training_prior
    middles = networks.manifest.settings.features
    for table in tables:
        told = mapped(_scores(model, table, middles), line)
        odds = told / (1 - told) * (1 - prior) / prior
        apart = float(np.abs(networks.probabilities(_values(table, middles)) - odds / (1 + odds)).max())
        if not apart <= PARITY:
            (package / MANIFEST_NAME).unlink()
            raise ModelRefused(
                f"{package}: expected the fitted trees' probabilities within {PARITY}, found {apart:.1e}"
            )


def _told(name: str, table: FeatureTable, networks: CtClassifier, middles: Mapping[str, float]) -> list[str]:
    """Return a line for each group: the area of the trees, and that of the reader on the same cases."""
    trees = areas(table, networks.probabilities(_values(table, middles)))
    known = bool(np.isfinite(table.probability).all())
    readers = areas(table, table.probability) if known else dict.fromkeys(trees)
    lines = []
    for against, area in trees.items():
        beside = readers[against]
        other = "" if beside is None else f"; the reader's {_area(beside)}"
        lines.append(f"{name}, against {against}, n {area.n}: AUC of the trees {_area(area)}{other}")
    return lines


def _area(found: Estimate) -> str:
    if found.value is None:
        return found.why
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
