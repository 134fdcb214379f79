"""What a site writes of its destinations reaches the wire whole: every name has a UID."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from triaged.config.network import DestinationSection, SyntaxName
from triaged.config.settings import Config
from triaged.daemon.examinations import engine_and_pipeline
from triaged.dimse.syntaxes import NAMES
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import ObjectKind

SEG = "1.2.840.10008.5.1.4.1.1.66.4"
IMPLICIT = "1.2.840.10008.1.2"
RLE = "1.2.840.10008.1.2.5"


def _section(**keys: Any) -> DestinationSection:
    return DestinationSection.model_validate({"name": "pacs", "ae_title": "A", "host": "h", "port": 104} | keys)


def test_every_transfer_syntax_that_a_site_can_name_is_one_that_we_send() -> None:
    assert set(get_args(SyntaxName)) == set(NAMES)


def test_a_destination_is_asked_for_what_it_wants_and_no_more() -> None:
    destination = _section(objects=["seg"]).destination()
    assert list(destination.wanted) == [SEG]
    assert set(destination.wanted[SEG]) == set(ObjectKind.SEG.transfer_syntaxes)


def test_a_destination_is_asked_for_its_transfer_syntaxes_where_an_object_can_go_in_them() -> None:
    destination = _section(objects=["sc", "seg"], transfer_syntaxes=["rle", "implicit"]).destination()
    assert destination.transfer_syntaxes == (RLE, IMPLICIT)
    assert destination.wanted[SEG] == (IMPLICIT,)
    assert destination.wanted[ObjectKind.SC.sop_class_uid] == (RLE, IMPLICIT)


def test_storage_commitment_is_asked_for_where_the_site_wants_it() -> None:
    assert STORAGE_COMMITMENT_PUSH_MODEL not in _section().destination().wanted
    assert _section(storage_commitment=True).destination().wanted[STORAGE_COMMITMENT_PUSH_MODEL]


@pytest.mark.parametrize(
    "change",
    [{"pictures": {"palette": "viridis"}}, {"triage": {"cut_offs": {"s2": 0.3}}}, {"triage": {"scheme": "combined"}}],
)
def test_a_setting_that_alters_the_objects_gives_them_other_uids(change: dict[str, Any]) -> None:
    engine = {"models": {"ct": "threshold"}}
    before, _ = engine_and_pipeline(Config.model_validate(engine))
    after, _ = engine_and_pipeline(Config.model_validate(engine | change))
    assert before.settings_digest != after.settings_digest
