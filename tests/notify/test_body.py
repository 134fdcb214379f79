"""The JSON of a webhook, against what docs/notifications.md says it is."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from triaged.notify.body import body
from triaged.study.assessment import OutOfScope, Reason, ReasonCode

from .changes import NOW, PATIENT, RESULT, push

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"


def told(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body(push(**changed), None, now=NOW))
    return found


def test_the_page_for_administrators_shows_what_is_sent() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert json.loads(shown) == told()


def test_nothing_names_the_patient_unless_that_is_wanted() -> None:
    without = body(push(), None, now=NOW).decode("utf-8")
    assert not [value for value in ("Roe", "Jane", "P-1", "A-1", "1970", "Thorax") if value in without]
    assert json.loads(body(push(), PATIENT, now=NOW))["patient"] == asdict(PATIENT)


def test_texts_come_back_as_they_were() -> None:
    hostile = 'Иванов"\\\r\n\x00 \ud800</script>'
    sent = json.loads(body(push(reason=hostile), replace(PATIENT, patient_name=hostile), now=NOW))
    assert (sent["reason"], sent["patient"]["patient_name"]) == (hostile, hostile)


def test_a_study_without_a_score_has_a_reason_and_no_numbers() -> None:
    declined = OutOfScope(Reason(ReasonCode.NO_CT, "expected CT, found MR"))
    result = told(result=replace(RESULT, assessment=declined))["result"]
    assert (result["outcome"], result["code"], result["detail"]) == ("out of scope", "no-ct", "expected CT, found MR")
    assert "severity" not in result
    assert told(result=None)["result"] is None
