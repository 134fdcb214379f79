"""Sites in the configuration: what they become, and that each mistake is named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triaged.config.loading import parse
from triaged.config.settings import Config
from triaged.config.sites import SiteSection, without_studies
from triaged.errors import ConfigError
from triaged.rules.matching import treated_first
from triaged.study.facts import StudyFacts

FILE = Path("config.yaml")
SITES = """\
destinations:
  - {name: pacs-north, ae_title: PACS, host: pacs, port: 104}
sites:
  - name: north
    title: North Hospital
    senders: [NORTH_*, CT_N]
    destinations: [pacs-north]
  - name: south
    addresses: [10.2.0.0/16]
    scheme: severity
rules:
  - name: walk-in
    when: {department: walk-in}
    then: {site: south}
"""
DOCUMENT = (Path(__file__).parents[2] / "docs/sites.md").read_text(encoding="utf-8")


def test_without_sites_there_are_none() -> None:
    assert Config().ruled().sites == ()


def test_the_example_does_what_it_says() -> None:
    rules = parse(SITES, FILE).ruled()
    found = [
        treated_first(rules, facts)
        for facts in (
            StudyFacts(sender="north_ct7"),
            StudyFacts(peer="10.2.9.9"),
            StudyFacts(sender="CT_N", department="Walk-In"),
            StudyFacts(sender="CT9"),
        )
    ]
    assert [each.site for each in found] == ["north", "south", "south", ""]
    assert [each.destinations for each in found] == [("pacs-north",), None, None, None]
    assert [each.scheme for each in found] == ["", "severity", "severity", ""]


@pytest.mark.parametrize(
    ("was", "becomes", "line", "said"),
    [
        ("name: north", "name: North", 4, "sites[0].name: expected"),
        ("name: north", "name: other", 4, "sites[0].name: expected a name that no other site has"),
        ("name: south", "name: north", 8, "sites[1].name: expected a name that no other site has"),
        (
            "addresses: [10.2.0.0/16]",
            "senders: [CT7, NORTH_2*]",
            9,
            "sites[1].senders[1]: expected a sender that no site",
        ),
        ("addresses: [10.2.0.0/16]", "addresses: [10.2.0.0]]", 9, "expected"),
        ("addresses: [10.2.0.0/16]", "addresses: 10.2", 9, "sites[1].addresses"),
        (
            "addresses: [10.2.0.0/16]",
            "senders: A_TITLE_TOO_LONG_FOR_DICOM",
            9,
            "sites[1].senders: expected texts of at",
        ),
        (
            "[pacs-north]",
            "[pacs]",
            7,
            "sites[0].destinations: expected names of destinations (pacs-north), and 'pacs' is",
        ),
        ("{site: south}", "{site: west}", 14, "rules[0].then.site: expected one of north, south, found 'west'"),
        ("scheme: severity", "schem: severity", 10, "sites[1].schem: unknown key; did you mean scheme?"),
    ],
)
def test_mistakes_are_named_with_their_line(was: str, becomes: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(SITES.replace(was, becomes, 1), FILE)
    assert f"config.yaml:{line}" in str(raised.value)
    assert said in str(raised.value)


def test_a_network_within_one_of_a_site_before_it_is_refused() -> None:
    text = "sites:\n  - {name: a, addresses: 10.0.0.0/8}\n  - {name: b, addresses: [192.0.2.0/24, 10.1.0.0/16]}\n"
    with pytest.raises(ConfigError, match=r"config.yaml:3: sites\[1\].addresses\[1\]: .*'a' has all of 10.1.0.0/16"):
        parse(text, FILE)


def test_a_site_in_a_rule_where_there_is_none_is_refused() -> None:
    text = "rules:\n  - {name: a, when: {sex: F}, then: {site: north}}\n"
    with pytest.raises(ConfigError, match=r"rules\[0\].then.site: expected a site, and there is none, found 'north'"):
        parse(text, FILE)


def test_the_group_of_a_site_is_one_of_the_list() -> None:
    groups = "web: {groups: {Chest: [anna]}}\n"
    sited = SITES.replace("name: south", "name: south\n    group: Chest")
    assert parse(sited + groups, FILE).sites[1].group == "Chest"
    with pytest.raises(
        ConfigError, match=r"config.yaml:9: sites\[1\].group: expected one of web.groups \(there is none\)"
    ):
        parse(sited, FILE)


def test_single_sign_on_names_sites_that_there_are() -> None:
    groups = (
        'access: {mode: accounts, origin: "https://x.example", oidc: {issuer: "https://y.example", client_id: c, '
        + ("roles_claim: g, roles: {r: reader}, sites: {ward: SITE, all: '*'}}}\n")
    )
    assert parse(SITES + groups.replace("SITE", "north"), FILE).access.oidc
    with pytest.raises(ConfigError, match=r"access.oidc.sites.ward: expected one of north, south, or '\*' for all"):
        parse(SITES + groups.replace("SITE", "west"), FILE)
    with pytest.raises(ConfigError, match=r"access.oidc.sites.ward: expected a site, and there is none"):
        parse(groups.replace("SITE", "north"), FILE)


def test_a_site_that_no_study_comes_to_is_known() -> None:
    config = parse(SITES.replace("    addresses: [10.2.0.0/16]\n", "") + "series: []\n", FILE)
    assert without_studies(config.sites, config.rules) == []
    assert without_studies(config.sites, ()) == [1]


def test_the_examples_of_the_document_are_taken_as_they_stand() -> None:
    destinations = SITES.partition("sites:")[0]
    (example,) = [each for each in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if "sites:" in each]
    assert [site.name for site in parse(destinations + example, FILE).sites] == ["north", "south"]


def test_the_document_names_every_key() -> None:
    assert set(SiteSection.model_fields) <= set(re.findall(r"`([a-z_]+)", DOCUMENT))
