"""What readers do with studies, as the pages call it: one policy for all of them, one line of log for each."""

from __future__ import annotations

from datetime import datetime

import structlog

from triaged.store.listing.actions import Actions
from triaged.study.ranking_input import RankingPolicy
from triaged.study.read_state import Action, ActionKind

log = structlog.get_logger()


class Readers:
    """Reading, done, pinned, raised, lowered, and each of it undone; safe to share between threads.

    Raises:
        ActionRefused: as `Actions`; the message says who reads the study.
        TryLater: the store is unreachable.
    """

    def __init__(self, actions: Actions, *, ranking_policy: RankingPolicy) -> None:
        self._actions = actions
        self._placing = ranking_policy

    def act(self, study_uid: str, kind: ActionKind, person: str, *, now: datetime, detail: str = "") -> Action:
        """Do something with a study, as `Actions.act`; `detail` is the reason that the person gives, or empty."""
        action = self._actions.act(study_uid, kind, person, detail=detail, ranking_policy=self._placing, now=now)
        _log(action)
        return action

    def undo(self, study_uid: str, person: str, *, now: datetime, action_id: int | None = None) -> Action:
        """Take back the last action on a study, as `Actions.undo`."""
        action = self._actions.undo(study_uid, person, action_id=action_id, ranking_policy=self._placing, now=now)
        _log(action)
        return action

    def actions(self, study_uid: str) -> list[Action]:
        """Return everything that was done with a study, the oldest first."""
        return self._actions.actions(study_uid)


def _log(action: Action) -> None:
    """Tell what was done to which study; by whom is in its history."""
    log.info("reader acted", study_instance_uid=action.study_uid, action=action.kind.value, action_id=action.action_id)
