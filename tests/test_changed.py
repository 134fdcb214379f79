"""Which tests `deploy/check` runs for a change, on a small project of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.changed import ALWAYS, belonging, changed_files

FILES = {
    "README.md": "",
    "triaged/triage/scheme.py": "",
    "triaged/triage/guard.py": "",
    "triaged/store/listing/worklist.py": "",
    "tests/conftest.py": "",
    "tests/triage/cases.py": "",
    "tests/triage/test_scheme.py": "from tests.triage.cases import x\n",
    "tests/triage/test_scheme_options.py": "",
    "tests/triage/test_schemes.py": "",
    "tests/store/conftest.py": "",
    "tests/store/listing/test_worklist.py": "",
    "tests/web/test_list.py": "from triaged.store.listing.worklist import Worklist\n",
    "tests/web/test_rooms.py": "def test_it():\n    from triaged.triage import guard\n",
    "tests/acceptance/test_daemon.py": "import triaged.triage.guard\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a history of one commit."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Begin"]):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("README.md", []),
        ("tests/conftest.py", []),
        ("triaged/triage/scheme.py", ["tests/triage/test_scheme.py", "tests/triage/test_scheme_options.py"]),
        ("triaged/triage/guard.py", ["tests/web/test_rooms.py"]),
        ("triaged/store/listing/worklist.py", ["tests/store/listing/test_worklist.py", "tests/web/test_list.py"]),
        ("tests/triage/cases.py", ["tests/triage/test_scheme.py"]),
        ("tests/store/conftest.py", ["tests/store/listing/test_worklist.py"]),
        ("tests/acceptance/test_daemon.py", ["tests/acceptance/test_daemon.py"]),
    ],
)
def test_a_change_brings_the_tests_that_belong_to_it(project: Path, changed: str, expected: list[str]) -> None:
    assert belonging([changed], project) == [ALWAYS, *expected]


def test_what_changed_is_what_differs_from_a_revision_or_is_new_but_not_what_is_gone(project: Path) -> None:
    assert changed_files(project, "HEAD") == []
    (project / "triaged/triage/guard.py").write_text("x = 1\n", encoding="utf-8")
    (project / "triaged/triage/new file.py").write_text("", encoding="utf-8")
    (project / "README.md").unlink()
    assert changed_files(project, "HEAD") == ["triaged/triage/guard.py", "triaged/triage/new file.py"]
