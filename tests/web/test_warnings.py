"""What the list says of its own order: when it is not trusted, how it comes about, and what a flag is worth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from tests.store.making import at, finding
from tests.web.reading import listed, opened
from tests.web.scene import OPTIONS, Scene
from tests.xray_findings import xray_finding
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies
from triaged.study.modalities import Stratum
from triaged.triage.prevalence import worth
from triaged.triage.scheme import Discipline, described
from triaged.web.options import WebOptions

WHY = "the oldest study without a result has waited 16 minutes (at most 15)"


def test_an_order_that_is_not_trusted_says_so_and_why_until_it_is_again(filled: Scene, browser: TestClient) -> None:
    assert "Not ordered by findings" not in opened(browser, "/").text
    policies, policy = Policies(filled.database), ranking_policy(OPTIONS)
    policies.trust(described(OPTIONS), [WHY], policy, cause="not trusted", now=at(60))
    shown = opened(browser, "/")
    assert "Not ordered by findings since 2026-03-01 13:00 UTC" in shown.text
    assert f"Why: {WHY}." in shown.text
    arrivals = [row for row in listed(browser, "/?order=arrival") if row["class"] != "E0 emergency"]
    ordered = [row for row in listed(browser) if row["class"] != "E0 emergency"]
    assert len(arrivals) == 9
    assert [row["place"] for row in ordered] == [row["place"] for row in arrivals]
    policies.trust(described(OPTIONS), [], policy, cause="trusted again", now=at(70))
    assert "Not ordered by findings" not in opened(browser, "/").text


@pytest.mark.parametrize("path", ["/", "/status"])
def test_a_source_that_is_not_counted_is_named_on_the_list_and_the_status(
    filled: Scene, browser: TestClient, path: str
) -> None:
    said, policy = "7 of 9 studies from <b>CT2</b> could not be read: not counted", ranking_policy(OPTIONS)
    Policies(filled.database).trust("A", [], policy, set_aside={"<b>CT2</b>": said}, cause="none", now=at(60))
    assert f"{said} when the order is judged." in opened(browser, path).text
    assert [warning.split("UTC: ")[1] for warning in browser.get("/health").json()["warnings"]][-1:] == [
        f"{said} when the order is judged."
    ]


@pytest.mark.parametrize(
    ("discipline", "said"),
    [
        (Discipline.HEAD_START, "less the head start of its class"),
        (Discipline.FIFO, "as they arrived"),
        (Discipline.STRICT, "the last class waits for all others"),
        (Discipline.STRICT_CAP, "for as long as the site allows"),
        (Discipline.ACCUMULATING, "counts more in a more urgent class"),
    ],
)
def test_the_legend_tells_the_order_that_is_in_force(filled: Scene, discipline: Discipline, said: str) -> None:
    browser = TestClient(filled.app(policy=replace(OPTIONS, discipline=discipline)))
    assert said in opened(browser, "/").text


def test_the_legend_says_what_a_flag_is_worth_where_the_site_asks(filled: Scene, browser: TestClient) -> None:
    assert "worth" not in opened(browser, "/").text
    unknown = TestClient(filled.app(worth=(worth(0.02, None).said(), worth(0.1, None, Stratum.RADIOGRAPH).said())))
    text = opened(unknown, "/").text
    assert "how often a flag is right among CTs is unknown" in text
    assert "how often a flag is right among X-rays is unknown" in text


def test_each_modality_is_compared_with_the_sites_threshold_for_it() -> None:
    options = WebOptions("T", "combined", identification_threshold=0.8, identification_threshold_cxr=0.6)
    assert options.threshold_for(finding(0.1)) == 0.8
    assert options.threshold_for(xray_finding(estimated=0.1)) == 0.6
    assert options.threshold_for(None) == 0.8
