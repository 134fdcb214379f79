"""What must hold whatever dies: each function compares the senders' ledger with what can be seen from outside.

Acknowledged means present with the same content; one result of a study is in force; each result object is once at the
destination; every study is on the list, in the order that its class and arrival ask for; no readable study failed.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

import pydicom

from tests.breaking.ledger import Acknowledged, Ledger
from tests.breaking.plain_store import PlainStore
from tests.breaking.trial import Trial
from tests.programs import Orthanc

HEAD_START_MIN = {"A": 240, "B": 180, "C": 120, "D": 30, "U": 45, "N": 0}
"""Minutes by class, as config.yaml documents the defaults of the scheme `severity`."""
_SAMPLED = 200
_MADE_TWICE = (
    "SELECT study_uid, count(*) FROM result JOIN study ON study.id = study_id WHERE basis <> '' "
    "GROUP BY study_uid, basis HAVING count(*) > 1"
)
_SEEN_TWICE = "SELECT study_id, count(*) FROM result WHERE superseded_by IS NULL GROUP BY study_id HAVING count(*) > 1"
_IN_FORCE = (
    "SELECT study_uid, kind, derived.sop_instance_uid FROM derived JOIN result ON result.id = derived.result_id "
    "JOIN study ON study.id = derived.study_id WHERE result.superseded_by IS NULL"
)
KINDS = {"sc", "sr", "seg"}
"""What a destination that takes everything gets; pictures as one object or as one each."""

Entry = Mapping[str, Any]


@dataclass(slots=True)
class Watch:
    """Compares again and again; what it has read once it reads again only in samples, until `everything`."""

    trial: Trial
    ledger: Ledger
    store: PlainStore
    seeded: random.Random
    _read: set[Acknowledged] = field(default_factory=set)

    def acknowledged_is_present(self, *, everything: bool = False) -> None:
        """Expect a row for each acknowledged instance, and a file with the same data set."""
        must = self.ledger.everything()  # before the rows are read: what is acknowledged later may not be there yet
        found = self._paths()
        known = [each for each in must if each in self._read]
        sample = set(self.seeded.sample(known, min(_SAMPLED, len(known))))
        for each in must:
            paths = found.get(each)
            if paths is None:
                self._lost(each, "no row")
            elif (everything or each in sample or each not in self._read) and not self._is_whole(each, paths):
                self._lost(each, f"no such content in {', '.join(paths)}")
            self._read.add(each)

    def one_result_is_in_force(self) -> None:
        """Expect no study with two results that nothing supersedes."""
        for study_id, results in self.store.rows(_SEEN_TWICE):
            self.trial.expect(False, f"expected one result in force, found {results} of study {study_id}")

    def listed(self, entries: Sequence[Entry]) -> None:
        """Expect every study on the list once, and positions without a gap.

        One whose slices have not all come may be shown as failed until they have.
        """
        uids = Counter(str(entry["study_instance_uid"]) for entry in entries)
        # Entries were read after the ledger was asked, or a study could be acknowledged in between.
        for uid in self._expected_on_list - set(uids):
            self.trial.expect(False, f"expected study {uid} on the list, found nothing")
        for uid, times in uids.items():
            self.trial.expect(times == 1, f"expected study {uid} once on the list, found it {times} times")
        positions = [entry["position"] for entry in entries]
        self.trial.expect(positions == list(range(1, len(entries) + 1)), f"expected 1, 2, 3 ..., found {positions}")

    _expected_on_list: set[str] = field(default_factory=set)

    def before_list(self) -> None:
        """Remember which studies must be on a list that is asked for from now on."""
        self._expected_on_list = self.ledger.study_uids()

    def analysed_and_ordered(self, entries: Sequence[Entry]) -> None:
        """Expect every whole study with its class, and the order that classes and arrivals ask for."""
        listed = {str(entry["study_instance_uid"]): entry for entry in entries}
        for uid, study in self.ledger.whole().items():
            entry = listed.get(uid, {})
            found = entry.get("state"), entry.get("class")
            self.trial.expect(
                found == ("TRIAGED", study.triage_class),
                f"expected study {uid} TRIAGED as {study.triage_class}, found {found}: {entry.get('reason')}",
            )
        self._ordered(entries)

    def _ordered(self, entries: Iterable[Entry]) -> None:
        """Expect the order of the minute since which a study is complete, minus the head start of its class.

        Within one minute the class decides, so that a second of arrival does not.
        """
        latest, whose = (float("-inf"), 0), ""
        for entry in entries:
            if entry["ready_at"] is None:
                continue  # given up by its sender; it is placed by what came
            ready_min = datetime.fromisoformat(entry["ready_at"]).timestamp() // 60
            place = ready_min - HEAD_START_MIN[entry["class"]], list(HEAD_START_MIN).index(entry["class"])
            uid = entry["study_instance_uid"]
            self.trial.expect(place >= latest, f"expected study {uid} before {whose} on the list")
            if place > latest:
                latest, whose = place, uid

    def once_at_destination(self, orthanc: Orthanc) -> None:
        """Expect an object of each kind of a result in force there, none that nobody knows, and no two of one input."""
        there = {str(each["MainDicomTags"]["SOPInstanceUID"]): str(each["ID"]) for each in orthanc.instances()}
        ever = {str(uid) for (uid,) in self.store.rows("SELECT sop_instance_uid FROM derived")}
        for uid in set(there) - ever:
            self.trial.expect(False, f"expected none but our result objects at the destination, found {uid}")
        kinds: dict[str, set[str]] = {study_uid: set() for study_uid in self.ledger.whole()}
        for study_uid, kind, uid in self.store.rows(_IN_FORCE):
            if uid in there:
                kinds.setdefault(study_uid, set()).add(kind.removesuffix("-multiframe"))
        for study_uid, found in kinds.items():
            self.trial.expect(
                study_uid not in self.ledger.whole() or found >= KINDS,
                f"expected {KINDS} of study {study_uid} at the destination, found {found}",
            )
        self._no_two_of_one_input({uid: orthanc.file(orthanc_id) for uid, orthanc_id in there.items()})
        for study_uid, times in self.store.rows(_MADE_TWICE):
            self.trial.expect(False, f"expected one result of an input, found {times} of study {study_uid}")
        self.trial.note("result objects at the destination", len(there))

    def _no_two_of_one_input(self, contents: Mapping[str, bytes]) -> None:
        by_input = defaultdict(list)
        for uid, content in contents.items():
            by_input[_made_of(content)].append(uid)
        for made_of, uids in by_input.items():
            self.trial.expect(len(uids) == 1, f"expected one {made_of[0]} of study {made_of[1]}, found {uids}")

    def _paths(self) -> dict[Acknowledged, list[str]]:
        """Return where rows say that each content lies: as an instance, or set aside as a conflict."""
        found = defaultdict(list)
        for table in ("instance", "conflict"):
            for study, sop, digest, path in self.store.rows(
                f"SELECT study_uid, sop_instance_uid, sha256, path FROM {table} JOIN study ON study.id = study_id"
            ):
                found[Acknowledged(study, sop, digest)].append(str(path))
        return found

    def _is_whole(self, each: Acknowledged, paths: Sequence[str]) -> bool:
        return any(self.store.digest(path) == each.digest for path in paths)

    def _lost(self, each: Acknowledged, what: str) -> None:
        self.trial.count("acknowledged instances lost")
        self.trial.expect(False, f"expected acknowledged instance {each.sop_uid}, found {what}")


def _made_of(content: bytes) -> tuple[str, str, str, frozenset[str]]:
    """Return what a result object is, of which study and revision, and every instance that it refers to.

    Objects of one kind and revision that refer to the same instances came from the same input: they are one object,
    twice. The page that says why a study was not scored shows one slice, which the pages of two revisions may share.
    """
    result = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
    references = {
        str(element.value)
        for element in result.iterall()
        if element.keyword == "ReferencedSOPInstanceUID" and element.value
    }
    revision = str(result.SeriesDescription).partition(" rev ")[2]
    return str(result.SOPClassUID), str(result.StudyInstanceUID), revision, frozenset(references)
