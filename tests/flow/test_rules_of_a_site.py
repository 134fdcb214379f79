"""Rules of a site in the running flow: what is ignored, not scored, read by another package, and sent elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import FakePipeline, House
from triaged.config.loading import parse
from triaged.exams.ct.examination import ChestCt
from triaged.inference.identity import Engine
from triaged.rules.matching import Rules
from triaged.store.tables.database import Database, open_database
from triaged.store.tables.views import Shown
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, TriageClass
from triaged.study.read_state import ActionKind

PART = "destinations: [{name: pacs, ae_title: P, host: h, port: 1}, {name: er, ae_title: E, host: h, port: 1}]\n"
TRIALS = """
rules:
  - name: trials
    when: {sender: [RESEARCH, TRIAL_*]}
    then: {ignore: true}
"""
CHILDREN = """
rules:
  - name: children
    when: {age_years: {below: 16}}
    then: {model: none, show: unscored}
  - name: heads up
    when: {sender: CT_OLD}
    then: {model: none, show: below}
"""
EMERGENCY = """
rules:
  - name: emergency thin
    when: {sender: CT_ER, series_description: {matches: "LUNG*"}, slice_mm: {at_most: 8}}
    then: {model: ct-research, scheme: combined, destinations: [er], urgency: high}
"""


def rules(text: str) -> Rules:
    return parse(PART + text, Path("config.yaml")).ruled()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = open_database(sqlite_url)
    yield found
    found.close()


def under(database: Database, folder: Path, text: str) -> House:
    house = House(database, folder, rules=rules(text))
    house.others = ("er",)
    return house


def scored(house: House, study: int, severity: float, sender: str = "CT1", **attributes: str) -> None:
    house.send(house.series(study, count=10, patient_id="", **attributes), sender)
    house.later(30)
    assert house.assemble() == 1
    house.score(severity)


def events(house: House, study: int, name: str) -> list[str]:
    return [each.detail for each in house.studies.events(f"1.2.{study}") if each.event == name]


def ignored(house: House) -> list[int]:
    entries = house.worklist.entries(part=house.part(Shown.IGNORED))
    return [int(entry.study_instance_uid.rpartition(".")[2]) for entry in entries]


def test_what_a_trial_sends_is_kept_and_on_no_list(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, TRIALS)
    house.send(house.series(1), "trial_7")
    assert house.order() == [], "not even while it arrives"
    assert ignored(house) == [1]
    house.later(30)
    house.assemble()
    house.pipeline.before = lambda: pytest.fail("it is not read")
    house.score()
    house.pipeline.before = None
    scored(house, 2, 0.3)
    assert (house.order(), ignored(house)) == ([2], [1])
    assert house.worklist.total(house.part(Shown.ALL)) == 1
    entry = house.entry(1)
    assert (entry.state, entry.rule, entry.ignored, entry.position) == (State.OUT_OF_SCOPE, "trials", True, 0)
    assert entry.reason == "U not scored — by rule: trials"
    assert events(house, 1, "RULE") == ["trials: ignored"]
    assert house.studies.moves("1.2.1") == []
    assert house.outbox.deliveries("1.2.1") == []
    assert len(list(tmp_path.glob("spool/**/1.2.1/**/*.dcm"))) == 10, "its images are kept"


def test_a_late_slice_of_what_is_ignored_brings_it_on_no_list(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, TRIALS)
    slices = house.series(1)
    house.send(slices[:9], "RESEARCH")
    house.later(30)
    house.assemble()
    house.score()
    house.send(slices[9:], "RESEARCH")
    assert (house.order(), ignored(house)) == ([], [1])
    house.readers().act("1.2.1", ActionKind.PINNED, "ann", now=house.now)
    assert (house.order(), ignored(house), house.studies.moves("1.2.1")) == ([], [1], [])


def test_a_rule_that_is_taken_back_lets_a_study_back_and_a_new_one_takes_it_off(
    database: Database, tmp_path: Path
) -> None:
    house = under(database, tmp_path, TRIALS)
    scored(house, 1, 0.3, "RESEARCH")
    after = House(database, tmp_path)
    after.now = house.now
    after.requeue(1)
    after.score(0.6)
    assert after.order() == [1]
    assert after.entry(1).triage_class is TriageClass.SEVERE
    assert [(move.before, move.after) for move in after.studies.moves("1.2.1")] == [(None, 1)]
    assert events(after, 1, "RULE") == ["trials: ignored", "no rule any more"]
    house.now = after.now
    house.requeue(1)
    house.score()
    assert (house.order(), ignored(house)) == ([], [1])
    assert [(move.before, move.after) for move in after.studies.moves("1.2.1")] == [(None, 1), (1, None)]


def test_children_stand_on_the_list_without_a_score(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, CHILDREN)
    house.triage(1, 0.0)
    house.pipeline.before = lambda: pytest.fail("it is not read")
    scored(house, 2, 0.9, PatientAge="005Y")
    entry = house.entry(2)
    assert (entry.state, entry.triage_class, entry.finding) == (State.OUT_OF_SCOPE, TriageClass.UNSCORED, None)
    assert entry.reason == "U not scored — by rule: children"
    assert house.order() == [2, 1], "before what is not flagged"
    assert house.outbox.deliveries("1.2.2") == []
    assert events(house, 2, "RULE") == ["children: not scored"]
    decisions = house.studies.series_decisions("1.2.2")
    assert [each.reason for each in decisions] == ["not read, as the rule children says"]


def test_an_age_may_follow_from_the_date_of_birth(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, CHILDREN)
    scored(house, 1, 0.9)  # born in 1960
    assert house.entry(1).triage_class is TriageClass.CRITICAL
    assert house.entry(1).rule == ""


def test_what_a_rule_puts_below_the_list_is_last_and_still_on_it(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, CHILDREN)
    scored(house, 1, 0.9, "CT_OLD")
    house.later(7 * 86400)
    scored(house, 2, 0.0)
    assert house.order() == [2, 1]
    assert (house.entry(1).lane, house.entry(1).position) == (Lane.BELOW, 2)


def test_a_knee_is_below_the_list(database: Database, tmp_path: Path) -> None:
    house = House(database, tmp_path)
    scored(house, 1, 0.9, BodyPartExamined="KNEE")
    house.triage(2, 0.0)
    assert house.order() == [2, 1]
    entry = house.entry(1)
    assert (entry.lane, entry.triage_class) == (Lane.BELOW, TriageClass.UNSCORED)
    assert entry.reason == "U not scored — other part of body: expected a chest, found Body Part Examined KNEE"
    house.readers().act("1.2.1", ActionKind.RAISED, "ann", now=house.now)
    assert house.order() == [1, 2]
    assert house.entry(1).lane is Lane.ORDERED


def emergency(database: Database, folder: Path) -> tuple[House, FakePipeline]:
    house, other = under(database, folder, EMERGENCY), FakePipeline(severity=0.1)
    research = Engine("research", "1", "cd" * 32, "2.25.9", "0", "settings")
    house.by_model["ct-research"] = (ChestCt(research, other),)
    return house, other


def test_an_emergency_is_read_by_another_package_and_sent_to_the_emergency_room(
    database: Database, tmp_path: Path
) -> None:
    house, _ = emergency(database, tmp_path)
    house.pipeline.before = lambda: pytest.fail("another package reads it")
    scored(house, 1, 0.9, "CT_ER", SeriesDescription="Lung 1.0", PatientAge="050Y")
    house.pipeline.before = None
    scored(house, 2, 0.9, "CT_ER", SeriesDescription="Abdomen")
    entry = house.entry(1)
    assert entry.finding is not None
    assert entry.finding.engine == "fake"
    assert entry.reason.startswith("U unscored — HIGH by rule, ")
    assert entry.reason.endswith(", rule emergency thin")
    assert {each.destination for each in house.outbox.deliveries("1.2.1")} == {"er"}
    assert {each.destination for each in house.outbox.deliveries("1.2.2")} == {"pacs", "er"}
    (report,) = house.reports(1)
    assert "research" in str(report)
    assert house.entry(2).rule == ""
    expected = "emergency thin: read by ct-research; scheme combined; sent to er; urgency HIGH"
    assert events(house, 1, "RULE") == [expected]


SERIES = """
series:
  - name: no scouts
    when: {series_description: {contains: preview}}
    then: exclude
  - name: soft first
    when: {kernel: "B3*"}
    then: prefer
"""


def two_series(house: House, kernel: str) -> list[bytes]:
    """A sharp series and another one of the same study."""
    lung = house.series(1, SeriesDescription="Lung", ConvolutionKernel="B70f")
    other = house.series(1, SeriesInstanceUID="1.2.1.2", SeriesDescription="Other", ConvolutionKernel=kernel)
    return lung + [each.replace(b"1.2.1.1.", b"1.2.1.2.") for each in other]


@pytest.mark.parametrize(("kernel", "read"), [("B31f", "1.2.1.2"), ("B80f", "1.2.1.1")])
def test_a_series_that_a_rule_prefers_is_read(database: Database, tmp_path: Path, kernel: str, read: str) -> None:
    house = under(database, tmp_path, SERIES)
    house.send(two_series(house, kernel))
    house.later(2)
    assert house.assemble() == 1
    house.score()
    decisions = {each.series_uid: each for each in house.studies.series_decisions("1.2.1")}
    assert [uid for uid, each in decisions.items() if each.chosen] == [read]
    if read == "1.2.1.2":
        assert decisions["1.2.1.1"].reason == "series 1.2.1.2 is preferred by the rule soft first"


def test_a_series_that_a_rule_excludes_is_not_read_and_not_waited_for(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, SERIES)
    house.send(house.series(1, SeriesDescription="Preview"))
    house.later(30)
    assert house.assemble() == 1
    house.score()
    assert house.entry(1).reason == "U not scored — by rule: every series is excluded"
    assert [each.reason for each in house.studies.series_decisions("1.2.1")] == ["excluded by the rule no scouts"]
