"""`triaged simulate` prints what was simulated, from assumed cases or from an evaluation, and draws it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.site import run
from tests.lab.acceptance.site_rows import site
from triaged.errors import ConfigError
from triaged.lab.simulation.assumed import Accuracy, assumed_cases
from triaged.lab.simulation.evaluated import read_rows
from triaged.lab.simulation.site import Truth
from triaged.study.assessment import Assessed

BRIEF = ("--days", "0.5", "--replications", "2")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text("triage: {scheme: combined}\n", encoding="utf-8")
    return str(path)


def test_assumed_cases_have_the_prevalence_and_accuracy_asked_for() -> None:
    cases = assumed_cases(Accuracy(prevalence=0.2, sensitivity=0.8, specificity=0.9))
    sick = {Truth.CRITICAL, Truth.SEVERE, Truth.MODERATE, Truth.MILD}

    def weight(*, diseased: bool, flagged: bool) -> float:
        return sum(
            case.weight
            for case in cases
            if (case.truth in sick) is diseased
            and isinstance(case.outcome, Assessed)
            and ((case.outcome.finding.probability or 0) >= 0.5) is flagged
        )

    assert weight(diseased=True, flagged=True) == pytest.approx(0.16)
    assert weight(diseased=True, flagged=False) == pytest.approx(0.04)
    assert weight(diseased=False, flagged=True) == pytest.approx(0.08)
    assert sum(case.weight for case in cases) == pytest.approx(1)


def test_the_orders_asked_for_are_compared_with_first_come_first(config: str) -> None:
    ended = run("simulate", "--config", config, *BRIEF, "--discipline", "head_start", "--load", "0.9")
    assert ended.code == 0, ended.err
    assert "load 0.90" in ended.out
    assert "fifo" in ended.out
    assert "head_start" in ended.out
    assert "strict" not in ended.out
    assert "conservation law" in ended.out


def test_a_trace_and_an_evaluation_take_the_place_of_chance_and_assumption(config: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    times = [
        f"2025-03-{day:02d}T{hour:02d}:{minute:02d}" for day in (1, 2, 3) for hour in range(24) for minute in (0, 30)
    ]
    trace.write_text("arrived\n" + "\n".join(times), encoding="utf-8")
    evaluation = tmp_path / "evaluation.json"
    rows = site(12, 12)
    evaluation.write_text(json.dumps({"cases": [row.as_json() for row in rows]}), encoding="utf-8")
    assert read_rows(evaluation)[0].group == "covid"
    plot = tmp_path / "plots" / "waits.png"
    chosen = ("--arrivals", str(trace), "--evaluation", str(evaluation), "--plot", str(plot), "--discipline", "strict")
    ended = run("simulate", "--config", config, "--replications", "2", *chosen)
    assert ended.code == 0, ended.err
    assert "36 evaluated cases, 48.0 studies a day" in ended.out
    with Image.open(plot) as image:
        assert np.asarray(image.convert("L")).std() > 20


def test_harm_ranking_and_gates_are_printed_for_orders_named_in_one_go(config: str) -> None:
    orders = "head_start, strict,strict_cap,accumulating,fifo"
    ended = run("simulate", "--config", config, *BRIEF, "--sensitivity", "0.2", "--discipline", orders)
    assert ended.code == 0, ended.err
    for said in ("Harm to", "missed", "strict_cap", "accumulating", "Severe within", "Asked of the daemon"):
        assert said in ended.out


def test_no_gate_is_judged_of_an_order_that_was_not_simulated(config: str) -> None:
    ended = run("simulate", "--config", config, *BRIEF, "--discipline", "fifo")
    assert ended.code == 0, ended.err
    assert "Asked of the daemon" not in ended.out


def test_an_unknown_order_is_refused_with_those_that_there_are(config: str) -> None:
    ended = run("simulate", "--config", config, "--discipline", "alphabetical")
    assert (ended.code, ended.out) == (2, "")
    assert "expected fifo, head_start, strict, strict_cap, accumulating, found alphabetical" in ended.err


@pytest.mark.parametrize("text", ["", "[]", '{"cases": [{"case": "a"}]}', '{"cases": [{"outcome": "lost"}]}'])
def test_what_is_no_evaluation_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="the JSON file of an evaluation"):
        read_rows(path)


def test_x_rays_stand_on_the_simulated_list_with_numbers_of_their_own(config: str) -> None:
    told = ("--xrays", "0.7", "--xray-reading", "4", "--discipline", "head_start")
    ended = run("simulate", "--config", config, *BRIEF, *told)
    assert ended.code == 0, ended.err
    assert "assumed cases and 70 % assumed X-rays, read for 4.7 min" in " ".join(ended.out.split())
    assert "load 0.80" in ended.out
    for group in ("all, CTs", "all, X-rays"):
        assert group in " ".join(ended.out.split())
    alone = run("simulate", "--config", config, *BRIEF, "--discipline", "head_start")
    assert "X-rays" not in alone.out
