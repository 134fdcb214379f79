"""The report holds what was asked, never accepts, names no patient, and its page shows it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.lab.acceptance.site_rows import row, site
from triaged.errors import ConfigError
from triaged.lab.acceptance.checklist import Answer, read_checklist, unanswered
from triaged.lab.acceptance.page import acceptance_page
from triaged.lab.acceptance.report import Provenance, acceptance_report
from triaged.lab.acceptance.seal import canonical
from triaged.lab.acceptance.trial import Setting
from triaged.lab.evaluation.row import Row
from triaged.lab.simulation.comparison import Plan
from triaged.lab.simulation.site import days
from triaged.lab.simulation.verdict import Verdict
from triaged.triage.scheme import Scheme, TriageOptions

BRIEF = Setting(None, 0.85, None, 0.2, Plan(2, days(0.3), days(0.7), days(0.2), seed=1))
ABOUT = Provenance("0.1", "2025-03-14", "Dr A & B <hospital>", {"name": "ct", "sha256": "ab"}, {"cases": "cd"})
METHOD = "Multitask-Spatial-1"


class TextReader(HTMLParser):
    """Keeps what a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def report_on(rows: list[Row]) -> dict[str, Any]:
    return acceptance_report(rows, TriageOptions(scheme=Scheme.COMBINED), BRIEF, unanswered(), ABOUT, METHOD)


@cache
def large() -> dict[str, Any]:
    return report_on(site(70, 40))


def test_the_report_is_json_that_can_be_sealed() -> None:
    assert json.loads(canonical(large())) == json.loads(json.dumps(large()))


def test_the_same_cases_give_the_same_report() -> None:
    assert canonical(report_on(site(9, 9))) == canonical(report_on(site(9, 9)))


def test_few_cases_meet_nothing_that_rests_on_them() -> None:
    found = [each for each in report_on(site(9, 9))["criteria"] if each["part"] != "worklist"]
    assert found
    assert {each["verdict"] for each in found} == {Verdict.TOO_FEW}


def test_many_cases_meet_something_and_each_criterion_has_a_verdict() -> None:
    verdicts = [each["verdict"] for each in large()["criteria"]]
    assert set(verdicts) <= {verdict.value for verdict in Verdict}
    assert verdicts.count("meets") == large()["verdicts"]["meets"] > 5


def test_no_word_of_the_report_accepts() -> None:
    page = acceptance_page(large(), "0" * 64)
    assert "accepted" not in page.lower()
    assert "no clinical claim" in page


def test_no_patient_identifier_is_in_the_report() -> None:
    assert "patient-" not in canonical(large()).decode()
    assert "patient-" not in acceptance_page(large(), "0" * 64)


def test_severe_studies_wait_less_than_first_come_first_in_the_report() -> None:
    waits = large()["worklist"]["waits"]
    severe = [waits[order]["severe and worse"]["mean_min"]["value"] for order in ("head_start", "fifo")]
    assert severe[0] < severe[1]


def test_the_threshold_simulated_is_the_sites_else_the_packages() -> None:
    rows = [replace(each, identification_threshold=0.62) for each in site(3, 3)]
    assert report_on(rows)["policy"]["tau"] == 0.62
    chosen = TriageOptions(scheme=Scheme.COMBINED, tau=0.4)
    assert acceptance_report(rows, chosen, BRIEF, unanswered(), ABOUT, METHOD)["policy"]["tau"] == 0.4


def test_what_was_not_given_is_said_in_a_remark() -> None:
    remarks = " ".join(large()["worklist"]["remarks"])
    assert "no trace of the site was given" in remarks
    assert "prevalence" not in remarks


def test_nothing_that_can_be_drawn_is_no_simulation() -> None:
    report = report_on([row("a", reference=None)])
    assert report["worklist"] is None
    assert "nothing was simulated" in acceptance_page(report, "0")


def test_the_page_shows_digest_signer_and_every_criterion_as_text() -> None:
    page = acceptance_page(large(), "f00d" * 16)
    reader = TextReader()
    reader.feed(page)
    shown = "".join(reader.text)
    assert "f00d" * 16 in shown
    assert "Dr A & B <hospital>" in shown
    assert "<hospital>" not in page
    assert all(each["asked"] in shown and each["found"] in shown for each in large()["criteria"])


def test_questions_without_an_answer_are_not_stated(tmp_path: Path) -> None:
    path = tmp_path / "checklist.yaml"
    path.write_text("two_raters: {answer: no, detail: one reader}\nhold_out: true\n", encoding="utf-8")
    answers = {point.key: point for point in read_checklist(path)}
    assert answers["two_raters"].answer is Answer.NO
    assert answers["two_raters"].detail == "one reader"
    assert answers["hold_out"].answer is Answer.YES
    assert answers["same_population"].answer is Answer.NOT_STATED


@pytest.mark.parametrize("text", ["two_rater: yes", "two_raters: perhaps", "- a", "a: ["])
def test_a_checklist_that_nobody_asked_for_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checklist.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="expected"):
        read_checklist(path)
