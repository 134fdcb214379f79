"""Asks another list how urgent the order of a study is: Modality Worklist (PS3.4 annex K) or UPS (annex CC).

Knows no store. A list may take a key that it does not support for one that matches everything, so that every answer is
compared with the question here, and an answer that goes on without end is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydicom import Dataset
from pydicom.sequence import Sequence
from pynetdicom import _config
from pynetdicom.association import Association

from triaged.dicom.attributes import dataset_of
from triaged.dicom.quiet import without_warnings
from triaged.dimse.command import Status
from triaged.dimse.requestor import Requestor
from triaged.steps.ports import ImagingRequest, Peer, Unreachable
from triaged.study.kinds import EXPLICIT, IMPLICIT
from triaged.study.ranking import URGENCY, RequestPriority

MODALITY_WORKLIST = "1.2.840.10008.5.1.4.31"
UPS_QUERY, UPS_WATCH, UPS_PULL = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in (5, 2, 3))

_PENDING = (Status.PENDING, Status.PENDING_WITH_UNSUPPORTED_KEYS)
_MOST_ANSWERS = 1000
_MEANINGFUL = frozenset("*?\\")
"""Characters by which a value would ask for more than itself."""


class Source(StrEnum):
    """What is asked; the value is what settings call it."""

    MODALITY_WORKLIST = "mwl"
    UNIFIED_PROCEDURE_STEPS = "ups"


CLASSES = {
    Source.MODALITY_WORKLIST: (MODALITY_WORKLIST,),
    Source.UNIFIED_PROCEDURE_STEPS: (UPS_QUERY, UPS_PULL, UPS_WATCH),
}
"""SOP classes with which a source is asked, the first that it accepts."""


class OrderPriorities:
    """Asks under our AE title; safe to use from several threads, each question is an association of its own."""

    def __init__(self, ae_title: str, source: Source, *, timeout_s: float) -> None:
        self._requestor = Requestor(ae_title, timeout_s=timeout_s, connect_timeout_s=timeout_s)
        self._source = source
        # It would turn every answer into text for a log that nobody sees.
        _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False

    def ask(self, order: ImagingRequest, peer: Peer) -> RequestPriority | Unreachable | None:
        """Return the most urgent priority that the peer knows for an order, None where it knows none.

        First by the accession number, then, if nothing answers to that, by the Study Instance UID. Several studies can
        have one accession number: what is said of this one goes before. Never raises for what a peer does.
        """
        questions = [keyword for keyword, value in _keys_of(order).items() if value]
        if not questions:
            return None
        proposals = dict.fromkeys(CLASSES[self._source], (EXPLICIT, IMPLICIT))
        with self._requestor.association(peer, proposals) as association:
            if isinstance(association, Unreachable):
                return association
            accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
            sop_class = next((each for each in CLASSES[self._source] if each in accepted), None)
            if sop_class is None:
                return Unreachable("the peer accepts none of the classes of its list")
            for keyword in questions:
                answers = self._answers(association, sop_class, order, keyword)
                if isinstance(answers, Unreachable):
                    return answers
                if answers:
                    return _most_urgent(answers)
        return None

    def _answers(
        self, association: Association, sop_class: str, order: ImagingRequest, keyword: str
    ) -> list[RequestPriority] | Unreachable:
        """Return what the items say that match by this attribute; UNKNOWN where they match and say nothing."""
        keys = _keys_of(order)
        identifier = _identifier(self._source, keyword, keys[keyword])
        found: list[tuple[bool, RequestPriority]] = []
        try:
            for number, (status, answer) in enumerate(association.send_c_find(identifier, sop_class)):
                code = status.get("Status")
                if code == Status.SUCCESS:
                    return [priority for own, priority in found if own or not any(each for each, _ in found)]
                if code not in _PENDING or number >= _MOST_ANSWERS:
                    return _gone(association, code)
                if answer is not None and _is_about(answer, keyword, keys[keyword]):
                    own = _is_about(answer, "StudyInstanceUID", order.study_instance_uid)
                    found.append((own, _priority(answer)))
        except (ValueError, RuntimeError) as error:
            return Unreachable(f"the order's urgency could not be asked for: {type(error).__name__}")
        return _gone(association, None)


def _keys_of(order: ImagingRequest) -> dict[str, str]:
    """Return by what an order is asked for; nothing where a value would be taken for a pattern."""
    keys = {"AccessionNumber": order.accession_number.strip(), "StudyInstanceUID": order.study_instance_uid}
    return {keyword: "" if _MEANINGFUL.intersection(value) else value for keyword, value in keys.items()}


def _gone(association: Association, code: int | None) -> Unreachable:
    if association.is_established:
        association.abort()
    if code is None:
        return Unreachable("no answer: the association ended, or the peer was silent for too long")
    if code in _PENDING:
        return Unreachable(f"expected an answer about one order, found more than {_MOST_ANSWERS} items")
    return Unreachable(f"status {code:#06x}")


@without_warnings()
def _identifier(source: Source, keyword: str, value: str) -> Dataset:
    asked = {"AccessionNumber": "", "StudyInstanceUID": "", keyword: value}
    character_set = {} if value.isascii() else {"SpecificCharacterSet": "ISO_IR 192"}
    if source is Source.MODALITY_WORKLIST:
        step = dataset_of(
            ScheduledStationAETitle="",
            ScheduledProcedureStepStartDate="",
            ScheduledProcedureStepStartTime="",
            Modality="",
        )
        return dataset_of(
            **character_set,
            **asked,
            RequestedProcedurePriority="",
            RequestedProcedureID="",
            ScheduledProcedureStepSequence=[step],
        )
    return dataset_of(
        **character_set,
        StudyInstanceUID=asked["StudyInstanceUID"],
        ScheduledProcedureStepPriority="",
        ProcedureStepState="",
        ReferencedRequestSequence=[dataset_of(AccessionNumber=asked["AccessionNumber"], StudyInstanceUID="")],
    )


@without_warnings()
def _is_about(answer: Dataset, keyword: str, value: str) -> bool:
    """Tell whether an item is about what was asked for; a step that was cancelled is about nothing."""
    if not value or _text(answer, "ProcedureStepState") == "CANCELED":
        return False
    return any(_text(dataset, keyword) == value for dataset in (answer, *_requests(answer)))


def _requests(answer: Dataset) -> Iterator[Dataset]:
    requests = answer.get("ReferencedRequestSequence")
    yield from requests if isinstance(requests, Sequence) else ()


@without_warnings()
def _priority(answer: Dataset) -> RequestPriority:
    keywords = ("RequestedProcedurePriority", "ScheduledProcedureStepPriority")
    texts = [_text(answer, keyword).upper() for keyword in keywords]
    known = [RequestPriority(text) for text in texts if text in set(RequestPriority)]
    return _most_urgent(known) or RequestPriority.UNKNOWN


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip(" \0")


def _most_urgent(priorities: list[RequestPriority]) -> RequestPriority | None:
    known = [priority for priority in priorities if priority is not RequestPriority.UNKNOWN]
    return min(known, key=URGENCY.index, default=None)
