"""What must hold of second engines whoever is killed: nothing of the first results moves, and every reading ends.

Rows are read with plain SQL, objects from Orthanc's own interface; the order is that of a daemon without second
engines, or follows from how studies were drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.breaking.killer import READER
from tests.breaking.plain_store import PlainStore, Row
from tests.breaking.trial import Trial
from tests.programs import Orthanc, get_json

Entry = Mapping[str, Any]
RUN_DEPENDENT = {"ready_at", "engines_disagree"}
"""What of an entry of the list another daemon, or a second engine, may say otherwise."""
_STUDY = "study_instance_uid"
DEATHS = 3
"""A reading whose own process died so often may be given up (decision 0027)."""
ATTEMPTS = 12
FIRST_SERIES, SECOND_SERIES = "9002", "9012"
"""Series numbers of the reports of the first engine and of second ones, as docs/conformance.md gives them."""
_STUDIES = "SELECT study_uid, state, sort_key, triage_class, result_id, revision FROM study ORDER BY study_uid"
_REORDERED = "SELECT count(*) FROM reorder"
_RESULTS = "SELECT id, study_id, at, urgency FROM result ORDER BY id"
_READINGS = (
    "SELECT study_uid, name, second_result.state, second_result.attempts, second_result.strikes,"
    " reason_code, reason_detail FROM second_result"
    " JOIN study ON study.id = second_result.study_id"
)
_TOLD = (
    "SELECT study_uid, event, count(*) FROM event JOIN study ON study.id = event.study_id"
    " WHERE event IN ('SECOND_READ', 'SECOND_FAILED') GROUP BY study_uid, event"
)
_REPORTS = (
    "SELECT study_uid, name, derived.sop_instance_uid FROM derived JOIN study ON study.id = derived.study_id"
    " JOIN second_result ON second_result.id = derived.second_result_id"
)
_OBJECTS = (
    "SELECT derived.sop_instance_uid, outbox.state, outbox.id IS NOT NULL FROM derived"
    " LEFT JOIN outbox ON outbox.derived_id = derived.id AND outbox.destination = 'pacs'"
)


@dataclass(slots=True)
class SecondPromises:
    """Compares a daemon that has second engines with `order`, the list as it must be."""

    trial: Trial
    store: PlainStore
    order: Sequence[Entry]
    seconds: tuple[str, ...]
    _deaths: Counter[Row] = field(default_factory=Counter)
    """How often the process of a reading, (study, engine), was killed itself."""
    _before: list[list[Row]] = field(default_factory=list)

    def killed(self, target: str, running: Sequence[Row]) -> None:
        """Note what was read when a target was killed."""
        if target == READER:
            self._deaths.update(running)

    def remember(self) -> None:
        """Remember the first results and their places, now that every study has one."""
        self._before = self._first()

    def list_is_as_without(self, entries: Sequence[Entry]) -> None:
        """Expect what is known of each study of it, and at each position the same words and numbers.

        Of studies with the same images either may come first: the time of arrival decides, which two runs do not share.
        """
        found = [{key: each[key] for key in known} for each, known in zip(entries, self.order, strict=False)]
        self.trial.expect(len(entries) == len(self.order), f"expected {len(self.order)} entries, found {len(entries)}")
        for seen in (_by_study, _by_position):
            a, b = seen(found), seen(self.order)
            differing = [f"{key}: {a.get(key)} instead of {b[key]}" for key in b if a.get(key) != b[key]]
            self.trial.expect(not differing, f"expected the list as without second engines, found {differing[:2]}")
        self.trial.count("comparisons of the list")

    def readings_ended_and_moved_nothing(self) -> None:
        """Expect one reading of each study by each engine, each with an end, and the first results as remembered."""
        readings = self.store.rows(_READINGS)
        expected = Counter((each[_STUDY], name) for each in self.order for name in self.seconds)
        found = Counter((uid, name) for uid, name, *_ in readings)
        self.trial.expect(
            found == expected, f"expected each reading once, found {found - expected}, {expected - found}"
        )
        for uid, name, state, attempts, strikes, code, detail in readings:
            self.trial.highest("most attempts of a reading", attempts)
            self.trial.count(f"readings {state}")
            self.trial.count("deaths that count against a reading", len(strikes.split("],")) if strikes != "[]" else 0)
            may_fail = self._deaths[uid, name] >= DEATHS or attempts >= ATTEMPTS or code != "gave-up"
            is_ended = state == "READ" or (state == "FAILED" and bool(code) and bool(detail) and may_fail)
            self.trial.expect(is_ended, f"expected {name} to have read {uid}, found {state} {attempts}: {detail}")
        told = {(uid, event): times for uid, event, times in self.store.rows(_TOLD)}
        ended = Counter((uid, f"SECOND_{state}") for uid, _, state, *_ in readings)
        self.trial.expect(told == ended, f"expected the history to say each once, found {told} for {dict(ended)}")
        self.trial.expect(self._first() == self._before, f"expected {self._before}, found {self._first()}")

    def objects_are_once_at(self, pacs: Orthanc) -> None:
        """Expect every object of ours there, no other, and one report for each engine that read a study."""
        there = Counter(str(each["MainDicomTags"]["SOPInstanceUID"]) for each in pacs.instances())
        ours = {uid: state for uid, state, is_due in self.store.rows(_OBJECTS) if is_due}
        self.trial.expect(there == Counter(list(ours)), f"expected {len(ours)} objects once, found {len(there)}")
        self.trial.expect(set(ours.values()) == {"SENT"}, f"expected all sent, found {Counter(ours.values())}")
        read = Counter((uid, name) for uid, name, state, *_ in self.store.rows(_READINGS) if state == "READ")
        reports = Counter((uid, name) for uid, name, _ in self.store.rows(_REPORTS))
        self.trial.expect(
            reports == read, f"expected a report of each reading, found {reports - read}, {read - reports}"
        )
        series = get_json(f"{pacs.url}/series?expand") or []
        numbers = Counter(each["MainDicomTags"]["SeriesNumber"] for each in series for _ in each["Instances"])
        expected = {FIRST_SERIES: len(self.order), SECOND_SERIES: sum(read.values())}
        found = {number: numbers[number] for number in expected}
        self.trial.expect(found == expected, f"expected reports {expected} at the destination, found {found}")
        self.trial.note("result objects at the destination", len(there))

    def _first(self) -> list[list[Row]]:
        return [self.store.rows(query) for query in (_STUDIES, _REORDERED, _RESULTS)]


def _by_study(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return what is said of each study, wherever it stands."""
    return {each[_STUDY]: {key: each[key] for key in each if key not in (_STUDY, "position")} for each in entries}


def _by_position(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return what is said at each position, of whichever study."""
    return {str(place): {key: each[key] for key in each if key != _STUDY} for place, each in enumerate(entries, 1)}
