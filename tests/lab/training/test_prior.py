"""The prior of a training is taken off exactly once, and no order of cases changes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

pytest.importorskip("onnxscript", reason="the lab needs onnxscript: pip install triaged[lab]")

from triaged.errors import ConfigError
from triaged.inference.package import read_manifest
from triaged.lab.networks.multitask import MultitaskSpatial1
from triaged.lab.packages.packaging import demand_prior, read_label
from triaged.lab.training.identification import PooledSeries, fit_head
from triaged.lab.training.order import RECORD
from triaged.lab.training.paper import PAPER_POSITIVE_SHARE
from triaged.lab.training.prior import at_prior, log_odds
from triaged.lab.training.tasks import POSITIVE_SHARE

SHIPPED = Path(__file__).parents[3] / "onnx_models" / "ct-open"


def probability(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_three_to_one_is_taken_off_as_ln_3() -> None:
    """Evaluation specification, 5.3: logit p' = logit p - ln 3, plus ln(pi / (1 - pi)) at a prevalence pi."""
    assert at_prior(np.array([0.0, 2.0]), 0.75) == pytest.approx([-math.log(3), 2 - math.log(3)])
    assert at_prior(np.array([2.0]), 0.75, 0.1)[0] == pytest.approx(2 - math.log(3) - math.log(9))


@pytest.mark.parametrize(("trained", "wanted"), [(0.75, 0.5), (0.75, 0.05), (0.5, 0.9)])
def test_a_head_that_knows_nothing_gives_the_prevalence_after_correction(trained: float, wanted: float) -> None:
    """The best constant answer in training is the log-odds of its prior; Bayes' rule then leaves the prevalence."""
    assert probability(at_prior(np.array([log_odds(trained)]), trained, wanted)[0]) == pytest.approx(wanted)


def test_correction_by_bayes_rule_on_counts() -> None:
    """30 of 40 positive at 3:1 in one bin of the score; at 1:1 each negative counts threefold: 30 of 30 + 30."""
    assert probability(at_prior(np.array([math.log(30 / 10)]), 0.75)[0]) == pytest.approx(30 / (30 + 3 * 10))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5])
def test_a_prior_without_one_of_the_kinds_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        log_odds(share)


def test_a_head_fitted_on_what_tells_nothing_learns_the_prior_that_its_package_states() -> None:
    """All series look alike: 24 of them, half positive, give log-odds near ln 3, since positives are drawn 3:1.

    Its last batches of 16 leave a spread; without the 3:1, or with it twice, the log-odds would be 0 or 2.2.
    """
    rng = np.random.default_rng(8)
    pooled = [PooledSeries(np.ones((8, 1, 85), dtype=np.float32), index % 2 == 1) for index in range(24)]
    torch.manual_seed(2)
    network = MultitaskSpatial1(1, levels=3)
    fit_head(network, pooled, 200, rng)
    with torch.no_grad():
        logit = network.identification(torch.ones(1, 585)).item()
    assert logit == pytest.approx(math.log(3), abs=0.45)
    assert probability(at_prior(np.array([logit]), POSITIVE_SHARE)[0]) == pytest.approx(0.5, abs=0.11)


@pytest.mark.parametrize("stated", [0.5, 0.75])
def test_a_label_has_to_state_the_prior_that_training_tells(stated: float, tmp_path: Path) -> None:
    label = tmp_path / "label.yaml"
    label.write_text(
        f"{{name: n, version: v, licence: l, terms: t, trained_on: o, device_uid: 2.25.7, training_prior: {stated}, "
        f"thresholds: {{lung: 0.5, lesion: 0.2, identification: 0.5}}}}"
    )
    demand_prior(tmp_path, read_label(label))
    (tmp_path / "multitask").mkdir()
    (tmp_path / "multitask" / RECORD).write_text(json.dumps({"training_prior": 0.75}))
    if stated == 0.75:
        demand_prior(tmp_path, read_label(label))
    else:
        with pytest.raises(ConfigError, match=r"training_prior: expected 0\.75, .*, found 0\.5"):
            demand_prior(tmp_path, read_label(label))


def test_the_shipped_package_states_the_prior_of_both_recipes() -> None:
    assert read_manifest(SHIPPED).settings.training_prior == POSITIVE_SHARE == PAPER_POSITIVE_SHARE
