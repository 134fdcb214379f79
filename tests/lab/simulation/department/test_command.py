"""`triaged forecast` answers from the command line, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.site import run

BRIEF = ("--days", "0.5", "--warm-up-days", "0.5", "--runs", "2")


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text("triage: {scheme: combined}\ncompletion: {settle_s: 7}\n", encoding="utf-8")
    return str(path)


def test_it_tells_waits_loads_and_machines(config: str) -> None:
    ended = run("forecast", "--config", config, *BRIEF)
    assert ended.code == 0, ended.err
    out = " ".join(ended.out.split())
    for said in ("4 studies an hour, 5.0 % STAT", "flag_cap", "head_start", "missed", "without disease", "combined"):
        assert said in out
    assert (
        "Smallest number of machines that keeps 60 s from the last slice to the order, for 95 % of studies: 1." in out
    )
    assert "Closed form" not in out


def test_json_has_the_same_figures_and_what_was_asked(config: str) -> None:
    asked = ("--site", "a,per_hour=5,xrays=0.3", "--group", "r=1", "--limit-min", "30", "--order", "strict,strict_cap")
    ended = run("forecast", "--config", config, *BRIEF, *asked, "--machines", "2", "--cap-min", "60", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert list(told["orders"]) == ["fifo", "strict", "strict_cap"]
    assert (told["machines_simulated"], told["limit_min"], told["scheme"]) == (2, 30.0, "combined")
    assert told["flag"]["sensitivity"] == pytest.approx(0.9)
    waits = told["orders"]["strict"]["waits"]
    assert {"all", "STAT", "with disease", "missed", "without disease", "all, X-rays"} < set(waits)
    assert set(waits["all"]) >= {"mean_min", "p95_min", "max_min", "share_over_limit", "change_min", "studies"}
    assert waits["all"]["mean_min"]["low"] <= waits["all"]["mean_min"]["mean"] <= waits["all"]["mean_min"]["high"]
    assert told["orders"]["fifo"]["reader_load"]["r"]["mean"] > 0
    assert 2 in [each["machines"] for each in told["machines"]]
    assert told["machines"][0]["order_mean_min"]["mean"] > 7 / 60  # the configuration's settling time counts
    assert "do_not_hold" in told["closed_forms"]


def test_closed_forms_stand_beside_the_simulation_where_they_hold(config: str) -> None:
    plain = ("--reading-min", "exponential:10", "--stat", "0", "--failing", "0", "--settle-s", "0")
    at_once = ("--scoring-s", "fixed:0", "--finishing-s", "fixed:0", "--order", "head_start")
    site = ("--site", "a,per_hour=4.8")
    ended = run("forecast", "--config", config, *BRIEF, *plain, *at_once, *site, "--closed-forms")
    assert ended.code == 0, ended.err
    for said in ("Closed form", "40.00", "the time saved", "-26.92"):
        assert said in ended.out
    ended = run("forecast", "--config", config, *BRIEF, "--closed-forms", *site)
    assert "No closed form holds here: scores come later than the study, or not at all." in ended.out


def test_an_overloaded_list_is_named(config: str) -> None:
    ended = run("forecast", "--config", config, *BRIEF, "--site", "a,per_hour=30", "--group", "chest=1")
    assert "chest: more comes than is read" in ended.out


def test_a_limit_that_no_number_of_machines_keeps_is_named(config: str) -> None:
    ended = run("forecast", "--config", config, *BRIEF, "--order-within-s", "5")
    assert "No number of machines keeps 5 s" in ended.out


@pytest.mark.parametrize(
    "said", [("--stat", "1", "--high", "0"), ("--prevalence", "0"), ("--site", "a,per_hour=0.001")]
)
def test_what_nobody_knows_is_null(config: str, said: tuple[str, ...]) -> None:
    ended = run("forecast", "--config", config, *BRIEF, *said)
    assert ended.code == 0, ended.err
    assert "nan" not in ended.out
    ended = run("forecast", "--config", config, *BRIEF, *said, "--json")
    assert "NaN" not in ended.out
    assert json.loads(ended.out)["orders"]["fifo"]["waits"]["missed"]["mean_min"]["mean"] is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("--site", "city"), "--site: expected NAME,per_hour=N"),
        (("--group", "two"), "--group: expected NAME=READERS"),
        (("--order", "alphabet"), "--order: expected fifo"),
        (("--auc", "0.9", "--sensitivity", "0.9"), "found both"),
        (("--reading-min", "long"), "expected [MODALITY[/STATE]=]LENGTH"),
        (("--finishing-s", "long"), "expected exponential:MEAN"),
    ],
)
def test_what_cannot_be_read_is_refused(config: str, said: tuple[str, ...], expected: str) -> None:
    ended = run("forecast", "--config", config, *BRIEF, *said)
    assert (ended.code, ended.out) == (2, "")
    assert expected in ended.err
