"""The rules of the order in the running flow: follow-ups, changed settings, time, and the guard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.flow.house import TRIAGE, House
from triaged.store.listing.policies import Policies
from triaged.store.tables.database import Database, open_database
from triaged.study.modalities import Stratum
from triaged.study.ranking import Override, Trend, TriageClass
from triaged.study.read_state import ActionKind
from triaged.triage.judging import GuardOptions
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

GUARD = GuardOptions(window=10, fewest=4)
MINUTE = 60.0


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = open_database(sqlite_url)
    yield found
    found.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def restarted(house: House, **changed: object) -> House:
    """The daemon after its settings were changed; its clock has looked once."""
    options = replace(house.triage_options, **changed)  # type: ignore[arg-type]
    after = House(house.database, house.folder, options)
    after.now = house.now
    after.keeping().look(now=after.now)
    return after


def events(house: House, study: int, name: str) -> list[str]:
    return [each.detail for each in house.studies.events(f"1.2.{study}") if each.event == name]


def grown(house: House) -> None:
    """A patient whose disease grew by 12.5 points in a day, after somebody else who shows as much today."""
    house.triage(9, 0.375)
    house.later(MINUTE)
    house.triage(1, 0.25, patient_id="P")
    house.later(MINUTE)
    house.triage(2, 0.375, patient_id="P")


def test_what_grew_moves_up_and_says_why(house: House) -> None:
    grown(house)
    assert house.order() == [2, 9, 1]
    entry, other = house.entry(2), house.entry(9)
    assert (entry.triage_class, other.triage_class) == (TriageClass.SEVERE, TriageClass.SUSPECTED_MODERATE)
    assert (entry.trend, entry.change_points) == (Trend.PROGRESSION, 12.5)
    assert (other.trend, other.change_points) == (Trend.NO_PRIOR, None)
    assert entry.reason.startswith("B progressing — left lung")
    assert "+12 points in 24 hours" in entry.reason
    assert ["CLASS-B" in str(house.reports(study)[0]) for study in (2, 9)] == [True, False], "the report says the same"


def test_a_change_within_the_noise_is_told_and_moves_nothing(database: Database, tmp_path: Path) -> None:
    house = House(database, tmp_path, replace(TRIAGE, repeat_sd_pp=7.0))
    grown(house)
    assert house.order() == [9, 1, 2]
    assert "within noise" in house.entry(2).reason
    assert (house.entry(2).trend, house.entry(2).change_points) == (Trend.STABLE, 12.5)


def test_what_shrank_never_sinks_below_the_class_of_what_is_seen(house: House) -> None:
    house.triage(1, 0.75, patient_id="P")
    house.triage(2, 0.5, patient_id="P")
    assert house.entry(2).triage_class is TriageClass.SEVERE
    assert (house.entry(2).trend, house.entry(2).change_points) == (Trend.REGRESSION, -25.0)


def test_an_earlier_study_whose_view_is_lost_still_counts(house: House) -> None:
    house.triage(1, 0.25, patient_id="P")
    (view,) = (house.folder / "spool").rglob("*.coronal.npz")
    view.unlink()
    house.triage(2, 0.375, patient_id="P")
    assert (house.entry(2).trend, house.entry(2).triage_class) == (Trend.PROGRESSION, TriageClass.SEVERE)


def test_a_study_of_the_same_hour_is_no_earlier_one_and_the_one_before_it_is(house: House) -> None:
    """Both are of one day without a time that tells them apart by six hours; the first is of the day before."""
    house.triage(1, 0.25, patient_id="P")
    for number in (2, 3):
        slices = house.series(number, patient_id="P")
        moved = [each.replace(b"20260103", b"20260102") for each in slices]
        house.send(moved)
        house.later(2)
        house.assemble()
        house.score(0.375)
    assert house.entry(3).trend is Trend.PROGRESSION
    assert house.entry(3).change_points == 12.5


def test_a_follow_up_keeps_its_class_when_a_reader_s_decision_is_taken_back(house: House) -> None:
    grown(house)
    readers = house.readers()
    readers.act("1.2.2", ActionKind.LOWERED, "ann", now=house.now)
    assert house.entry(2).reason.startswith("B progressing — lowered by hand, left lung")
    readers.undo("1.2.2", "ann", now=house.now)
    assert (house.entry(2).triage_class, house.order()[0]) == (TriageClass.SEVERE, 2)


def test_a_follow_up_is_judged_anew_by_other_settings(house: House) -> None:
    grown(house)
    noisy = restarted(house, repeat_sd_pp=7.0)
    assert noisy.entry(2).triage_class is TriageClass.SUSPECTED_MODERATE
    assert restarted(noisy, repeat_sd_pp=1.0).entry(2).triage_class is TriageClass.SEVERE


def test_changed_settings_place_every_open_study_anew_and_only_once(house: House) -> None:
    house.triage(1, 0.25)
    house.later(10 * MINUTE)
    house.triage(2, 0.5)
    house.keeping().look(now=house.now)
    assert house.order() == [2, 1]
    by_arrival = restarted(house, discipline=Discipline.FIFO)
    assert by_arrival.order() == [1, 2]
    assert events(house, 1, "PLACED_AGAIN") == events(house, 2, "PLACED_AGAIN") == ["settings changed"]
    assert "settings changed" in [move.cause for move in house.studies.moves("1.2.1")]
    restarted(by_arrival)
    assert events(house, 1, "PLACED_AGAIN") == ["settings changed"]
    assert [each.cause for each in Policies(house.database).changes()] == ["settings changed"] * 2


def test_other_cut_offs_give_other_classes(house: House) -> None:
    house.triage(1, 0.375)
    changed = restarted(house, s3=0.3)
    assert changed.entry(1).triage_class is TriageClass.SEVERE
    assert restarted(changed, scheme=Scheme.COMBINED, s3=0.5).entry(1).triage_class is TriageClass.OPACITY_NOT_FLAGGED


def test_what_readers_decided_outlives_other_settings(house: House) -> None:
    for study in (1, 2, 3):
        house.triage(study, 0.5)
        house.later(MINUTE)
    readers = house.readers()
    readers.act("1.2.3", ActionKind.PINNED, "ann", now=house.now)
    readers.act("1.2.2", ActionKind.RAISED, "ben", now=house.now)
    readers.act("1.2.1", ActionKind.READING, "ann", now=house.now)
    changed = restarted(house, discipline=Discipline.STRICT)
    assert changed.order() == [3, 2, 1]
    assert [changed.entry(study).override for study in (3, 2, 1)] == [Override.PIN, Override.RAISE, Override.NONE]
    assert changed.entry(1).read_by == "ann"


def test_a_study_that_was_done_comes_back_under_the_settings_of_now(house: House) -> None:
    house.triage(1, 0.25)
    house.later(10 * MINUTE)
    house.triage(2, 0.75)
    house.readers().act("1.2.2", ActionKind.DONE, "ann", now=house.now)
    changed = restarted(house, discipline=Discipline.FIFO)
    changed.readers().act("1.2.2", ActionKind.REOPENED, "ann", now=house.now)
    assert changed.order() == [1, 2]


def test_who_waited_for_the_cap_is_next_though_nothing_happened_to_the_study(
    database: Database, tmp_path: Path
) -> None:
    house = House(database, tmp_path, replace(TRIAGE, discipline=Discipline.STRICT_CAP, strict_cap_min=60.0))
    keeping = house.keeping()
    house.triage(1, 0.25)
    house.later(50 * MINUTE)
    house.triage(2, 0.75)
    assert (keeping.tick(now=house.now), house.order()) == (0, [2, 1])
    house.later(10 * MINUTE)
    version = house.worklist.version()
    assert (keeping.tick(now=house.now), house.order()) == (1, [1, 2])
    assert house.worklist.version() != version, "else open pages would not be told"
    assert keeping.tick(now=house.now) == 0
    assert events(house, 1, "PLACED_AGAIN") == []
    assert [move.cause for move in house.studies.moves("1.2.1")][-1] == "time passed"


def test_a_wait_that_gains_more_slowly_is_overtaken_as_time_passes(database: Database, tmp_path: Path) -> None:
    """Rates 8 for A and 4 for C: after 10 and 5 minutes they are equal, later the critical study is ahead."""
    house = House(database, tmp_path, replace(TRIAGE, discipline=Discipline.ACCUMULATING))
    keeping = house.keeping()
    house.triage(1, 0.25)
    house.later(5 * MINUTE)
    house.triage(2, 0.75)
    found = []
    for _ in range(8):
        house.later(MINUTE)
        keeping.tick(now=house.now)
        found.append(house.order())
    assert found[0] == [1, 2]
    assert found[-1] == [2, 1]


def late(house: House) -> None:
    """A study that waits for its result for 16 minutes, beside two that have theirs."""
    house.triage(1, 0.25)
    house.later(MINUTE)
    house.triage(2, 0.75)
    house.send(house.series(3))
    house.later(2)
    house.assemble()
    house.later(16 * MINUTE)


def test_the_guard_gives_the_order_up_for_that_of_arrival_and_takes_it_up_again(house: House) -> None:
    keeping = house.keeping(GUARD)
    late(house)
    assert (house.order(), house.worklist.banner()) == ([2, 1, 3], [])
    version = house.worklist.version()
    keeping.look(now=house.now)
    assert house.order() == [1, 2, 3]
    (said,) = house.worklist.banner()
    assert "the oldest study without a result has waited 16 minutes (at most 15)" in said
    assert house.worklist.version() != version
    assert "is not trusted" in events(house, 2, "PLACED_AGAIN")[-1]
    house.score(0.75)
    assert house.order() == [1, 2, 3], "a worker in another process must place by the same trust"
    keeping.look(now=house.now)
    assert (house.order(), house.worklist.banner()) == ([2, 3, 1], [])
    assert [each.trusted for each in Policies(house.database).changes()] == [True, False, True]


def test_emergencies_come_first_while_the_order_is_not_trusted(house: House) -> None:
    late(house)
    house.readers().act("1.2.3", ActionKind.PINNED, "ann", now=house.now)
    house.keeping(GUARD).look(now=house.now)
    assert house.order() == [3, 1, 2]


def test_a_restart_keeps_what_the_guard_decided(house: House) -> None:
    late(house)
    house.keeping(GUARD).look(now=house.now)
    other = House(house.database, house.folder, replace(TRIAGE, s2=0.3))
    other.keeping(GUARD).look(now=house.now)
    assert other.order() == [1, 2, 3]
    assert other.worklist.banner()


def test_a_guard_that_is_switched_off_trusts_the_order(house: House) -> None:
    late(house)
    house.keeping(GUARD).look(now=house.now)
    house.keeping(None).look(now=house.now)
    assert (house.order(), house.worklist.banner()) == ([2, 1, 3], [])


def test_a_study_that_is_scored_again_is_not_late(house: House) -> None:
    house.triage(1, 0.25)
    house.later(16 * MINUTE)
    house.requeue(1)
    house.keeping(GUARD).look(now=house.now)
    assert house.worklist.banner() == []


def test_a_share_of_flagged_studies_unlike_the_usual_one_is_not_trusted(house: House) -> None:
    for study in range(1, 5):
        house.triage(study, 0.5)
    house.keeping(GUARD, references={}).look(now=house.now)
    assert house.worklist.banner() == []
    house.keeping(GUARD, references={Stratum.VOLUME: 0.2}).look(now=house.now)
    (said,) = house.worklist.banner()
    assert "100 % of the last 4 scored studies are flagged, usually 20 %" in said


def test_what_was_placed_by_the_old_policy_while_it_changed_is_placed_again_at_the_next_look(house: House) -> None:
    """A transaction that began before the change and ends after it is not seen by the change."""
    after = House(house.database, house.folder, TriageOptions(scheme=Scheme.SEVERITY, discipline=Discipline.FIFO))
    keeping = after.keeping()
    keeping.look(now=house.now)
    house.triage(1, 0.75)
    after.now = house.now + timedelta(minutes=1)
    after.triage(2, 0.25)
    assert after.order() == [2, 1], "else this test shows nothing"
    keeping.look(now=after.now)
    assert after.order() == [1, 2]
