"""Rules in the configuration: what they become, and that each mistake is named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triaged.config.conditions import WhenSection
from triaged.config.loading import parse
from triaged.config.rules import ThenSection
from triaged.config.settings import Config
from triaged.errors import ConfigError
from triaged.rules.matching import NO_RULES, Preference, decide
from triaged.study.facts import SeriesFacts, StudyFacts
from triaged.study.ranking import RequestPriority
from triaged.study.treatment import BY_DEFAULT, Treatment

FILE = Path("config.yaml")
RULES = """\
destinations:
  - {name: pacs, ae_title: PACS, host: pacs, port: 104}
  - {name: er-workstation, ae_title: ER, host: er, port: 104}
rules:
  - name: trials
    when: {sender: [RESEARCH, TRIAL_*], study_description: {contains: [trial, do not read]}}
    then: {ignore: true}
  - name: children
    when: {age_years: {below: 16}}
    then: {model: none, show: unscored}
  - name: emergency thin
    when: {sender: CT_ER, series_description: {matches: "LUNG*"}, slice_mm: {at_most: 3}}
    then: {model: ct-open, scheme: severity, destinations: [pacs, er-workstation], urgency: high}
series:
  - name: no dose sheets
    when: {series_description: {contains: dose}}
    then: exclude
"""


def decided(study: StudyFacts, series: SeriesFacts | None = None) -> Treatment | None:
    return decide(parse(RULES, FILE).ruled().studies, study, series, is_final=series is not None)


def test_without_rules_there_are_none() -> None:
    assert Config().ruled() == NO_RULES


def test_the_examples_do_what_they_say() -> None:
    trial = StudyFacts(sender="trial_7", study_description="Do not read: TRIAL 7")
    assert decided(trial) == Treatment("trials", ignored=True, scored=False)
    assert decided(StudyFacts(sender="trial_7", study_description="thorax")) == BY_DEFAULT
    assert decided(StudyFacts(sender="CT1", age_years=15.5)) == Treatment("children", scored=False)
    urgent = StudyFacts(sender="ct_er", age_years=40.0)
    assert decided(urgent) is None, "it depends on the series"
    assert decided(urgent, SeriesFacts(description="Lung 1.0", slice_mm=1.0)) == Treatment(
        "emergency thin",
        model="ct-open",
        scheme="severity",
        destinations=("pacs", "er-workstation"),
        urgency=RequestPriority.HIGH,
    )
    assert decided(urgent, SeriesFacts(description="Lung 5.0", slice_mm=5.0)) == BY_DEFAULT
    assert parse(RULES, FILE).ruled().series[0].preference is Preference.EXCLUDE


def test_a_rule_may_say_that_it_changes_nothing() -> None:
    kept = RULES.replace("then: {ignore: true}", "use: default")
    first = parse(kept, FILE).ruled().studies[0]
    assert first.treatment == Treatment("trials")


@pytest.mark.parametrize(
    ("was", "becomes", "line", "said"),
    [
        ("below: 16", "below: 0", 9, "rules[1].when.age_years: expected a condition that something can meet"),
        ("below: 16", "below: 16, above: 18", 9, "expected a condition that something can meet"),
        ("below: 16", "belw: 16", 9, "did you mean below?"),
        ("below: 16", "below: sixteen", 9, "rules[1].when.age_years.below: expected a number, found 'sixteen'"),
        ("sender: CT_ER", "sendr: CT_ER", 12, "rules[2].when.sendr: unknown key; did you mean sender?"),
        ("sender: CT_ER", "sender: 5", 12, "expected a text (in quotes where it looks like a number)"),
        ("sender: CT_ER", "sender: THIS_TITLE_IS_TOO_LONG", 12, "at most 16 characters"),
        ("sender: CT_ER", "sex: W", 12, "rules[2].when.sex: expected M, F or O"),
        ("sender: CT_ER", "peer: 10.0.0.0/33", 12, "expected an IP address, or a network like 10.1.2.0/24"),
        ("sender: CT_ER", "study_date: yesterday", 12, "expected a date like 2026-01-31, found 'yesterday'"),
        ("sender: CT_ER", "sender: {equals: a, contains: b}", 12, "expected a condition that something can meet"),
        ("sender: CT_ER", "sender: {}", 12, "expected at least one of equals, contains, matches"),
        ("at_most: 3", 'at_most: "3"', 12, "rules[2].when.slice_mm.at_most: expected a number, found '3'"),
        ("[trial, do not read]", "[]", 6, "expected at least 1 items"),
        ("name: children", "name: trials", 8, "rules[1].name: expected a name that no other rule has"),
        ("name: children", "name: everything", 8, "nor the last one ('everything')"),
        ("age_years: {below: 16}", "sender: research, study_description: a trial", 9, "'trials' before it matches"),
        ("model: ct-open", "model: ct-opn", 13, "rules[2].then.model: expected one of ct-cascade"),
        ("pacs, er-workstation", "pcs", 13, "expected names of destinations (er-workstation, pacs), and 'pcs' is none"),
        ("urgency: high", "urgency: low", 13, "rules[2].then.urgency: expected 'high' or 'stat', found 'low'"),
        ("scheme: severity", "scheme: sever", 13, "rules[2].then.scheme: expected"),
        ("{ignore: true}", "{ignore: true, urgency: high}", 7, "rules[0].then.urgency: expected no other key"),
        ("{ignore: true}", "{show: below}", 7, "rules[0].then.show: expected no such key without model: none"),
        ("show: unscored", "destinations: [pacs]", 10, "rules[1].then.destinations: expected no such key with model"),
        ("then: {ignore: true}", "", 5, "rules[0]: expected either then, or use: default"),
        ("then: exclude", "then: drop", 17, "series[0].then: expected 'prefer' or 'exclude', found 'drop'"),
        ("{series_description: {contains: dose}}", "{}", 16, "series[0].when: expected at least one condition"),
    ],
)
def test_a_mistake_is_named_with_its_line(was: str, becomes: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(RULES.replace(was, becomes), FILE)
    assert str(caught.value).startswith(f"config.yaml:{line}: ")
    assert said in str(caught.value)


def test_a_rule_that_ignores_has_a_condition() -> None:
    text = "rules:\n  - name: all\n    when: {}\n    then: {ignore: true}\n"
    with pytest.raises(ConfigError, match=r"config.yaml:3: rules\[0\].when: expected at least one condition"):
        parse(text, FILE)


def test_nothing_comes_after_a_rule_for_everything() -> None:
    text = "rules:\n  - {name: all, when: {}, use: default}\n  - {name: b, when: {sex: F}, then: {urgency: high}}\n"
    with pytest.raises(ConfigError, match=r"config.yaml:3: rules\[1\].when: .*'all' before it matches"):
        parse(text, FILE)


def test_dates_are_written_with_and_without_quotes() -> None:
    for written in ("{at_least: 2026-01-31}", '{at_least: "2026-01-31"}', "2026-01-31", '["2026-01-31"]'):
        config = parse(f"rules:\n  - {{name: a, when: {{study_date: {written}}}, use: default}}\n", FILE)
        assert "study_date" in config.ruled().studies[0].when


def test_packages_are_not_asked_for_where_there_is_no_folder(tmp_path: Path) -> None:
    missing = RULES.replace("model: ct-open", "model: ours") + f"models: {{folder: {tmp_path / 'none'}}}\n"
    assert parse(missing, FILE).ruled().studies[2].treatment.model == "ours"


DOCUMENT = (Path(__file__).parents[2] / "docs/rules.md").read_text(encoding="utf-8")


def test_the_examples_of_the_document_are_taken_as_they_stand() -> None:
    destinations = RULES.partition("rules:")[0]
    rules, series = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert parse(destinations + rules, FILE).rules == parse(RULES, FILE).rules
    names = [each.name for each in parse(series, FILE).ruled().series]
    assert names == ["no reformats of CT2", "soft kernel"]


def test_the_document_names_every_key() -> None:
    said = set(re.findall(r"`([a-z_]+)", DOCUMENT))
    assert set(WhenSection.model_fields) <= said
    assert set(ThenSection.model_fields) <= said
