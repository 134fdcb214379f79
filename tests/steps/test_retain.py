"""What is deleted, what never is, and what a deleted study still answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from tests.steps.test_intake import place
from tests.steps.ward import SLICES, THEN, Ward, uid
from triaged.errors import ActionRefused, TryLater
from triaged.spool.files import Spool
from triaged.steps.adopt import Adoption
from triaged.steps.commitment import CommitmentOptions, CommitmentService
from triaged.steps.inspect_spool import Fault, Inspection
from triaged.steps.retain import Retaining
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.studies.deletable import Files
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.retention import Retention
from triaged.store.tables.database import Database
from triaged.study.commitment import CommitmentReport, CommitmentRequest, Reference
from triaged.study.read_state import ActionKind, ReadState
from triaged.study.records import Admission

pytestmark = pytest.mark.slow
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def ward(database: Database, spool: Spool) -> Ward:
    return Ward(database, spool)


def fsck(ward: Ward) -> list[tuple[Fault, str]]:
    adoption = Adoption(ward.studies, ward.studies, ward.spool, ranking_policy=place)
    inspection = Inspection(Inventory(ward.database), ward.spool, adoption)
    later = ward.now + timedelta(days=36_500)
    looked = [
        each for folder in inspection.folders() for each in inspection.look(folder, digests=True, older_than=later)
    ]
    return [(each.fault, each.path) for each in looked]


def test_by_default_nothing_is_ever_deleted(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(10_000)
    before = ward.files()
    assert ward.retain() == 0
    assert ward.files() == before


def test_images_go_when_the_study_has_been_done_for_long_enough_and_its_rows_stay(ward: Ward) -> None:
    ward.finished(1)
    studies, instances, events = ward.rows("study"), ward.rows("instance"), ward.rows("event")
    ward.pass_days(29.9)
    assert ward.retain(images_days=30) == 0
    ward.pass_days(0.2)
    assert ward.retain(images_days=30) == 1
    assert ward.images(1) == []
    assert len(ward.results(1)) == 2
    assert ward.rows("study") == studies
    assert [{**row, "removal_id": None} for row in ward.rows("instance")] == instances
    (removal,) = ward.rows("removal")
    assert (removal["kept"], removal["files"], removal["why"]) == (
        "images",
        SLICES,
        "older than 30 days, retention.images_days",
    )
    assert removal["size_bytes"] == sum(row["size_bytes"] for row in instances)
    assert removal["finished_at"] is not None
    said = ward.rows("event")[len(events) :]
    assert [(each["event"], each["detail"]) for each in said] == [
        ("REMOVED", "images deleted: older than 30 days, retention.images_days")
    ]
    assert ward.studies.removed(uid(1))[0].files == SLICES
    assert fsck(ward) == []


def test_results_go_later_and_the_folder_with_them(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(31)
    ward.retain(images_days=30, results_days=60)
    assert ward.folders() == ["1.2.826.0.1.1", "incoming"]
    ward.pass_days(31)
    assert ward.retain(images_days=30, results_days=60) == 1
    assert ward.folders() == ["incoming"]
    assert [row["size_bytes"] for row in ward.rows("removal")][1] == len("report of 1") + len("view")
    assert ward.studies.derived(uid(1)) == []
    assert ward.studies.view(uid(1)) is None
    assert fsck(ward) == []


def never_read(ward: Ward) -> None:
    ward.receive(1)
    ward.score(1)
    ward.deliver()


def being_read(ward: Ward) -> None:
    never_read(ward)
    ward.read(1, ActionKind.READING)


def not_sent(ward: Ward) -> None:
    ward.receive(1)
    ward.score(1)
    ward.read(1)


def in_state(state: str) -> Callable[[Ward], None]:
    def given(ward: Ward) -> None:
        not_sent(ward)
        ward.change(f"UPDATE outbox SET state = '{state}'")

    return given


def asked_for_by_a_second_engine(ward: Ward) -> None:
    ward.receive(1)
    ward.score(1, seconds=("threshold",))
    ward.deliver()
    ward.read(1)


def with_pictures_to_be_drawn(ward: Ward) -> None:
    ward.finished(1)
    ward.change(
        "INSERT INTO drawing (study_id, result_id, draft_path, state, attempts)"
        " SELECT study_id, id, coronal_path, 'WAITING', 0 FROM result"
    )


def opened_again_by_a_late_slice(ward: Ward) -> None:
    ward.finished(1)
    ward.send(1, SLICES)


def sent_but_not_committed(ward: Ward) -> None:
    ward.finished(1)


@pytest.mark.parametrize(
    "given",
    [
        never_read,
        being_read,
        not_sent,
        in_state("DEAD"),
        in_state("REFUSED"),
        asked_for_by_a_second_engine,
        with_pictures_to_be_drawn,
        opened_again_by_a_late_slice,
        sent_but_not_committed,
    ],
)
def test_what_is_unread_undelivered_or_at_work_is_never_deleted(ward: Ward, given: Callable[[Ward], None]) -> None:
    given(ward)
    ward.pass_days(10_000)
    before = ward.files()
    assert (
        ward.retaining(images_days=1, results_days=1, start_at_free_mb=10**12, committing=frozenset({"pacs"})).tick(
            now=ward.now
        )
        == 0
    )
    assert ward.files() == before


def test_a_committed_object_is_delivered(ward: Ward) -> None:
    ward.finished(1)
    ward.change("UPDATE outbox SET committed_at = sent_at")
    ward.pass_days(2)
    assert ward.retain(images_days=1, committing=frozenset({"pacs"})) == 1


def test_results_that_no_destination_has_stay_though_their_images_go(ward: Ward) -> None:
    ward.receive(1)
    ward.score(1, destinations={"nowhere": frozenset()})
    ward.read(1)
    ward.pass_days(2)
    assert ward.retain(images_days=1, results_days=1) == 1
    assert ward.images(1) == []
    assert len(ward.results(1)) == 2


def test_what_a_sender_was_promised_stays(ward: Ward) -> None:
    ward.finished(1)
    assert not commitment(ward, 1).failed
    ward.pass_days(100)
    assert ward.retain(images_days=1) == 0
    assert ward.retain(images_days=1, promised_days=90) == 1
    assert [each.reason for each in commitment(ward, 1).failed] == [0x0112]


def commitment(ward: Ward, number: int) -> CommitmentReport:
    service = CommitmentService(
        Commitments(ward.database),
        Answers(ward.database),
        ward.spool,
        find_peer=lambda _: None,
        options=CommitmentOptions(),
    )
    asked = CommitmentRequest("2.25.7", (Reference(CT_IMAGE, f"{uid(number)}.1.0"),))
    report = service.requested(asked, "CT1", now=ward.now)
    assert report is not None
    return report


def test_an_instance_that_comes_again_is_answered_as_before_kept_and_deleted_again(ward: Ward) -> None:
    ward.finished(1)
    kept = ward.images(1)
    ward.pass_days(2)
    ward.retain(images_days=1)
    study = ward.rows("study")
    assert ward.send(1, 0) is Admission.DUPLICATE
    assert ward.rows("study") == study
    assert ward.images(1) == [kept[0]]
    assert [row["removal_id"] is None for row in ward.rows("instance")] == [True, False, False]
    assert fsck(ward) == []
    assert ward.retain(images_days=1) == 1
    assert ward.images(1) == []
    assert fsck(ward) == []


def test_other_content_of_a_deleted_instance_is_kept_beside_it(ward: Ward) -> None:
    ward.finished(1)
    ward.send(1, 0, pixels=b"\3\4" * 1000)
    ward.read(1) if ward.rows("study")[0]["read_state"] != ReadState.DONE else None
    ward.pass_days(2)
    ward.retain(images_days=1)
    assert ward.images(1) == []
    assert ward.send(1, 0, pixels=b"\3\4" * 1000) is Admission.CONFLICT
    assert len(ward.rows("conflict")) == 1
    assert len(ward.images(1)) == 1
    assert fsck(ward) == []


def test_a_late_slice_of_a_deleted_study_puts_it_back_on_the_list(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(2)
    ward.retain(images_days=1)
    assert ward.send(1, SLICES) is Admission.NEW
    (study,) = ward.rows("study")
    assert (study["state"], study["read_state"]) == ("RECEIVING", "UNREAD")


def test_a_follow_up_is_still_compared_with_a_deleted_prior(ward: Ward) -> None:
    ward.finished(1)
    ward.finished(2)
    before = ward.studies.prior(uid(2))
    assert before is not None
    assert before.coronal_path is not None
    ward.pass_days(2)
    ward.retain(images_days=1)
    assert ward.studies.prior(uid(2)) == before
    ward.retain(images_days=1, results_days=1)
    after = ward.studies.prior(uid(2))
    assert after is not None
    assert (after.finding, after.coronal_path) == (before.finding, None)


def test_a_deleted_study_cannot_be_queued_again_until_its_images_come_again(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(2)
    ward.retain(images_days=1)
    with pytest.raises(ActionRefused, match=r"3 images of .* were deleted here: send them again first"):
        ward.studies.requeue(uid(1), ranking=place, now=ward.now)
    for index in range(SLICES):
        ward.send(1, index)
    ward.studies.requeue(uid(1), ranking=place, now=ward.now)
    ward.score(1, basis="again")
    assert not list(ward.promised_and_missing())


def test_the_same_result_made_again_is_kept_again(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(2)
    ward.retain(images_days=1, results_days=1)
    for index in range(SLICES):
        ward.send(1, index)
    ward.studies.requeue(uid(1), ranking=place, now=ward.now)
    ward.score(1)
    assert [each.path for each in ward.studies.derived(uid(1))] == [f"{uid(1)}/results/report.dcm"]
    assert not list(ward.promised_and_missing())


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Deadly:
    """Ends the process after so many of its steps; a step is everything that changes a row or a file."""

    left: int
    done: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        self.done.append(name)


def killed_after(ward: Ward, steps: int, monkeypatch: pytest.MonkeyPatch, **options: float) -> Deadly | None:
    """Delete, and die after so many steps; None where it came to its end."""
    deadly = Deadly(steps)
    with monkeypatch.context() as patch:
        from triaged.spool import durable

        begin, finish, unlink = Retention.begin, Retention.finish, durable.Tree.unlink

        def stepping(name: str, real: Callable[..., object]) -> Callable[..., object]:
            def step(*arguments: object, **keywords: object) -> object:
                deadly.step(name)
                return real(*arguments, **keywords)

            return step

        patch.setattr(Retention, "begin", stepping("begin", begin))
        patch.setattr(Retention, "finish", stepping("finish", finish))
        patch.setattr(durable.Tree, "unlink", stepping("unlink", unlink))
        try:
            ward.retain(**options)
        except Killed:
            return deadly
    return None


def test_death_at_any_step_leaves_no_row_that_promises_a_file_and_the_next_round_finishes(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.finished(1)
    ward.pass_days(2)
    deaths: list[str] = []
    steps = 0
    while True:
        ward.change("UPDATE removal SET finished_at = NULL WHERE finished_at IS NOT NULL")
        deadly = killed_after(ward, steps, monkeypatch, images_days=1, results_days=1)
        if deadly is None:
            break
        deaths.append("".join(deadly.done[-1:]))
        assert not list(ward.promised_and_missing())
        steps += 1
    assert {"begin", "unlink", "finish"} <= set(deaths)
    assert len(deaths) >= 5
    assert not list(ward.promised_and_missing())
    assert ward.images(1) == ward.results(1) == []
    assert ward.retention.unfinished() == []


@dataclass
class Meanwhile(Retention):
    """Lets something happen between the decision and the first deletion."""

    database: Database
    happens: Callable[[], object]

    def __post_init__(self) -> None:
        super().__init__(self.database)

    def paths(self, removal: object) -> list[str]:
        found = super().paths(removal)  # type: ignore[arg-type]
        self.happens()
        return found


def test_an_instance_that_comes_again_while_it_is_deleted_is_kept(ward: Ward) -> None:
    ward.finished(1)
    ward.pass_days(2)
    meanwhile = Meanwhile(ward.database, lambda: ward.send(1, 0))
    ward.retaining(meanwhile, images_days=1).tick(now=ward.now)
    assert len(ward.images(1)) == 1
    assert not list(ward.promised_and_missing())
    assert fsck(ward) == []


def test_a_sender_whose_file_is_deleted_under_it_is_asked_to_send_again(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.finished(1)
    ward.pass_days(2)
    real = Spool.part

    def deleted_before_the_row(spool: Spool, *uids: object) -> object:
        part = real(spool, *uids)  # type: ignore[arg-type]
        commit = part.commit

        def commit_and_lose() -> object:
            kept = commit()
            with monkeypatch.context() as undone:
                undone.setattr(Spool, "part", real)
                ward.retain(images_days=1)
            return kept

        part.commit = commit_and_lose  # type: ignore[method-assign,assignment]
        return part

    monkeypatch.setattr(Spool, "part", deleted_before_the_row)
    with pytest.raises(TryLater, match="send it again"):
        ward.send(1, 0)
    monkeypatch.setattr(Spool, "part", real)
    assert not list(ward.promised_and_missing())
    assert ward.send(1, 0) is Admission.DUPLICATE
    assert len(ward.images(1)) == 1
    assert not list(ward.promised_and_missing())


def test_a_file_that_a_power_cut_brings_back_is_found_and_removed(ward: Ward) -> None:
    ward.finished(1)
    path = ward.images(1)[0]
    content = ward.spool.absolute(path).read_bytes()
    ward.pass_days(2)
    ward.retain(images_days=1)
    target = ward.spool.absolute(path)
    target.parent.mkdir(parents=True)
    target.write_bytes(content)
    assert fsck(ward) == [(Fault.DELETED, path)]


class Disk:
    """A disk that is as full as the files in the spool make it."""

    def __init__(self, ward: Ward, monkeypatch: pytest.MonkeyPatch, *, free_kb_now: int) -> None:
        root = ward.spool.absolute("x").parent
        monkeypatch.setattr("triaged.steps.retain._MIB", 1024)  # the same in kilobytes: a test fills no disk

        def used_kb() -> int:
            return sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) // 1024

        full = used_kb() + free_kb_now
        monkeypatch.setattr(Spool, "free_mb", lambda _: full - used_kb())


def test_a_full_disk_frees_itself_of_what_was_done_first_and_of_no_more_than_needed(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        ward.receive(number)
        ward.score(number)
        ward.deliver()
        ward.pass_days(1)
    for number in (2, 3, 1):
        ward.read(number)
        ward.pass_days(1)
    Disk(ward, monkeypatch, free_kb_now=2)
    assert ward.retain(start_at_free_mb=4) == 1
    assert [bool(ward.images(number)) for number in (1, 2, 3)] == [True, False, True]
    assert ward.spool.free_mb() >= 4
    assert ward.retain(start_at_free_mb=4) == 0
    assert ward.rows("removal")[0]["why"] == "the disk has less than 4 MiB free"


def test_a_disk_filled_to_the_reserve_takes_instances_again_by_itself(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.finished(1)
    ward.pass_days(1)
    ward.spool._reserve_mb = 3
    Disk(ward, monkeypatch, free_kb_now=2)
    with pytest.raises(TryLater, match="expected at least 3 MiB free"):
        ward.send(2, 0)
    ward.retain(start_at_free_mb=5)
    assert ward.send(2, 0) is Admission.NEW


def test_a_full_disk_keeps_what_a_back_up_holds_by_a_link(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ward.finished(1)
    ward.finished(2)
    ward.pass_days(1)
    for path in ward.images(1):
        (tmp_path / "back-up").mkdir(exist_ok=True)
        (tmp_path / "back-up" / Path(path).name).hardlink_to(ward.spool.absolute(path))
    Disk(ward, monkeypatch, free_kb_now=2)
    assert ward.retain(start_at_free_mb=100) == 1
    assert [bool(ward.images(number)) for number in (1, 2)] == [True, False]


def test_a_round_ends_when_its_time_is_over(ward: Ward) -> None:
    for number in (1, 2):
        ward.finished(number)
    ward.pass_days(2)
    ticks = iter([0.0, 0.0, 5.0, 5.0])
    slow = Retaining(ward.retention, ward.spool, ward.retaining(images_days=1)._options, monotonic=lambda: next(ticks))
    assert slow.tick(now=ward.now) == 1


def test_a_plan_says_what_would_go_and_what_stays_why_and_changes_nothing(ward: Ward) -> None:
    ward.finished(1)
    ward.receive(2)
    ward.score(2)
    ward.read(2)
    ward.pass_days(2)
    files, removals = ward.files(), ward.rows("removal")
    (images,) = ward.retaining(images_days=1).planned(now=ward.now)
    assert [(each.name, each.files, each.since) for each in images.due] == [(uid(1), SLICES, THEN)]
    assert images.held_back == {"a destination does not have all of its results": 1}
    assert (ward.files(), ward.rows("removal")) == (files, removals)


def test_bytes_in_quarantine_go_by_their_age_and_come_again_as_new_ones(ward: Ward) -> None:
    def bad() -> Admission:
        from tests.steps.test_intake import CT_IMAGE as of_class
        from tests.steps.test_intake import EXPLICIT
        from triaged.steps.intake import Offer

        return ward.intake.receive(
            Offer(of_class, "1.2.9", EXPLICIT), iter([b"no DICOM"]), ward.sender, clock=lambda: ward.now
        )

    assert bad() is Admission.QUARANTINED
    assert ward.retaining(quarantine_days=7).tick(now=ward.now) == 0
    ward.pass_days(8)
    assert ward.retain(quarantine_days=7) == 1
    assert [path for path in ward.files() if "quarantine" in path] == []
    assert ward.studies.quarantined() == []
    assert fsck(ward) == []
    assert bad() is Admission.QUARANTINED
    assert len(ward.studies.quarantined()) == 1
    assert ward.retain(quarantine_days=7) == 0
    assert fsck(ward) == []


def test_history_days_forget_what_no_list_and_no_history_shows(ward: Ward) -> None:
    ward.finished(1)
    echo = ward.studies.open_association(receiver="receiver-1", peer="192.0.2.9", calling_ae_title="X", now=ward.now)
    ward.studies.close_association(echo, now=ward.now)
    commitment(ward, 1)
    kept = {table: ward.rows(table) for table in ("study", "event", "reorder", "action", "outbox", "instance")}
    ward.pass_days(400)
    ward.retain(history_days=365)
    assert [row["id"] for row in ward.rows("association")] == [ward.sender.association_id]
    assert {table: ward.rows(table) for table in kept} == kept


def test_a_plan_of_quarantine_holds_nothing_back(ward: Ward) -> None:
    ((only),) = ward.retaining(quarantine_days=1).planned(now=ward.now)
    assert (only.rule.files, only.due, only.held_back) == (Files.QUARANTINE, (), {})


def test_an_ignored_study_goes_by_a_number_of_its_own(ward: Ward) -> None:
    ward.finished(1)
    ward.receive(2)
    ward.score(2)
    ward.deliver()
    ward.receive(3)
    ward.change(f"UPDATE study SET ignored = 1 WHERE study_uid IN ('{uid(2)}', '{uid(3)}')")
    ward.pass_days(8)
    (plan,) = ward.retaining(ignored_days=7).planned(now=ward.now)
    assert ([each.name for each in plan.due], dict(plan.held_back)) == (
        [uid(2)],
        {"it is being received or analysed again": 1},
    )
    assert ward.retain(ignored_days=9) == 0
    assert ward.retain(ignored_days=7) == 1
    assert [bool(ward.images(number)) for number in (1, 2, 3)] == [True, False, True]
