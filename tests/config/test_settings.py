"""What the rooms are given from the settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from triaged.config.loading import load
from triaged.config.network import DestinationSection, DicomSection, OrderPrioritySection, WebSection
from triaged.config.settings import Config
from triaged.config.triage import GuardSection, TriageSection
from triaged.steps.ports import Peer
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.judging import GuardOptions
from triaged.triage.scheme import Discipline, Scheme, TriageOptions, head_start_minutes
from triaged.web.options import ViewerKind


def test_the_configuration_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config().retired = {}


@pytest.mark.parametrize(("scheme", "minutes"), [("identification", 120), ("combined", 90), ("severity", 30)])
def test_the_head_start_of_mild_suspicion_follows_the_scheme_unless_it_is_given(scheme: str, minutes: int) -> None:
    """The numbers are those of the ordering specification, section 2.3.2."""
    section = TriageSection.model_validate({"scheme": scheme})
    options = section.options()
    assert options.scheme is Scheme(scheme)
    assert head_start_minutes(TriageClass.SUSPECTED_MILD, RequestPriority.ROUTINE, options) == minutes
    given = TriageSection.model_validate({"scheme": scheme, "head_start_min": {"suspected_mild": 33}}).options()
    assert head_start_minutes(TriageClass.SUSPECTED_MILD, RequestPriority.ROUTINE, given) == 33


def test_cut_offs_and_threshold_reach_the_scheme() -> None:
    options = TriageSection.model_validate(
        {"identification_threshold": 0.4, "cut_offs": {"s1": 0.02, "s2": 0.06, "s3": 0.29, "s4": 0.83}}
    ).options()
    assert (options.tau, options.s1, options.s2, options.s3, options.s4) == (0.4, 0.02, 0.06, 0.29, 0.83)


def test_discipline_cap_and_noise_reach_the_scheme_and_leave_the_order_as_it_is_by_default() -> None:
    assert TriageSection().options() == TriageOptions()
    given = {"discipline": "strict_cap", "strict_cap_min": 60, "repeat_sd_points": 2.5}
    options = TriageSection.model_validate(given).options()
    assert (options.discipline, options.strict_cap_min, options.repeat_sd_pp) == (Discipline.STRICT_CAP, 60, 2.5)


def test_the_guard_s_limits_reach_it_and_a_short_window_is_judged_when_it_is_full() -> None:
    assert GuardSection().options() == GuardOptions()
    options = GuardSection.model_validate({"window": 20, "failures": 0.2, "lag_min": 30}).options()
    assert (options.window, options.fewest, options.failures, options.lag) == (20, 20, 0.2, timedelta(minutes=30))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, ""),
        ({"prevalence": 0.02}, "is unknown: sensitivity and specificity were not measured"),
        ({"prevalence": 0.02, "operating_point": {"sensitivity": 0.95, "specificity": 0.73}}, "only 6.7 % of flagged"),
        (
            {"prevalence": 0.5, "operating_point": {"sensitivity": 0.9, "specificity": 0.9}},
            "90 % of flagged CTs have the disease, and 50 % of all CTs are flagged",
        ),
        ({"prevalence_cxr": 0.02}, "how often a flag is right among X-rays is unknown"),
        (
            {"prevalence_cxr": 0.5, "operating_point_cxr": {"sensitivity": 0.9, "specificity": 0.9}},
            "90 % of flagged X-rays have an opacity, and 50 % of all X-rays are flagged",
        ),
        ({"prevalence": 0.02, "prevalence_cxr": 0.1}, "a flag is right among CTs is unknown"),
    ],
)
def test_a_site_that_says_how_common_the_disease_is_hears_what_a_flag_is_worth(
    keys: dict[str, object], said: str
) -> None:
    """0.5 x 0.9 / (0.5 x 0.9 + 0.5 x 0.1) = 90 %; 6.7 % is the example of the ordering specification, 2.3.6."""
    found = [each.said() for each in TriageSection.model_validate(keys).worth().values()]
    assert len(found) == sum(key.startswith("prevalence") for key in keys)
    assert said in "; ".join(found)


def test_a_postgresql_url_gets_the_driver_that_is_installed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("database: {url: 'postgresql://me:secret@db:5432/triage'}\n", encoding="utf-8")
    assert load(path).database.url == "postgresql+psycopg://me:secret@db:5432/triage"


def _destination(**keys: object) -> DestinationSection:
    return DestinationSection.model_validate({"name": "pacs", "ae_title": "A", "host": "h", "port": 104} | keys)


def test_a_destination_gets_pictures_measurements_regions_key_slices_and_outlines_unless_it_says_otherwise() -> None:
    pictures = {ObjectKind.SC, ObjectKind.SC_MULTIFRAME}
    others = {ObjectKind.SR, ObjectKind.SEG, ObjectKind.KOS, ObjectKind.GSPS, ObjectKind.SIDES}
    assert _destination().kinds() == {*pictures, *others}
    assert _destination(objects=["text"]).kinds() == {ObjectKind.TEXT}


def test_pictures_as_one_object_are_offered_to_who_wants_pictures_unless_never() -> None:
    assert _destination(objects=["sr"]).kinds() == {ObjectKind.SR}
    assert _destination(objects=["sc"], multi_frame="never").kinds() == {ObjectKind.SC}


def test_the_address_of_a_sender_is_found_by_its_ae_title() -> None:
    dicom = DicomSection.model_validate({"peers": [{"ae_title": "CT1", "host": "10.0.0.5", "port": 104}]})
    assert dicom.peer("CT1") == Peer("CT1", "CT1", "10.0.0.5", 104)
    assert dicom.peer("CT2") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://pacs.example/viewer?StudyInstanceUIDs={study_instance_uid}",
        "http://127.0.0.1:8042/a/{accession_number}#{study_instance_uid}",
    ],
)
def test_the_viewer_is_reached_by_an_address_with_names_in_braces(url: str) -> None:
    assert WebSection.model_validate({"viewer_url": url}).viewer_url == url


def test_the_viewer_is_one_of_three() -> None:
    assert [WebSection.model_validate({"viewer": kind}).viewer for kind in ("url", "ohif", "weasis")] == list(
        ViewerKind
    )
    with pytest.raises(ValidationError, match="ohif"):
        WebSection.model_validate({"viewer": "radiant"})


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert('{study_instance_uid}')",
        "//pacs.example/{study_instance_uid}",
        "https:///{study_instance_uid}",
        "https://{study_instance_uid}/",
        "https://pacs.example/",
        "https://pacs.example/{patient_name}/{study_instance_uid}",
        "https://pacs.example/{study_instance_uid",
        "https://pacs.example/a b/{study_instance_uid}",
    ],
)
def test_an_address_that_is_none_or_names_what_there_is_not_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="http"):
        WebSection.model_validate({"viewer_url": url})


def test_another_list_is_asked_how_urgent_orders_are_only_where_it_is_named() -> None:
    address = {"ae_title": "RIS", "host": "10.0.0.9", "port": 104}
    assert OrderPrioritySection().peer() is None
    assert OrderPrioritySection.model_validate(address).peer() is None
    asked = OrderPrioritySection.model_validate({"source": "mwl", **address}).peer()
    assert asked == Peer("order priority", "RIS", "10.0.0.9", 104)
    with pytest.raises(ValidationError, match="ae_title, host and port"):
        OrderPrioritySection.model_validate({"source": "ups", "host": "10.0.0.9"})


def test_groups_have_names_and_members_that_can_be_names_of_people() -> None:
    groups = {"Chest": ["anna", "Dr. Mu"], "Night": []}
    assert WebSection.model_validate({"groups": groups}).groups == {"Chest": ("anna", "Dr. Mu"), "Night": ()}
    mistakes: tuple[object, ...] = (
        {"": ["anna"]},
        {"<b>": []},
        {"Chest": ["\u202eanna"]},
        {"Chest": "anna"},
        ["Chest"],
    )
    for wrong in mistakes:
        with pytest.raises(ValidationError):
            WebSection.model_validate({"groups": wrong})
