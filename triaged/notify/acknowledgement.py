"""What a receiver's answer to an HL7 v2 message means (chapter 2.9.2 and table 0008). Knows no sockets."""

from __future__ import annotations

import hl7

from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable

_MOST_WORDS = 300


def outcome_of(answer: bytes, control_id: str) -> SendOutcome:
    """Return what the answer says of the message with this control ID.

    AE (error) is about what the message says: the same one again would be refused again. AR (reject) is mostly about
    the moment (system down, internal error), and is tried again. An answer to another message is none.
    """
    try:
        message = hl7.parse(answer.decode("utf-8", "replace").strip("\r\n"))
        msa = [str(field) for field in message.segment("MSA")]
    except (hl7.HL7Exception, LookupError, ValueError) as error:
        return Unreachable(f"expected an HL7 acknowledgement, found something else ({type(error).__name__})")
    code, answered, *text = (*msa[1:], "", "")
    if answered.strip() != control_id:
        return Unreachable("expected the acknowledgement of this message, found one of another")
    said = _readable(message.unescape(text[0])) if text[0] else "no reason given"
    match code.strip():
        case "AA" | "CA":
            return Sent()
        case "AE" | "CE" as error_code:
            return Refused(f"{error_code}: {said}", final=True)
        case "AR" | "CR" as reject_code:
            return Refused(f"{reject_code}: {said}", final=False)
        case _:
            return Unreachable("expected AA, AE or AR in MSA-1, found another code")


def _readable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)[:_MOST_WORDS]
