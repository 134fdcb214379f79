"""A default is said once, in the options of its room; the sections and `config.yaml` only repeat what stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from triaged.config.network import DeliverySection, DicomSection, OrderPrioritySection
from triaged.config.notifying import PushSection
from triaged.config.retention import RetentionSection
from triaged.config.settings import CompletionSection, Config, WorkerSection
from triaged.config.triage import GuardSection, HeadStartsSection, TriageSection
from triaged.dimse.options import ScpOptions
from triaged.exams.ct.options import CtOptions
from triaged.notify.oru import Ends
from triaged.steps.commitment import CommitmentOptions
from triaged.steps.errand import DeliveryOptions
from triaged.steps.options import AnalyseOptions, RetentionOptions
from triaged.steps.priorities import LookUpOptions
from triaged.study.completeness import CompletionOptions
from triaged.triage.judging import GuardOptions
from triaged.triage.scheme import HeadStarts, TriageOptions
from triaged.web.options import WebOptions

PROJECT = Path(__file__).parents[2]
SHIPPED = (PROJECT / "config.yaml").read_text(encoding="utf-8")
ROOMS = [
    path
    for path in (PROJECT / "triaged").rglob("*.py")
    if path.relative_to(PROJECT / "triaged").parts[0] not in ("config", "lab", "cli")
]
OTHER_NAMES = {
    "idle_min": "idle",
    "longest_h": "longest",
    "identification_threshold": "tau",
    "repeat_sd_points": "repeat_sd_pp",
    "lag_min": "lag",
    "commitment_wait_s": "ask_again_s",
}
"""Keys of the file that are called otherwise in the options of their room, because of their unit."""
OPTIONS = re.compile(r"\w+Options|HeadStarts|Ends|ProxyWord|Lasting")


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        (CompletionSection().options(), CompletionOptions()),
        (WorkerSection().options(), AnalyseOptions()),
        (DeliverySection().options(), DeliveryOptions()),
        (DeliverySection().commitment_options(), CommitmentOptions()),
        (DicomSection().options(), ScpOptions("TRIAGED", "0.0.0.0", 11112)),
        (OrderPrioritySection().options(), LookUpOptions("header")),
        (PushSection(name="ris", kind="hl7", host="h", port=1).options(), Ends()),
        (RetentionSection().options(frozenset()), RetentionOptions()),
        (TriageSection().options(), TriageOptions()),
        (GuardSection().options(), GuardOptions()),
        (HeadStartsSection().options(), HeadStarts()),
        (CtOptions(TriageSection().grade_cut_offs), CtOptions()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_section_without_keys_gives_the_room_its_own_defaults(given: object, stated: object) -> None:
    assert given == stated


def test_the_pages_get_their_own_defaults_and_what_is_set_elsewhere() -> None:
    config = Config()
    access = config.access.options(config.web)
    expected = WebOptions("TRIAGED on port 11112", "severity", access=access)
    assert config.web.options(config.dicom, config.triage, access) == expected


def _leaves(values: object, place: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _leaves(value, f"{place}.{key}".strip("."))
    else:
        yield place, values


def test_each_value_in_the_file_that_comes_with_the_program_is_the_default_of_its_key() -> None:
    written = dict(_leaves(YAML(typ="safe").load(SHIPPED)))
    stated = dict(_leaves(Config().model_dump(mode="json")))
    (folder,) = re.findall(r"^  # folder: (\S+)", SHIPPED, re.MULTILINE)
    assert stated.pop("models.folder") == str(PROJECT / folder)
    wrong = {key: (written.get(key), value) for key, value in stated.items() if written.get(key) != value}
    assert not wrong
    assert written.keys() == stated.keys()


def test_the_words_of_the_file_give_the_numbers_that_have_no_key() -> None:
    starts, guard = HeadStarts(), GuardOptions()
    by_scheme = (
        f"null: identification {starts.suspected_mild_identification}, combined {starts.suspected_mild_combined}, "
        f"severity {starts.suspected_mild_severity}"
    )
    assert by_scheme in SHIPPED
    assert f"with fewer than {guard.fewest} no share is judged" in SHIPPED


def _is_literal(value: ast.expr | None) -> bool:
    """Tell whether a default is written out; a member of an enumeration is too."""
    if isinstance(value, ast.Attribute):
        return isinstance(value.value, ast.Name) and value.value.id[:1].isupper()
    try:
        return value is not None and ast.literal_eval(value) is not ...
    except ValueError:
        return False


def _said_in_rooms(tree: ast.AST) -> Iterator[str]:
    """Give the names for which options or parameters of a function state a default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and OPTIONS.fullmatch(node.name):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
                    yield line.target.id
        elif isinstance(node, ast.FunctionDef):
            named = zip_longest(reversed(node.args.args), reversed(node.args.defaults))
            named_only = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            yield from (each.arg for each, default in (*named, *named_only) if each and default is not None)


def _said_in_sections(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Give the fields of sections that write out a default which a room states too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Section"):
            for line in node.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and _is_literal(line.value):
                    name = line.target.id
                    if OTHER_NAMES.get(name, name) in known:
                        yield f"{node.name}.{name}"


def test_no_section_writes_out_a_default_that_the_options_of_a_room_state() -> None:
    known = {name for path in ROOMS for name in _said_in_rooms(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"settle_s", "cap", "tau", "palette", "person_header"} <= known
    found = [
        name
        for path in (PROJECT / "triaged/config").glob("*.py")
        for name in _said_in_sections(ast.parse(path.read_text(encoding="utf-8")), known)
    ]
    assert not found


@pytest.mark.parametrize("default", ["5.0", "None", "()", "(0.1, 0.2)", "-1", "Mode.OPEN"])
def test_a_default_that_is_written_out_twice_is_found(default: str) -> None:
    room = f"class PageOptions:\n    idle: object = {default}\ndef f(a, b=1, *, mode={default}): pass\n"
    known = set(_said_in_rooms(ast.parse(room)))
    assert known == {"idle", "b", "mode"}
    section = f"class WebSection(Section):\n    idle_min: object = {default}\n    mode: object = {default}\n"
    assert list(_said_in_sections(ast.parse(section), known)) == ["WebSection.idle_min", "WebSection.mode"]
    taken = "class WebSection(Section):\n    idle_min: object = _WEB.idle\n    other: int = 1\n"
    assert not list(_said_in_sections(ast.parse(taken), known))
