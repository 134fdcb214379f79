"""One scanner whose studies cannot be read: the clock sets it aside, says so, and lets the others keep their order."""

from __future__ import annotations

from dataclasses import replace

from structlog.testing import capture_logs

from tests.store.making import Studies, admit, at, claimed, commit, instance, ranking, study_uid
from tests.store.studies.test_outcomes import decline
from tests.xray_findings import xray_finding
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.store.listing.policies import Policies
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed, Failed, Reason, ReasonCode
from triaged.study.modalities import Stratum
from triaged.triage.judging import GuardOptions
from triaged.triage.scheme import TriageOptions

UNREADABLE = Failed(Reason(ReasonCode.CORRUPT, "expected pixels, found none"))
GUARD = GuardOptions(window=30, fewest=15)


def _send(studies: Studies, number: int, sender: str, failed: Failed | None, modality: str = "CT") -> None:
    """Let a study come from a sender, and be read or not."""
    opened = studies.open_association(receiver="r", peer="10.0.0.7", calling_ae_title=sender, now=at(number))
    sent = instance(number, 1)
    if modality != "CT":
        sent = replace(sent, image=replace(sent.image, sop_class_uid="", modality=modality))
    admit(studies, sent, minutes=number, association_id=opened)
    place = ranking(number, study_uid(number))
    studies.complete(study_uid(number), 1, ranking=place, cause="whole", now=at(number))
    claim = claimed(studies, minutes=number)
    if failed is None:
        found = None if modality == "CT" else Assessed(xray_finding(estimated=0.4))
        commit(studies, claim, minutes=number, assessment=found)
    else:
        decline(studies, claim, failed)


def test_a_bad_scanner_is_set_aside_named_and_counted_again_when_it_is_mended(database: Database) -> None:
    studies, worklist = Studies(database), Worklist(database)
    rooms = Policies(database), Rankings(database)
    keeping = PolicyKeeping(*rooms, triage=TriageOptions(), guard=GUARD, references={})
    for number in range(1, 22):
        _send(studies, number, "CT2" if number % 3 == 0 else "CT1", UNREADABLE if number % 3 == 0 else None)
    with capture_logs() as logs:
        keeping.look(now=at(40))
        keeping.look(now=at(41))
    said = "7 of 7 studies from CT2 at 10.0.0.7 could not be read: not counted"
    assert [line["why"] for line in logs if line["log_level"] == "warning"] == [said]
    in_force = rooms[0].in_force()
    assert in_force is not None
    assert in_force.trusted
    assert [warning.split("UTC: ")[1] for warning in worklist.banner()] == [f"{said} when the order is judged."]
    for number in range(22, 60):
        _send(studies, number, "CT2", None)
    keeping.look(now=at(70))
    assert worklist.banner() == []


def test_x_rays_that_can_not_be_read_cost_no_ct_its_place(database: Database) -> None:
    studies, worklist, policies = Studies(database), Worklist(database), Policies(database)
    keeping = PolicyKeeping(policies, Rankings(database), triage=TriageOptions(), guard=GUARD, references={})
    for number in range(1, 46):
        is_xray = number % 3 == 0
        _send(studies, number, "PACS", UNREADABLE if is_xray and number > 36 else None, "DX" if is_xray else "CT")
    with capture_logs() as logs:
        for minute in (60, 61):
            keeping.look(now=at(minute))
    why = "3 of the last 15 X-rays could not be read (20 %; at most 10 %)"
    assert [line["why"] for line in logs if line["log_level"] == "warning"] == [{"X-rays": [why]}]
    in_force = policies.in_force()
    assert in_force is not None
    assert (in_force.trusted, dict(in_force.distrusted)) == (True, {Stratum.RADIOGRAPH: (why,)})
    (said,) = worklist.banner()
    assert "X-rays are not ordered by findings" in said
    assert why in said
