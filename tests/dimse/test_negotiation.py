"""What opens and ends an association, encoded and decoded by pynetdicom as the other side."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, A_RELEASE_RP
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext, build_context

from triaged.dimse.negotiation import (
    RELEASE_RESPONSE,
    AbortReason,
    AssociationRequest,
    ContextResult,
    Rejection,
    decode_request,
    encode_abort,
    encode_accept,
    encode_reject,
)
from triaged.dimse.policy import answers_to

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PUSH_MODEL = "1.2.840.10008.1.20.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
JPEG_LOSSLESS, MPEG2 = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.100"


def a_request(contexts: int = 2) -> bytes:
    """The payload of an A-ASSOCIATE-RQ."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = "CT1", "TRIAGED"
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = UID("1.2.3.9")
    primitive.user_information = [length, implementation]
    proposed = []
    for number in range(contexts):
        context = build_context(str(AllStoragePresentationContexts[number].abstract_syntax), [EXPLICIT, IMPLICIT])
        context.context_id = 2 * number + 1
        proposed.append(context)
    primitive.presentation_context_definition_list = proposed
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()[6:]


def test_a_request_is_understood() -> None:
    request = decode_request(a_request(128))
    assert (request.calling_ae_title, request.called_ae_title) == ("CT1", "TRIAGED")
    assert request.application_context == "1.2.840.10008.3.1.1.1"
    assert request.protocol_version == 1
    assert [context.context_id for context in request.contexts] == list(range(1, 256, 2))
    assert {tuple(context.transfer_syntax) for context in request.contexts} == {(EXPLICIT, IMPLICIT)}


def test_an_acceptance_is_understood_by_the_other_side() -> None:
    request = decode_request(a_request())
    answers = [answered(1, 0, CT_IMAGE, EXPLICIT), answered(3, 4, CT_IMAGE, IMPLICIT)]
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encode_accept(request, answers, [], max_pdu=262144))
    assert (pdu.reserved_aet, pdu.reserved_aec) == ("TRIAGED", "CT1")
    assert pdu.application_context_name == "1.2.840.10008.3.1.1.1"
    assert [(item.context_id, item.result, item.transfer_syntax) for item in pdu.presentation_context] == [
        (1, 0, EXPLICIT),
        (3, 4, IMPLICIT),
    ]
    assert pdu.user_information is not None
    assert pdu.user_information.maximum_length == 262144
    assert str(pdu.user_information.implementation_class_uid).startswith("2.25.")


@pytest.mark.parametrize(
    ("rejection", "reason"),
    [
        (Rejection.CALLED_AE_TITLE, "Called AE title not recognised"),
        (Rejection.CALLING_AE_TITLE, "Calling AE title not recognised"),
        (Rejection.APPLICATION_CONTEXT, "Application context name not supported"),
        (Rejection.PROTOCOL_VERSION, "Protocol version not supported"),
        (Rejection.LOCAL_LIMIT, "Local limit exceeded"),
    ],
)
def test_a_rejection_says_why(rejection: Rejection, reason: str) -> None:
    pdu = A_ASSOCIATE_RJ()
    pdu.decode(encode_reject(rejection))
    assert pdu.reason_str.lower() == reason.lower()
    assert pdu.result == (2 if rejection is Rejection.LOCAL_LIMIT else 1)


def test_the_last_words_are_understood() -> None:
    abort, release = A_ABORT_RQ(), A_RELEASE_RP()
    abort.decode(encode_abort(AbortReason.UNEXPECTED_PDU))
    assert (abort.source, abort.reason_diagnostic) == (2, 2)
    release.decode(RELEASE_RESPONSE)
    assert release.encode() == RELEASE_RESPONSE


@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_bytes_are_misunderstood_in_an_unforeseen_way(noise: bytes, position: int) -> None:
    content = a_request()
    for payload in (noise, content[:position], content[:position] + noise):
        try:
            request = decode_request(payload)
        except ValueError as refusal:
            assert str(refusal).startswith("expected")  # noqa: PT017 - most of them are no request, some are
        else:
            assert encode_accept(request, *answers_to(request), max_pdu=16382)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 210), st.sampled_from(b"\0\1\x20\x30\x40\x50\x54.1\xff")), max_size=6))
def test_no_damage_to_a_request_makes_the_answer_fail(damage: list[tuple[int, int]]) -> None:
    content = bytearray(a_request())
    for position, byte in damage:
        content[position] = byte
    with contextlib.suppress(ValueError):
        request = decode_request(bytes(content))
        answers, _ = answers_to(request)
        assert len(answers) == len(request.contexts)


@pytest.mark.parametrize(
    ("abstract_syntax", "transfer_syntaxes", "result", "chosen"),
    [
        (CT_IMAGE, (EXPLICIT, IMPLICIT), ContextResult.ACCEPTED, EXPLICIT),
        (CT_IMAGE, (IMPLICIT, EXPLICIT), ContextResult.ACCEPTED, IMPLICIT),
        (CT_IMAGE, (MPEG2, JPEG_LOSSLESS, IMPLICIT), ContextResult.ACCEPTED, JPEG_LOSSLESS),
        (CT_IMAGE, (MPEG2,), ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, None),
        (CT_IMAGE, (), ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED, None),
        ("", (IMPLICIT,), ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, None),
        ("", (), ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, None),
        ("1.2.840.10008.1.1", (JPEG_LOSSLESS, IMPLICIT), ContextResult.ACCEPTED, IMPLICIT),
        ("1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,), ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, None),
        ("1.2.840.10008.1.20.1", (IMPLICIT,), ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED, None),
    ],
)
def test_the_first_transfer_syntax_that_we_take_is_chosen(
    abstract_syntax: str, transfer_syntaxes: tuple[str, ...], result: ContextResult, chosen: str | None
) -> None:
    request = AssociationRequest(1, "", "", "", (proposed(7, abstract_syntax, transfer_syntaxes),), {})
    (answer,), roles = answers_to(request)
    assert (answer.context_id, answer.result, str(answer.abstract_syntax)) == (7, result, abstract_syntax)
    assert chosen in {None, *answer.transfer_syntax}
    assert (len(answer.transfer_syntax), roles) == (1, [])


def test_contexts_of_one_class_are_answered_each_for_itself() -> None:
    contexts = (proposed(1, CT_IMAGE, (MPEG2,)), proposed(3, CT_IMAGE, (IMPLICIT,)), proposed(5, CT_IMAGE, (EXPLICIT,)))
    answers, _ = answers_to(AssociationRequest(1, "", "", "", contexts, {}))
    assert [(answer.context_id, answer.result) for answer in answers] == [(1, 4), (3, 0), (5, 0)]
    assert [answer.transfer_syntax for answer in answers[1:]] == [[IMPLICIT], [EXPLICIT]]


@pytest.mark.parametrize(
    ("roles", "result", "reply"),
    [
        ((True, False), ContextResult.ACCEPTED, (True, False)),
        ((True, True), ContextResult.ACCEPTED, (True, False)),
        ((False, True), ContextResult.USER_REJECTION, None),
        ((False, False), ContextResult.ACCEPTED, None),
    ],
)
def test_the_peer_may_only_be_the_one_who_sends(
    roles: tuple[bool, bool], result: ContextResult, reply: tuple[bool, bool] | None
) -> None:
    contexts = tuple(proposed(number, CT_IMAGE, (EXPLICIT,)) for number in (1, 3))
    request = AssociationRequest(1, "CT1", "TRIAGED", "", contexts, {UID(CT_IMAGE): roles})
    answers, replies = answers_to(request)
    assert [answer.result for answer in answers] == [result, result]
    assert [(role.scu_role, role.scp_role) for role in replies] == ([] if reply is None else [reply])
    pdu = A_ASSOCIATE_AC()
    pdu.decode(encode_accept(request, answers, replies, max_pdu=262144))
    assert pdu.user_information is not None
    assert {(role.scu, role.scp) for role in pdu.user_information.role_selection.values()} == set(filter(None, [reply]))


@pytest.mark.parametrize(
    ("roles", "reply"),
    [(None, None), ((True, False), (True, False)), ((False, True), (False, True)), ((True, True), (True, True))],
)
def test_storage_commitment_goes_both_ways_where_it_is_served(
    roles: tuple[bool, bool] | None, reply: tuple[bool, bool] | None
) -> None:
    contexts = (proposed(1, PUSH_MODEL, (JPEG_LOSSLESS, IMPLICIT)), proposed(3, CT_IMAGE, (EXPLICIT,)))
    proposal = {} if roles is None else {UID(PUSH_MODEL): roles, UID(CT_IMAGE): roles}
    request = AssociationRequest(1, "", "", "", contexts, proposal)
    answers, replies = answers_to(request, (PUSH_MODEL,))
    assert (answers[0].result, answers[0].transfer_syntax) == (ContextResult.ACCEPTED, [IMPLICIT])
    mine = [(role.scu_role, role.scp_role) for role in replies if role.sop_class_uid == PUSH_MODEL]
    assert mine == ([] if reply is None else [reply])
    assert all(not role.scp_role for role in replies if role.sop_class_uid == CT_IMAGE)
    (declined, _), _ = answers_to(request)
    assert declined.result == ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED


@pytest.mark.parametrize(("item", "limit"), [(b"\x51\0\0\4\0\0\x40\0", 16384), (b"\x51\0\0\2\0\0", 0), (b"", 0)])
def test_the_longest_pdu_that_a_peer_takes_is_known_where_it_says_so(item: bytes, limit: int) -> None:
    content = a_request()
    content = content[: content.index(b"\x50\0\0")] + b"\x50\0" + len(item).to_bytes(2, "big") + item
    assert decode_request(content).max_pdu == limit


@pytest.mark.parametrize(
    "item",
    [
        b"\x53\0\0\4\0\0\0\5",
        b"\x54\0\0\x1d\0\x19" + CT_IMAGE.encode() + b"\1\0",
        b"\x55\0\0\x20" + b"A version name of 32 characters.",
        b"\x56\0\0\x1b\0\x19" + CT_IMAGE.encode(),
        b"\x58\0\0\x0a\1\1\0\4user\0\0",
        b"\x5a\0\0\2\0\0",
        b"\xf0\0\0\0",
    ],
    ids=["asynchronous", "role", "long version", "extended", "identity", "unknown", "private"],
)
def test_what_a_peer_says_besides_does_not_cost_it_the_association(item: bytes) -> None:
    content = a_request()
    start = content.index(b"\x50\0\0")  # user information comes last
    content = content[:start] + b"\x50\0" + (len(content) - start - 4 + len(item)).to_bytes(2, "big")
    request = decode_request(content + a_request()[start + 4 :] + item)
    assert [context.context_id for context in request.contexts] == [1, 3]
    assert request.roles == ({CT_IMAGE: (True, False)} if item[0] == 0x54 else {})


@pytest.mark.parametrize("title", [b" " * 16, b"R\xf6ntgen         ", b"CT\n1            "])
def test_a_title_that_is_none_is_no_request(title: bytes) -> None:
    content = a_request()
    with pytest.raises(ValueError, match="expected an A-ASSOCIATE-RQ"):
        decode_request(content[:20] + title + content[36:])


def proposed(context_id: int, abstract_syntax: str, transfer_syntaxes: Sequence[str]) -> PresentationContext:
    context = PresentationContext()
    context.context_id = context_id
    if abstract_syntax:
        context.abstract_syntax = UID(abstract_syntax)
    for syntax in transfer_syntaxes:
        context.add_transfer_syntax(syntax)
    return context


def answered(context_id: int, result: int, abstract_syntax: str, transfer_syntax: str) -> PresentationContext:
    context = proposed(context_id, abstract_syntax, [transfer_syntax])
    context.result = result
    return context
