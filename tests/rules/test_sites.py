"""Which site a study is of: by a rule, by its sender, by the address of that, or none."""

from __future__ import annotations

import ipaddress

import pytest

from triaged.rules.conditions import NetworkCondition, TextCondition
from triaged.rules.matching import Rule, Rules, treated, treated_first, treated_without_series
from triaged.rules.sites import Site, site_of
from triaged.study.facts import SeriesFacts, StudyFacts
from triaged.study.treatment import BY_DEFAULT, Treatment

NORTH = Site("north", "North", TextCondition(("NORTH_*",)), destinations=("pacs-north",), scheme="severity")
SOUTH = Site("south", "South", addresses=NetworkCondition((ipaddress.ip_network("10.2.0.0/16"),)))
SITES = (NORTH, SOUTH)
LUNGS = TextCondition(("lung",))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (StudyFacts(sender="NORTH_CT1", peer="192.0.2.1"), "north"),
        (StudyFacts(sender="north_ct1"), "north"),
        (StudyFacts(sender="CT1", peer="10.2.3.4"), "south"),
        (StudyFacts(sender="CT1", peer="::ffff:10.2.3.4"), "south"),
        (StudyFacts(sender="NORTH_CT1", peer="10.2.3.4"), "north"),
        (StudyFacts(sender="CT1", peer="10.3.3.4"), ""),
        (StudyFacts(), ""),
    ],
)
def test_the_first_site_that_a_study_comes_from_has_it(facts: StudyFacts, expected: str) -> None:
    site = site_of(SITES, facts)
    assert ("" if site is None else site.name) == expected
    assert treated_first(Rules(sites=SITES), facts).site == expected


def test_a_rule_wins_over_who_sent_it() -> None:
    rules = Rules((Rule("moved", {}, Treatment("moved", site="south")),), sites=SITES)
    decided = treated_first(rules, StudyFacts(sender="NORTH_CT1"))
    assert decided == Treatment("moved", site="south")


def test_a_rule_that_names_no_site_leaves_it_to_the_sender() -> None:
    rules = Rules((Rule("thorax", {}, Treatment("thorax", scheme="identification", destinations=())),), sites=SITES)
    decided = treated_first(rules, StudyFacts(sender="NORTH_CT1"))
    assert decided == Treatment("thorax", scheme="identification", destinations=(), site="north")


def test_what_the_site_says_holds_where_no_rule_does() -> None:
    decided = treated_without_series(Rules(sites=SITES), StudyFacts(sender="NORTH_CT1"))
    assert decided == Treatment(site="north", scheme="severity", destinations=("pacs-north",))


def test_a_study_has_its_site_before_its_rule_knows_the_series() -> None:
    rules = Rules((Rule("thin", {"series_description": LUNGS}, Treatment("thin", site="south")),), sites=SITES)
    facts = StudyFacts(sender="NORTH_CT1")
    assert treated(rules, facts, None, is_final=False) is None
    assert treated_first(rules, facts).site == "north"
    assert treated(rules, facts, SeriesFacts(description="LUNG"), is_final=True) == Treatment("thin", site="south")


def test_without_sites_nothing_has_one() -> None:
    assert treated_first(Rules(), StudyFacts(sender="NORTH_CT1")) == BY_DEFAULT


def test_a_treatment_keeps_its_site_as_text_and_says_it() -> None:
    kept = Treatment(site="north", scheme="severity")
    assert Treatment.of_text(kept.text()) == kept
    assert kept.words() == "scheme severity; site north"
    assert Treatment("a", site="north").words() == "a: site north"
    assert BY_DEFAULT.words() == ""
