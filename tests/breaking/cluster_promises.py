"""What must hold of what several hosts wrote together: histories that fit, one owner of each study, objects in order.

Reads the database by plain SQL, and the archive by its own interface.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from tests.breaking.ledger import Ledger
from tests.breaking.plain_store import PlainStore
from tests.breaking.trial import Trial
from tests.programs import Orthanc

_OPEN = "SELECT id FROM study WHERE read_state <> 'DONE' AND ignored = 0 ORDER BY sort_key"
_MOVES = 'SELECT study_id, "before", "after" FROM reorder ORDER BY id'
_EVENTS = "SELECT study_id, event, state_before, state_after, revision, detail FROM event ORDER BY study_id, id"
_STATES = "SELECT id, state FROM study"
_RESULTS = "SELECT study_id, revision, worker FROM result"
_IN_FORCE = (
    "SELECT study_uid, count(result.id) FROM study "
    "LEFT JOIN result ON result.study_id = study.id AND superseded_by IS NULL GROUP BY study_uid"
)
_FAILED = "SELECT study_uid, reason_code, study.reason FROM study JOIN result ON result.id = result_id"
_SETS = (
    "SELECT derived.sop_instance_uid, result.study_id, derived.kind, result.id FROM derived "
    "JOIN result ON result.id = derived.result_id ORDER BY result.id"
)
_WHO = re.compile(r"attempt \d+: (?P<worker>\S+)")
_ENDS = ("ASSESSED", "DECLINED", "GIVEN_UP", "PLACED")
_NOT_ITS_OWN = ("gave-up", "file-lost", "too-large", "too-long")
"""Reasons of failure that are of machines: no study of this hospital has any of them in itself."""


def histories_give_the_list(trial: Trial, store: PlainStore) -> None:
    """Expect the order that follows from all its changes to be the one that is kept."""
    order: list[int] = []
    for study, before, after in store.rows(_MOVES):
        if before is not None:
            found = order.pop(before - 1) if before <= len(order) else None
            trial.expect(found == study, f"expected study {study} at {before} in the history, found {found}")
        if after is not None:
            order.insert(after - 1, study)
    kept = [study for (study,) in store.rows(_OPEN)]
    different = [(was, now) for was, now in zip(order, kept, strict=False) if was != now]
    is_same = order == kept
    trial.expect(is_same, f"expected the history to give the list, found {len(order)}, {len(kept)}, {different[:5]}")


def nobody_changes_what_is_not_his(trial: Trial, store: PlainStore) -> None:
    """Expect each study's events to follow from one another, and each end of an analysis from who had the study."""
    histories: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for study, *event in store.rows(_EVENTS):
        histories[study].append(event)
    claimed: set[tuple[int, int, str]] = set()
    for study, state in store.rows(_STATES):
        claimed |= _claims_of(trial, study, str(state), histories[study])
    for study, revision, worker in store.rows(_RESULTS):
        is_his = (study, revision, worker) in claimed
        trial.expect(is_his, f"expected revision {revision} of study {study} by who claimed it, found {worker}")


def _claims_of(trial: Trial, study: int, state: str, history: Sequence[Sequence[Any]]) -> set[tuple[int, int, str]]:
    """Return which revisions of a study were claimed by whom, as one history says that fits."""
    at, owner, claimed = "", "", set[tuple[int, int, str]]()
    for event, before, after, revision, detail in history:
        trial.expect(not at or before == at, f"expected {event} of study {study} from {at}, found from {before}")
        if event == "CLAIMED":
            trial.expect(not owner, f"expected study {study} without an owner, found {owner} at {detail}")
            found = _WHO.search(detail)
            owner = found["worker"] if found else "?"
            claimed.add((study, revision, owner))
        elif event in _ENDS:
            trial.expect(owner, f"expected {event} of study {study} by its owner, found none")
        at, owner = after, owner if after == "ANALYSING" else ""
    trial.expect(at == state, f"expected study {study} {at} as its history says, found {state}")
    return claimed


def one_result_each(trial: Trial, store: PlainStore, ledger: Ledger) -> None:
    """Expect exactly one result in force of every whole study, and no failure for a reason of machines."""
    whole = ledger.whole()
    found = {str(uid): int(results) for uid, results in store.rows(_IN_FORCE)}
    for uid in whole:
        trial.expect(found.get(uid) == 1, f"expected one result in force of study {uid}, found {found.get(uid)}")
    for results, studies in sorted(Counter(found[uid] for uid in whole if uid in found).items()):
        trial.note(f"whole studies with {results} result in force", float(studies))
    codes = Counter[str]()
    for uid, code, reason in store.rows(f"{_FAILED} WHERE state = 'FAILED'"):
        codes[str(code)] += 1
        own = code not in _NOT_ITS_OWN and uid not in whole
        trial.expect(own, f"expected study {uid} to fail for a reason of its own, found {code}: {reason}")
    trial.note("studies FAILED, which their senders gave up", ", ".join(f"{c}: {n}" for c, n in codes.items()) or "0")


def objects_in_order(trial: Trial, store: PlainStore, orthanc: Orthanc) -> None:
    """Expect no object of a result to come to the archive after one of a result that supersedes it."""
    of = {str(uid): (study, str(kind), result) for uid, study, kind, result in store.rows(_SETS)}
    latest: dict[tuple[int, str], int] = {}
    superseded = 0
    for uid in arrivals(orthanc):
        if uid in of:
            study, kind, result = of[uid]
            before = latest.get((study, kind), result)
            superseded += before != result
            trial.expect(
                before <= result, f"expected no {kind} of study {study} after its successor, found result {result}"
            )
            latest[study, kind] = max(before, result)
    trial.note("objects that superseded another at the archive", float(superseded))


def arrivals(orthanc: Orthanc) -> list[str]:
    """Return the SOP Instance UIDs of what an archive got, in that order, each at its first arrival."""
    uids = {str(each["ID"]): str(each["MainDicomTags"]["SOPInstanceUID"]) for each in orthanc.instances()}
    found, since = list[str](), 0
    while True:
        with urllib.request.urlopen(f"{orthanc.url}/changes?since={since}&limit=1000", timeout=20) as response:
            page = json.load(response)
        found += [uids[each["ID"]] for each in page["Changes"] if each["ChangeType"] == "NewInstance"]
        since = page["Last"]
        if page["Done"]:
            return found
