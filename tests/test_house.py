"""The rules of the house that no other tool checks: rooms, libraries, logs, sizes, and what is written beside the code.

Each rule is shown to be able to fail on a small example of what it forbids.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "triaged"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}

ROOMS_OF_LIBRARIES = {
    "pynetdicom": {"dimse"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "psycopg": {"store"},
    "procrastinate": {"store/dispatch/engine.py"},
    "onnxruntime": {"inference/runtime.py", "inference/graphs.py", "lab/packages/quantise.py"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web"},
    "prometheus_client": {"web"},
    "authlib": {"web/oidc/provider.py"},
    "joserfc": {"web/oidc/provider.py"},
    "httpx2": {"web/oidc/provider.py"},
    "limits": {"web"},
    "botocore": {"spool/s3.py"},
    "argon2": {"store"},
    "jinja2": {"web"},
    "apscheduler": {"daemon"},
    "pydantic": {"config", "web"},
    "pydantic_core": {"config"},
    "torch": {"lab"},
    "onnx": {"lab"},
    "onnxscript": {"lab"},
    "matplotlib": {"lab"},
    "nibabel": {"lab"},
    "typer": {
        "cli/program.py",
        "cli/fsck.py",
        "cli/audit.py",
        "cli/administration.py",
        "cli/users.py",
        "cli/configuration.py",
        "cli/config_try.py",
        "cli/config_keys.py",
        "cli/config_versions.py",
        "cli/outbox.py",
        "cli/quality.py",
        "cli/export.py",
        "cli/feedback.py",
        "cli/forecast.py",
        "cli/health.py",
        "cli/keeping.py",
        "cli/retain.py",
        "cli/serving.py",
        "cli/sites.py",
        "lab/commands.py",
        "lab/engine_options.py",
        "lab/evaluation/options.py",
        "lab/films/options.py",
        "lab/packages/options.py",
        "lab/phantom/command.py",
        "lab/radiographs/command.py",
        "lab/radiographs/options.py",
        "lab/sources/options.py",
        "lab/table/options.py",
        "lab/training/options.py",
    },
    "hl7": {"notify"},
    "http": {"notify", "web"},
    "ssl": {"dimse", "notify"},
    "socket": {"dimse", "web", "notify", "daemon", "lab"},
    "subprocess": {"daemon"},
    "watchfiles": {"daemon"},
}
"""Each library that reaches out of the process, and the one room that may use it."""

BROAD_EXCEPTS = {
    "daemon/second_reader.py": 1,  # a bug ends a reading, not the adviser
    "daemon/working.py": 3,  # a bug ends a study, or what is read ahead or drawn of it, not the worker
    "dicom/pixels.py": 1,  # a decoder's panic is no Exception
    "dimse/acceptor.py": 1,  # a bug becomes a failure status on the wire, never silence and never Success
    "dimse/scp.py": 1,  # a bug costs one association, not the receiver
    "lab/evaluation/run.py": 1,  # a bug costs one case, not the hours before it
    "store/tables/together.py": 1,  # a bug in one piece of work costs its own caller, not all who share a commit
}
ROOMS_WITH_A_CLOCK = {"cli", "daemon", "lab"}
ROOMS_WITH_AN_ENVIRONMENT = {"cli", "config/references.py", "daemon", "lab", "inference/runtime.py"}
ROOMS_THAT_WRITE_FILES = {
    "spool",
    "store/tables/sqlite.py",
    "daemon/versions.py",
    "daemon/restoring.py",
    "daemon/exporting.py",
    "daemon/alive_file.py",
    "lab",
}
CT_WORDS = re.compile(r"(?<![A-Za-z])(CT|HU|mL|[Ll]ungs?)(?![a-z])")
SPEAKS_OF_CT = {
    "exams/ct": "the examination itself",
    "exams/xray": "the same parts of the body, seen from the front",
    "lab": "makes and measures its models",
    "study/body_part.py": "which parts of the body can hold a chest",
    "study/coding.py": "units of what is measured",
    "study/concepts.py": "the table of what is measured",
    "study/purpose.py": "what the examinations are for, in words",
    "study/radiomics.py": "the table of features, the same",
    "inference/kinds": "each kind knows what its networks read",
    "store/migrations": "old columns",
    "study/checks.py": "what a reader is to check",
    "study/assessment.py": "codes of reasons, which sites have in their lists",
    "study/finding.py": "codes of quality, the same",
    "study/modalities.py": "kinds of images that the list is narrowed to",
    "study/kinds.py": "what a refusal means, in words",
    "triage/estimate.py": "what an estimate is of, beside what a CT measures",
    "triage/follow_up.py": "shares of lung volume are the only numbers compared so far",
    "results/codes.py": "codes that reports have had from the first version",
    "results/source.py": "the class that is named where a sender gave none",
    "dicom/header.py": "names of the standard",
    "web/columns.py": "the columns of the list",
    "web/entries.py": "the columns of the list",
    "web/view.py": "what the classes mean, in words",
    "web/slices.py": "descriptions of the API",
    "steps/registry.py": "the columns of what leaves for registries",
    "cli/program.py": "what the program is for",
}
"""Where the product may name what only a CT has, and why; everything else holds for any examination."""
PATIENT_WORDS = re.compile(r"(?i)^(patient.*|person(_?name)?|accession_?number|birth_?date)$")
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 50
MIGRATIONS = "store/migrations/versions/"

Finding = tuple[int, str]
Rule = Callable[[ast.Module], Iterator[Finding]]


def _room(module: str) -> set[str]:
    """Return the names under which a module may be allowed: its room, and itself."""
    return {module, module.split("/")[0]}


@cache
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a tree, at which every rule looks."""
    return tuple(ast.walk(tree))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in _nodes(tree) if isinstance(node, ast.Call))


def _imported(tree: ast.Module) -> Iterator[Finding]:
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def _broad_excepts(tree: ast.Module) -> Iterator[Finding]:
    for node in _nodes(tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            for kind in kinds:
                if kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")):
                    yield node.lineno, "broad except"


def _log_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for call in _calls(tree):
        owner, _, method = ast.unparse(call.func).rpartition(".")
        if owner == "log" and method in ("debug", "info", "warning", "error", "exception", "critical", "bind"):
            yield call


def _logs_without_a_constant_message(tree: ast.Module) -> Iterator[Finding]:
    for call in _log_calls(tree):
        if len(call.args) != 1 or not _is_constant_text(call.args[0]):
            yield call.lineno, "log message that is not one constant text"


def _is_constant_text(message: ast.expr) -> bool:
    """Tell whether a message is a text, or one of the texts of an errand (`steps.errand.Words`)."""
    if isinstance(message, ast.Constant):
        return isinstance(message.value, str)
    return ast.unparse(message).startswith("self.words.")


def _patient_words(tree: ast.AST) -> Iterator[Finding]:
    for node in _nodes(tree):
        word = ""
        if isinstance(node, ast.keyword):
            word = node.arg or ""
        elif isinstance(node, ast.Attribute):
            word = node.attr
        elif isinstance(node, ast.Name):
            word = node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = node.value
        if PATIENT_WORDS.match(word):
            yield getattr(node, "lineno", 0), f"patient attribute {word}"


def _logs_of_patient_attributes(tree: ast.Module) -> Iterator[Finding]:
    for call in _log_calls(tree):
        yield from _patient_words(call)


def _errors_with_patient_attributes(tree: ast.Module) -> Iterator[Finding]:
    for node in _nodes(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from _patient_words(node.exc)


def _words_of_ct(tree: ast.Module) -> Iterator[Finding]:
    """Find names and texts, but not descriptions, that speak of CT."""
    described = {id(node.value) for node in _nodes(tree) if isinstance(node, ast.Expr)}
    for node in _nodes(tree):
        words = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            words = node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            words = (node.id if isinstance(node, ast.Name) else node.attr).replace("_", " ")
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            words = node.name.replace("_", " ")
        elif isinstance(node, ast.arg | ast.keyword):
            words = (node.arg or "").replace("_", " ")
        if CT_WORDS.search(words):
            yield getattr(node, "lineno", 0), words


def _clock_readings(tree: ast.Module) -> Iterator[Finding]:
    for call in _calls(tree):
        name = ast.unparse(call.func)
        if name in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"):
            yield call.lineno, name


def _environment_readings(tree: ast.Module) -> Iterator[Finding]:
    for node in _nodes(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"):
            yield node.lineno, ast.unparse(node)


def _file_writings(tree: ast.Module) -> Iterator[Finding]:
    for call in _calls(tree):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        modes = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        if name in ("write_text", "write_bytes", "mkdir", "unlink", "rename", "save_as") and call.func is not None:
            yield call.lineno, name
        elif name == "open" and any(
            isinstance(mode, str) and re.fullmatch(r"[rwax+bt]*[wax+][rwax+bt]*", mode) for mode in modes
        ):
            yield call.lineno, "open for writing"


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body)


def _missing_docstrings(tree: ast.Module) -> Iterator[Finding]:
    if ast.get_docstring(tree) is None:
        yield 1, "module without a docstring"
    for node in _public(tree.body):
        if not ast.get_docstring(node):
            yield node.lineno, f"{node.name} without a docstring"


def _long_functions(tree: ast.Module) -> Iterator[Finding]:
    for node in _nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1 - len((ast.get_docstring(node) or "").splitlines())
            if lines > MOST_LINES_OF_A_FUNCTION:
                yield node.lineno, f"{node.name} has {lines} lines"


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _broken(rule: Rule, allowed: set[str] | None = None) -> list[str]:
    """Return where a rule is broken outside the rooms in which it does not hold."""
    return [
        f"triaged/{module}:{line}: {what}"
        for module, path in MODULES.items()
        if not _room(module) & (allowed or set())
        for line, what in rule(_tree(path))
    ]


@pytest.mark.parametrize(
    ("rule", "forbidden"),
    [
        (_broad_excepts, "try:\n    f()\nexcept Exception:\n    pass"),
        (_broad_excepts, "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
        (_broad_excepts, "try:\n    f()\nexcept:\n    pass"),
        (_logs_without_a_constant_message, "log.info(f'study {uid}')"),
        (_logs_of_patient_attributes, "log.info('kept', patient_id=header.patient.patient_id)"),
        (_logs_of_patient_attributes, "log.info('kept', who=dataset.PatientName)"),
        (_logs_of_patient_attributes, "log.info('kept', who=dataset['AccessionNumber'])"),
        (_errors_with_patient_attributes, "raise ValueError(f'found {dataset.PatientBirthDate}')"),
        (_words_of_ct, "f'{share} of the lung'"),
        (_words_of_ct, "lung_ml = 1"),
        (_clock_readings, "now = datetime.now(UTC)"),
        (_environment_readings, "path = os.environ['HOME']"),
        (_file_writings, "with path.open('wb') as file: pass"),
        (_file_writings, "path.write_text('a')"),
        (_missing_docstrings, "def public():\n    return 1"),
        (_long_functions, "def long():\n" + "    x = 1\n" * 60),
    ],
)
def test_each_rule_finds_what_it_forbids(rule: Rule, forbidden: str) -> None:
    assert list(rule(ast.parse(forbidden)))


def test_rooms_import_downwards_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_each_library_that_reaches_out_is_used_in_its_own_room() -> None:
    broken = [
        f"triaged/{module}:{line}: {library}, which belongs to {', '.join(sorted(ROOMS_OF_LIBRARIES[library]))}"
        for module, path in MODULES.items()
        for line, library in _imported(_tree(path))
        if library in ROOMS_OF_LIBRARIES and not _room(module) & ROOMS_OF_LIBRARIES[library]
    ]
    assert not broken, "\n".join(broken)


def test_no_room_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "common", "core", "helpers", "helper", "misc", "base", "manager", "handlers"}
    assert not [module for module in MODULES if drawers & set(re.split(r"[/._]", module))]


def test_broad_excepts_are_only_where_a_bug_must_not_spread() -> None:
    found = {module: number for module, path in MODULES.items() if (number := len(list(_broad_excepts(_tree(path)))))}
    assert found == BROAD_EXCEPTS


def test_log_messages_are_constant_and_their_values_are_fields() -> None:
    assert not (broken := _broken(_logs_without_a_constant_message)), "\n".join(broken)


def test_no_log_line_and_no_error_names_a_patient() -> None:
    assert not (broken := _broken(_logs_of_patient_attributes)), "\n".join(broken)
    assert not (broken := _broken(_errors_with_patient_attributes)), "\n".join(broken)


def test_rooms_read_neither_clock_nor_environment() -> None:
    assert not (broken := _broken(_clock_readings, ROOMS_WITH_A_CLOCK)), "\n".join(broken)
    assert not (broken := _broken(_environment_readings, ROOMS_WITH_AN_ENVIRONMENT)), "\n".join(broken)


def test_only_the_examination_speaks_of_ct() -> None:
    allowed = {str(path.relative_to(PACKAGE)) for name in SPEAKS_OF_CT for path in _below(name)}
    assert not (broken := _broken(_words_of_ct, allowed)), "\n".join(broken)
    idle = [name for name in SPEAKS_OF_CT if not any(any(_words_of_ct(_tree(path))) for path in _below(name))]
    assert not idle


def _below(name: str) -> list[Path]:
    path = PACKAGE / name
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def test_files_are_written_in_few_places_only() -> None:
    assert not (broken := _broken(_file_writings, ROOMS_THAT_WRITE_FILES)), "\n".join(broken)


def test_package_files_are_empty() -> None:
    assert not [module for module, path in MODULES.items() if path.name == "__init__.py" and path.stat().st_size]


def test_every_module_and_everything_public_says_what_it_is_for() -> None:
    broken = [line for line in _broken(_missing_docstrings) if "__init__.py" not in line]
    assert not broken, "\n".join(broken)


def test_modules_and_functions_stay_small() -> None:
    long = [
        module for module, path in MODULES.items() if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES
    ]
    assert not long
    broken = [line for line in _broken(_long_functions) if MIGRATIONS not in line]  # a schema is one long list
    assert not broken, "\n".join(broken)


def _entries(name: str) -> list[str]:
    """Return the entries of a lock file, each as one line: package, version, marker and hashes."""
    lines = (PROJECT / "deploy" / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _lock(*names: str) -> dict[str, str]:
    """Return name and version of every package that lock files name."""
    pinned = [Requirement(entry.split("--hash")[0]) for name in names for entry in _entries(name)]
    assert all(re.fullmatch(r"==[^*,]+", str(requirement.specifier)) for requirement in pinned)
    return {canonicalize_name(requirement.name): str(requirement.specifier)[2:] for requirement in pinned}


@pytest.mark.parametrize(
    ("extra", "files"),
    [
        (None, ["requirements.txt"]),
        ("test", ["requirements.txt", "requirements-test.txt"]),
        ("lab", ["requirements.txt", "requirements-test.txt", "requirements-lab.txt"]),
        ("s3", ["requirements.txt", "requirements-s3.txt"]),
    ],
)
def test_the_locks_hold_what_the_project_asks_for(extra: str | None, files: list[str]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    locked = _lock(*files)
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is in no lock: run deploy/lock"
        assert locked[name] in requirement.specifier, f"{requirement}, but locked is {locked[name]}: run deploy/lock"


@pytest.mark.parametrize("name", sorted(path.name for path in (PROJECT / "deploy").glob("*.txt")))
def test_every_package_of_a_lock_has_one_version_and_hashes(name: str) -> None:
    for entry in _entries(name):
        assert re.fullmatch(r"[a-z0-9-]+==[^ ;]+( ; [^-]+)?( +--hash=sha256:[0-9a-f]{64})+", entry.strip()), entry


def _events(tree: ast.Module) -> Iterator[str]:
    """Give the constant messages that a module logs, also by a name that stands for one of two levels."""
    for call in _calls(tree):
        owner, _, method = ast.unparse(call.func).rpartition(".")
        is_log = owner in ("log", "structlog.get_logger()") and method in _LEVELS
        is_chosen = isinstance(call.func, ast.Name) and call.func.id == "write"
        if (is_log or is_chosen) and call.args and isinstance(call.args[0], ast.Constant):
            yield str(call.args[0].value)


def test_the_catalogue_of_events_is_that_of_the_code() -> None:
    outside = {module: path for module, path in MODULES.items() if not module.startswith("lab/")}
    logged = {event for path in outside.values() for event in _events(_tree(path))}
    section = OPERATIONS.partition("## Log events")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if " | " in line]
    told = [row for row in rows if row[0] not in ("event", "") and not row[0].startswith("---")]
    assert sorted(row[0] for row in told) == sorted(logged)
    assert all(len(row) == 3 and all(row) for row in told)


@pytest.mark.parametrize("written", ['log.info("one", a=1)', 'structlog.get_logger().critical("one")', 'write("one")'])
def test_each_way_to_log_is_seen(written: str) -> None:
    assert list(_events(ast.parse(written))) == ["one"]


@pytest.mark.parametrize(
    "script", ["deploy/run", "deploy/setup", "deploy/check", "deploy/test", "deploy/lock", ".ci/run"]
)
def test_scripts_can_be_run_and_are_well_formed(script: str) -> None:
    assert os.access(PROJECT / script, os.X_OK)
    assert subprocess.run(["bash", "-n", PROJECT / script], timeout=20).returncode == 0
