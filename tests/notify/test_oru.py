"""The HL7 message, against one written by hand after the standard, and read by a parser that is not ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.notify.oru import Ends, oru_r01
from triaged.study.assessment import Assessed, Failed, OutOfScope, Reason, ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.notification import Scored
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import Patient
from triaged.triage.reason import WORDS

from .changes import FINDING, NOW, PATIENT, RESULT, push

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"
ENDS = Ends("TRIAGED", "CLINIC", "RIS", "HOSPITAL")
BY_HAND = [
    "MSH|^~\\&|TRIAGED|CLINIC|RIS|HOSPITAL|20260301120607+0000||ORU^R01^ORU_R01|42|P|2.5.1||||||UNICODE UTF-8",
    "PID|1||P-1||Roe^Jane^Q^Jr.^Dr.^^L||19700101|F",
    "OBR|1||A-1|CT-TRIAGE^Chest CT triage^99TRIAGED|||20260301115900|||||||||||A-1||||20260301120500+0000||CT|P",
    "NTE|1||Computed by software, not verified by a radiologist.",
    "TQ1|1||||||||A",
    "OBX|1|CWE|CLASS^Triage class^99TRIAGED||B^severe^99TRIAGED||||||P|||20260301120400+0000",
    "OBX|2|CWE|CLASS-BEFORE^Triage class before^99TRIAGED||U^unscored^99TRIAGED||||||P|||20260301120400+0000",
    "OBX|3|TX|REASON^Why it stands there^99TRIAGED||B severe — left lung 54 %, P .91||||||P|||20260301120400+0000",
    "OBX|4|ST|113014^Study^DCM||1.2.826.0.1.1||||||P|||20260301120400+0000",
    "OBX|5|NM|REVISION^Revision of the result^99TRIAGED||2||||||P|||20260301120400+0000",
    "OBX|6|ST|ALGORITHM^Algorithm^99TRIAGED||ct-test 1.0||||||P|||20260301120400+0000",
    "OBX|7|NM|IDENTIFICATION^Probability of COVID-19 (experimental)^99TRIAGED||0.912|1^no units^UCUM|||||P|||"
    "20260301120400+0000",
    "OBX|8|NM|THRESHOLD^Probability from which it is flagged^99TRIAGED||0.500|1^no units^UCUM|||||P|||"
    "20260301120400+0000",
    "OBX|9|NM|SEVERITY^Affected share of the worse lung^99TRIAGED||54.0|%^percent^UCUM|||||P|||20260301120400+0000",
    "OBX|10|NM|SEVERITY-RIGHT^Affected share of the right lung^99TRIAGED||7.1|%^percent^UCUM|||||P|||"
    "20260301120400+0000",
    "OBX|11|NM|SEVERITY-LEFT^Affected share of the left lung^99TRIAGED||54.0|%^percent^UCUM|||||P|||"
    "20260301120400+0000",
    "OBX|12|NM|SEVERITY-TOTAL^Affected share of both lungs^99TRIAGED||30.0|%^percent^UCUM|||||P|||20260301120400+0000",
    "OBX|13|CWE|QUALITY^Read with reserve^99TRIAGED|1|thick-slices^thick slices^99TRIAGED||||||P|||20260301120400+0000",
]


def message(patient: Patient | None = PATIENT, **changed: Any) -> Any:
    """Return the message as python-hl7 reads it."""
    return hl7.parse(oru_r01(push(**changed), patient, ENDS, now=NOW).decode("utf-8").rstrip("\r"))


def values(parsed: Any) -> dict[str, str]:
    """Return the text of each observation by its code, as a receiver has it after undoing the escapes."""
    return {str(obx[3][0][0]): parsed.unescape(str(obx[5])) for obx in parsed.segments("OBX")}


def test_the_message_is_the_one_that_was_written_by_hand() -> None:
    sent = oru_r01(push(), PATIENT, ENDS, now=NOW).decode("utf-8")
    assert sent.endswith("\r")
    assert sent.rstrip("\r").split("\r") == BY_HAND


def test_every_value_is_preliminary_and_no_study_is_ever_called_normal() -> None:
    for each in TriageClass:
        parsed = message(class_after=each)
        assert {str(obx[11]) for obx in parsed.segments("OBX")} == {str(parsed.segment("OBR")[25])} == {"P"}
        assert "normal" not in str(parsed).lower()
        assert values(parsed)["CLASS"] == f"{each.value}^{WORDS[each]}^99TRIAGED"


@pytest.mark.parametrize(
    "hostile",
    [
        "a|b^c~d\\e&f",
        "\\.br\\ \\X0D\\ \\F\\",
        "OBX|9|CWE|CLASS||N",
        "Иванов^Пётр|Ильич & Ко",
        "山田^太郎",
        "e\N{COMBINING ACUTE ACCENT} \N{GRINNING FACE}",
    ],
)
def test_hostile_texts_come_back_as_they_were_and_add_no_segment(hostile: str) -> None:
    patient = replace(PATIENT, patient_id=hostile, accession_number=hostile)
    parsed = message(patient, reason=hostile)
    assert [str(segment[0]) for segment in parsed] == [line.partition("|")[0] for line in BY_HAND]
    assert values(parsed)["REASON"] == hostile
    assert parsed.unescape(str(parsed.segment("PID")[3])) == hostile
    assert parsed.unescape(str(parsed.segment("OBR")[18])) == hostile


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_whatever_changes_the_structure(name: str, reason: str) -> None:
    patient = replace(PATIENT, patient_name=name, patient_id=reason, accession_number=name)
    sent = oru_r01(push(reason=reason), patient, ENDS, now=NOW)
    assert not set(sent) & (set(range(32)) - {13}), "a control character would break the frame"
    segments = sent.decode("utf-8").rstrip("\r").split("\r")
    assert [each.partition("|")[0] for each in segments] == [each.partition("|")[0] for each in BY_HAND]
    pid = segments[1].split("|")
    assert len(pid) == len(BY_HAND[1].split("|"))
    assert len(pid[5].split("^")) in (1, 7)
    assert "~" not in pid[5] + pid[3]


def test_lines_of_a_text_stay_lines_and_other_control_characters_become_spaces() -> None:
    parsed = message(reason="first\r\nsecond\x0b\x1cthird")
    reason = next(obx for obx in parsed.segments("OBX") if str(obx[3][0][0]) == "REASON")
    assert str(reason[5]) == "first\\.br\\second  third"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Roe^Jane", "Roe^Jane^^^^^L"),
        ("Roe^Jane^Q^Dr.^Jr.", "Roe^Jane^Q^Jr.^Dr.^^L"),
        ("Иванов^Пётр^Ильич", "Иванов^Пётр^Ильич^^^^L"),
        ("=山田^太郎=やまだ^たろう", "山田^太郎^^^^^L"),
        ("Roe|Q^J&e^~", "Roe\\F\\Q^J\\T\\e^\\R\\^^^^L"),
        ("Roe", "Roe^^^^^^L"),
        ("^^^", ""),
        ("", ""),
    ],
)
def test_names_keep_their_parts(name: str, sent: str) -> None:
    assert str(message(replace(PATIENT, patient_name=name)).segment("PID")[5]) == sent


def test_without_a_patient_nothing_names_one() -> None:
    sent = oru_r01(push(), None, ENDS, now=NOW).decode("utf-8")
    assert sent.split("\r")[1:3] == [
        "PID|1",
        "OBR|1|||CT-TRIAGE^Chest CT triage^99TRIAGED||||||||||||||||||20260301120500+0000||CT|P",
    ]
    assert not [value for value in (PATIENT.patient_id, "Roe", "Jane", "1970", "A-1") if value in sent]


@pytest.mark.parametrize(
    ("birth_date", "sex", "told"), [("", "", ["", ""]), ("1970", "x", ["", "U"]), ("19700101", "o", ["19700101", "O"])]
)
def test_what_is_no_date_and_no_sex_is_not_sent_as_one(birth_date: str, sex: str, told: list[str]) -> None:
    patient = replace(PATIENT, patient_birth_date=birth_date, patient_sex=sex)
    pid = oru_r01(push(), patient, ENDS, now=NOW).decode("utf-8").split("\r")[1].split("|")
    assert [*pid, *[""] * 3][7:9] == told


@pytest.mark.parametrize(
    ("priority", "code"),
    [
        (RequestPriority.STAT, "S"),
        (RequestPriority.ROUTINE, "R"),
        (RequestPriority.LOW, "R"),
        (RequestPriority.UNKNOWN, None),
    ],
)
def test_the_urgency_of_the_order_is_told_where_it_is_known(priority: RequestPriority, code: str | None) -> None:
    found = [str(segment[9]) for segment in message(order_priority=priority) if str(segment[0]) == "TQ1"]
    assert found == ([] if code is None else [code])


@pytest.mark.parametrize("kind", [Failed, OutOfScope])
def test_a_study_without_a_score_is_told_with_its_reason_and_without_numbers(
    kind: type[Failed] | type[OutOfScope],
) -> None:
    ended = kind(Reason(ReasonCode.NO_LUNGS, "expected two lungs, found none | at all"))
    told = values(message(result=Scored(1, RESULT.at, "ct-test", ended)))
    assert told["NO-SCORE"] == "no-lungs^expected two lungs, found none | at all^99TRIAGED"
    assert not [code for code in told if code.startswith(("SEVERITY", "IDENTIFICATION"))]


def test_every_observation_can_be_told_from_every_other() -> None:
    finding = replace(FINDING, quality=(QualityFlag.THICK_SLICES, QualityFlag.CONTRAST))
    observations = message(result=replace(RESULT, assessment=Assessed(finding))).segments("OBX")
    keys = [(str(obx[3]), str(obx[4])) for obx in observations]
    assert len(set(keys)) == len(keys)
    assert [str(obx[1]) for obx in observations] == [str(number) for number in range(1, len(observations) + 1)]


def test_the_page_for_administrators_names_every_observation() -> None:
    page = PAGE.read_text(encoding="utf-8")
    scoreless = Failed(Reason(ReasonCode.NO_LUNGS, "none"))
    for code in {*values(message()), *values(message(result=replace(RESULT, assessment=scoreless)))}:
        assert f"`{code}`" in page, code


def test_a_change_before_any_result_has_no_result() -> None:
    assert set(values(message(result=None))) == {"CLASS", "CLASS-BEFORE", "REASON", "113014"}
