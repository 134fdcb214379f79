"""The conformance statement says of the network what the program does; its objects are in `tests/wire`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydicom import Dataset
from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_description, dictionary_VR
from pydicom.uid import UID
from pynetdicom.presentation import build_context

from tests.statement import literals, parsed, table
from triaged.config.network import DestinationSection
from triaged.config.settings import Config
from triaged.dicom.accepted import ACCEPTED_TRANSFER_SYNTAXES, is_storage
from triaged.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from triaged.dicom.workitem import KNOWN, PRIORITIES, WORKLIST_LABEL
from triaged.dimse import commitment_scu, policy, priority_scu, scu
from triaged.dimse.command import Status
from triaged.dimse.negotiation import APPLICATION_CONTEXT, AbortReason, AssociationRequest, Rejection
from triaged.dimse.options import ScpOptions
from triaged.dimse.policy import UPS_CLASSES, answers_to
from triaged.dimse.requestor import outcome_of
from triaged.dimse.slot import SlotLimits
from triaged.dimse.tls import server_context
from triaged.results import identity
from triaged.steps import commitment
from triaged.steps.ports import Profile, Refused, Sent, TlsSetup
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL, FailureReason
from triaged.study.kinds import KINDS
from triaged.web import workitems

WANTED = {kind.sop_class_uid: kind.transfer_syntaxes for kind in KINDS.values()}
VERIFICATION = policy.VERIFICATION
SERVICES = (STORAGE_COMMITMENT_PUSH_MODEL, *UPS_CLASSES)
ASKED = {sop_class for classes in priority_scu.CLASSES.values() for sop_class in classes}


def test_every_storage_class_of_the_standard_is_listed() -> None:
    classes = {uid for uid in UID_dictionary if UID(uid).type == "SOP Class" and is_storage(uid)}
    listed = {row["UID"]: row["SOP Class"] for row in table("E-1")}
    assert listed == {uid: UID(uid).name for uid in classes}


def test_the_transfer_syntaxes_of_storage_are_those_that_are_decoded() -> None:
    assert {row["UID"]: row["Transfer Syntax"] for row in table("4.2-6")} == dict(ACCEPTED_TRANSFER_SYNTAXES)


@pytest.mark.parametrize("uid", [VERIFICATION, *SERVICES])
def test_messages_without_images_come_in_the_transfer_syntaxes_that_are_listed(uid: str) -> None:
    listed = {row["UID"] for row in table("4.2-5")}
    assert {syntax for syntax in {*ACCEPTED_TRANSFER_SYNTAXES, *listed} if _accepts(uid, syntax)} == listed


def test_each_service_is_provided_and_used_as_the_overview_says() -> None:
    listed = [row for row in table("1-1") if row["UID"]]
    used = {row["UID"] for row in listed if row["As user (SCU)"] in ("Yes", "Option")}
    assert used == {*WANTED, VERIFICATION, STORAGE_COMMITMENT_PUSH_MODEL, *ASKED}
    for row in listed:
        assert UID(row["UID"]).name == row["SOP Class"]
        assert _accepts(row["UID"], "1.2.840.10008.1.2") == (row["As provider (SCP)"] in ("Yes", "In part"))


def test_the_roles_of_the_receiver_are_those_that_are_listed() -> None:
    listed = {row["Abstract syntax"]: row for row in table("4.2-4")}
    for uid in (VERIFICATION, *SERVICES, *WANTED):
        row = listed.get(UID(uid).name, listed["every class of table E-1"])
        _, roles = answers_to(_request(uid, "1.2.840.10008.1.2", {UID(uid): (True, True)}), SERVICES)
        provided_by_the_peer = [role.scp_role for role in roles]
        assert provided_by_the_peer == [row["Role"] == "SCP, and SCU where the peer proposes to be SCP"], uid
        assert (row["Extended negotiation"] == "Role selection") == any(provided_by_the_peer)


def test_the_policies_are_the_defaults_of_the_receiver() -> None:
    listed = {row["Policy"]: row["Value"] for row in table("4.2-1")}
    options = ScpOptions("ANY", "127.0.0.1", 0)
    assert listed["Application context"] == APPLICATION_CONTEXT
    assert int(listed["Simultaneous associations"]) == options.max_associations
    assert int(listed["Maximum PDU size received (bytes)"]) == options.max_pdu
    assert float(listed["Seconds without an association request until a connection is closed"]) == (
        options.request_timeout_s
    )
    assert float(listed["Seconds without a message until an association is aborted"]) == options.idle_timeout_s
    per_peer = listed["Simultaneous associations of one address, and of one calling AE title"]
    assert int(per_peer) == options.max_associations_per_peer == SlotLimits().per_peer
    assert options.rate_window_s == 30
    assert float(listed["Least bytes per second within a message, over 30 s"]) == options.least_bytes_per_s
    waits = listed["Seconds that an association request waits for another association to end"]
    assert float(waits) == options.wait_s == SlotLimits().wait_s
    assert listed["Implementation class UID"] == IMPLEMENTATION_CLASS_UID
    assert IMPLEMENTATION_VERSION_NAME.startswith("TRIAGED_")
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16


def test_every_rejection_and_every_abort_is_listed_with_its_codes() -> None:
    codes = {tuple(int(row[name]) for name in ("Result", "Source", "Reason/Diag")) for row in table("4.2-2")}
    assert codes == {tuple(rejection.to_bytes(3, "big")) for rejection in Rejection}
    assert {int(row["Reason/Diag"]) for row in table("4.2-3")} == {int(reason) for reason in AbortReason}


def test_the_security_profiles_are_those_that_are_listed() -> None:
    listed = {row["Setting"]: row for row in table("7-1")}
    assert listed.keys() == {f"`{profile}`" for profile in Profile}
    for profile in Profile:
        context = server_context(TlsSetup(profile=profile))
        row = listed[f"`{profile}`"]
        suites = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] == "TLSv1.2"]
        assert row["Suites of TLS 1.2, as OpenSSL names them"].split(", ") == suites
        assert row["Versions"].split(", ")[0] == context.minimum_version.name.replace("_", ".")


def test_every_status_of_the_receiver_is_listed() -> None:
    assert {(int(row["Status"], 16), row["Name"]) for row in table("4.2-7")} == {
        (one.value, one.name) for one in Status
    }


def test_every_attribute_of_a_procedure_step_is_listed() -> None:
    listed = {(row["Tag"], row["Attribute"], row["VR"]) for row in table("4.2-9")}
    known = {
        (f"({tag >> 16:04X},{tag & 0xFFFF:04X})", dictionary_description(tag), dictionary_VR(tag)) for tag in KNOWN
    }
    assert listed == known
    values = {row["Attribute"]: row["Value"] for row in table("4.2-9")}
    for priority in ("HIGH", "MEDIUM", "LOW"):
        classes = ", ".join(member for member, given in PRIORITIES.items() if given == priority)
        assert f"{priority}: {classes}" in values["Scheduled Procedure Step Priority"]
    assert values["Worklist Label"] == WORKLIST_LABEL


def test_other_lists_are_asked_with_the_classes_that_are_listed() -> None:
    listed = [(row["`order_priority.source`"], row["UID"], row["Abstract syntax"]) for row in table("4.3-4")]
    asked = [(f"`{source}`", uid, UID(uid).name) for source, classes in priority_scu.CLASSES.items() for uid in classes]
    assert listed == asked


def test_the_worklist_service_answers_where_it_is_listed() -> None:
    routes = workitems.router(None).routes  # type: ignore[arg-type]
    paths = {route.path for route in routes if isinstance(route, APIRoute)}
    listed = {row["Request"] for row in table("4.4-1")}
    assert {f"GET {path.replace('{sop_instance_uid}', '{workitem}')}" for path in paths} == listed
    assert {row["Media type"] for row in table("4.4-1")} == {workitems.MEDIA_TYPE}


def test_every_reason_not_to_commit_is_listed() -> None:
    rows = table("4.2-8")
    listed = {(int(row["Failure reason"], 16), row["Name"]) for row in rows}
    assert listed == {(one.value, one.name) for one in FailureReason}
    given = {one.name for one in FailureReason if f"FailureReason.{one.name}" in inspect.getsource(commitment)}
    assert {row["Name"] for row in rows if row["Given by this program"] == "Yes"} == given


def test_the_courier_proposes_what_is_listed_in_that_order() -> None:
    listed = {row["UID"]: row for row in table("4.3-1")}
    assert listed.keys() == {*WANTED, VERIFICATION, STORAGE_COMMITMENT_PUSH_MODEL}
    for uid, syntaxes in WANTED.items():
        assert listed[uid]["Abstract syntax"] == UID(uid).name
        assert listed[uid]["Transfer syntaxes"] == ", ".join(UID(syntax).name for syntax in syntaxes)


@pytest.mark.parametrize(("number", "final"), [("4.3-2", scu._FINAL), ("4.3-3", commitment_scu._FINAL)])
def test_the_courier_acts_on_a_status_as_listed(number: str, final: tuple[int, ...]) -> None:
    listed = dict(_behaviours(number))
    edges = {edge for status in listed for edge in (status - 1, status, status + 1) if 0 <= edge <= 0xFFFF}
    for status in edges:
        response = Dataset()
        response.Status = status
        outcome = outcome_of(response, None, final=final)  # type: ignore[arg-type]
        word = listed.get(status, "later")
        if isinstance(outcome, Refused):
            assert word == ("refused" if outcome.final else "later"), f"{status:#06x}"
        else:
            assert isinstance(outcome, Sent)
            assert word == ("warning" if outcome.comment.startswith("warning") else "done"), f"{status:#06x}"


def test_the_parameters_have_the_defaults_that_are_listed() -> None:
    settings = {name: _flat(section) for name, section in Config().model_dump(mode="json").items()}
    listed = {row["Parameter"]: row["Default"] for row in table("4.5-1")}
    assert {name for name in listed if name.startswith("dicom.")} == {f"dicom.{key}" for key in settings["dicom"]}
    assert {name for name in listed if name.startswith("delivery.")} == {
        f"delivery.{key}" for key in settings["delivery"]
    }
    for name, default in listed.items():
        section, _, key = name.partition(".")
        assert literals(default) == {_written(settings[section][key])}, name


def test_the_parameters_of_a_destination_have_the_defaults_that_are_listed() -> None:
    listed = {row["Parameter"]: row["Default"] for row in table("4.5-2")}
    fields = DestinationSection.model_fields
    assert listed.keys() == fields.keys()
    for name, field in fields.items():
        expected = "required" if field.is_required() else f"`{_written(field.default)}`"
        assert listed[name] == expected, name


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of the sender's terms
def test_the_character_sets_that_are_listed_are_kept_and_an_unknown_one_is_not() -> None:
    listed = {term for row in table("6-1") for term in row.values() if term}
    for term in listed:
        sent = f"\\{term}" if term.startswith("ISO 2022") else term
        assert _kept(sent) == sent
    for unknown in ("ISO_IR 99", "ISO 2022 IR 165", "BIG5", "KOI8-R"):
        assert unknown not in listed
        assert _kept(unknown) != unknown


def test_a_table_that_says_something_else_is_noticed() -> None:
    broken = "**Table 9-1 Something**\n\n| Status | Behaviour |\n|---|---|\n| 0000 | refused: never |\n"
    assert parsed(broken, "9-1") == [{"Status": "0000", "Behaviour": "refused: never"}]
    with pytest.raises(LookupError):
        parsed(broken, "9-2")
    with pytest.raises(LookupError):
        parsed(broken.replace("| 0000 |", "| 0000 | more |"), "9-1")


def _accepts(abstract_syntax: str, transfer_syntax: str) -> bool:
    """Ask the receiver's own negotiation."""
    (answer,), _ = answers_to(_request(abstract_syntax, transfer_syntax, {}), SERVICES)
    return answer.result == 0


def _request(abstract_syntax: str, transfer_syntax: str, roles: dict[UID, tuple[bool, bool]]) -> AssociationRequest:
    context = build_context(abstract_syntax, transfer_syntax)
    context.context_id = 1
    return AssociationRequest(1, "TRIAGED", "PEER", APPLICATION_CONTEXT, (context,), roles)


def _behaviours(number: str) -> Iterator[tuple[int, str]]:
    """Yield every status that a table names with what is done on it, in one word."""
    words = {"sent": "done", "taken": "done", "refused": "refused"}
    for row in table(number):
        if row["Status"] == "any other":
            assert "later" in row["Behaviour"]
            continue
        word = "warning" if "warning" in row["Behaviour"] else words[row["Behaviour"].split(",")[0].split(":")[0]]
        for piece in row["Status"].split(", "):
            first, _, last = piece.partition("-")
            for status in range(int(first, 16), int(last or first, 16) + 1):
                yield status, word


def _written(value: Any) -> str:
    """Return a setting as the statement writes it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(str, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _flat(section: Any) -> Any:
    """Return the settings of a section, those of its own sections with the section's name in front."""
    if not isinstance(section, dict):
        return section
    flat: dict[str, Any] = {}
    for key, value in section.items():
        inner = _flat(value)
        flat |= {f"{key}.{name}": each for name, each in inner.items()} if isinstance(inner, dict) else {key: inner}
    return flat


def _kept(term: str) -> str:
    """Return the character set of an object of ours over a source with this one."""
    source, target = Dataset(), Dataset()
    source.SpecificCharacterSet = term.split("\\")
    identity.copy_identity(source, target)
    kept = target.get("SpecificCharacterSet", "")
    return kept if isinstance(kept, str) else "\\".join(kept)
