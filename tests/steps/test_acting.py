"""Readers at work, through the policy of the site: they are logged without names, and everything can be taken back."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.store.making import Studies, admit, at, claimed, commit, instance, study_uid
from triaged.errors import ActionRefused
from triaged.steps.acting import Readers
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.actions import Actions
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.ranking import Override, TriageClass
from triaged.study.read_state import ActionKind
from triaged.triage.scheme import Scheme, TriageOptions

POLICY = ranking_policy(TriageOptions(scheme=Scheme.SEVERITY))
STUDY = study_uid(1).value


@pytest.fixture
def readers(database: Database) -> Readers:
    """Two studies that wait, of which the second came an hour later."""
    studies = Studies(database)
    for number, minutes in ((1, 0), (2, 60)):
        admit(studies, instance(number, 1), minutes=minutes, where=POLICY)
        studies.complete(study_uid(number), 1, ranking=POLICY, cause="whole", now=at(minutes))
    return Readers(Actions(database), ranking_policy=POLICY)


def _order(database: Database) -> list[str]:
    return [entry.study_instance_uid.rpartition(".")[2] for entry in Worklist(database).entries()]


def test_a_lowered_study_whose_result_is_severe_is_one_step_below_its_class(
    readers: Readers, database: Database
) -> None:
    studies = Studies(database)
    claim = claimed(studies, minutes=61)
    readers.act(STUDY, ActionKind.LOWERED, "ann", now=at(62), detail="known, treated")
    commit(studies, claim, minutes=63, where=POLICY, severity=0.6)
    entry = Worklist(database).entry(STUDY)
    assert entry is not None
    assert (entry.triage_class, entry.override) == (TriageClass.SEVERE, Override.LOWER)
    assert entry.reason != studies.results(STUDY)[0].reason
    lowered = entry
    readers.undo(STUDY, "bob", now=at(64))
    entry = Worklist(database).entry(STUDY)
    assert entry is not None
    assert entry.reason == studies.results(STUDY)[0].reason
    readers.act(STUDY, ActionKind.LOWERED, "ann", now=at(65))
    assert Worklist(database).entry(STUDY) == lowered


def test_an_action_is_logged_with_its_study_and_without_any_name(readers: Readers) -> None:
    with capture_logs() as logs:
        readers.act(STUDY, ActionKind.DONE, "ann", now=at(62))
        readers.undo(STUDY, "bob", now=at(63))
        with pytest.raises(ActionRefused):
            readers.undo(STUDY, "bob", now=at(64))
    assert [(line["study_instance_uid"], line["action"]) for line in logs] == [(STUDY, "DONE"), (STUDY, "UNDONE")]
    assert "ann" not in str(logs)
    assert "bob" not in str(logs)


def test_a_pinned_study_is_first_until_that_is_taken_back(readers: Readers, database: Database) -> None:
    done = readers.act(study_uid(2).value, ActionKind.PINNED, "ann", now=at(62))
    assert _order(database) == ["2", "1"]
    readers.undo(study_uid(2).value, "bob", now=at(63), action_id=done.action_id)
    assert _order(database) == ["1", "2"]
    assert [each.undone for each in readers.actions(study_uid(2).value)] == [True, False]
