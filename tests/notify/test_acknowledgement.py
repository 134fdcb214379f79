"""What receivers answer to HL7 messages, and what nobody should answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.notify.mllp import outcome_of
from triaged.steps.ports import Refused, Sent, Unreachable


def answer(msa: str) -> bytes:
    return f"MSH|^~\\&|RIS|H|TRIAGED||20260301||ACK^R01|9|P|2.5.1\rMSA|{msa}\r".encode()


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_what_was_accepted_is_sent(code: str) -> None:
    assert outcome_of(answer(f"{code}|42"), "42") == Sent()


def test_an_error_is_final_and_said_in_the_receivers_words() -> None:
    assert outcome_of(answer("AE|42|no such \\T\\ patient"), "42") == Refused("AE: no such & patient", final=True)


def test_a_rejection_is_tried_again() -> None:
    assert outcome_of(answer("AR|42|Приём закрыт"), "42") == Refused("AR: Приём закрыт", final=False)
    assert outcome_of(answer("AR|42"), "42") == Refused("AR: no reason given", final=False)


def test_words_of_a_receiver_are_cut_and_cannot_steer_a_terminal() -> None:
    outcome = outcome_of(answer("AE|42|\x1b[2J" + "x" * 5000), "42")
    assert isinstance(outcome, Refused)
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 400


@pytest.mark.parametrize("said", ["AA|41", "AA|", "AA", "|42", "ZZ|42"])
def test_an_answer_to_something_else_is_none(said: str) -> None:
    assert isinstance(outcome_of(answer(said), "42"), Unreachable)


@pytest.mark.parametrize("content", [b"", b"HTTP/1.1 400 Bad Request", b"MSH", b"MSH|^~\\&|A\r", b"\xff\xfe"])
def test_what_is_no_acknowledgement_is_none(content: bytes) -> None:
    assert isinstance(outcome_of(content, "42"), Unreachable)


@given(st.binary(max_size=80).map(lambda tail: b"MSH|^~\\&" + tail) | st.binary(max_size=80))
def test_no_answer_whatever_raises_or_counts_as_accepted(content: bytes) -> None:
    if b"A|42" not in content:
        assert not isinstance(outcome_of(content, "42"), Sent)


@pytest.mark.parametrize("cut", [b"MSH|\0\0\0\0", b"MSH|\0\0\0\0|A"])
def test_a_header_that_ends_within_its_separators_is_no_acknowledgement(cut: bytes) -> None:
    assert isinstance(outcome_of(cut, "42"), Unreachable)
