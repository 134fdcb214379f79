"""Names the tests that belong to what changed, for `deploy/check`: `python -m tests.changed [REVISION]`.

Changed since REVISION (HEAD, if none is given), files that git does not know yet included. The order is that of
usefulness, because `deploy/check` stops when its time is up. Must not know how the tests are run.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).parents[1]
ALWAYS = "tests/test_house.py"
SLOW = ("acceptance/", "bench/", "breaking/", "browser/", "real/", "lab/training/")
"""Folders whose tests run here only if they themselves changed: a daemon, a browser or a training takes minutes."""


def changed_files(project: Path, revision: str) -> list[str]:
    """Return the paths, relative to the project, of what differs from `revision` and still exists."""
    known = _git(project, "diff", "--name-only", "--diff-filter=d", revision)
    unknown = _git(project, "ls-files", "--others", "--exclude-standard")
    return sorted({*known, *unknown})


def belonging(changed: Iterable[str], project: Path) -> list[str]:
    """Return the test modules to run: changed ones, those named after a changed module, those that import one.

    The rules of the house come first, as they hold for every file.
    """
    paths = [PurePosixPath(path) for path in changed]
    modules = {".".join(path.with_suffix("").parts) for path in paths if path.suffix == ".py"}
    every = sorted(str(path.relative_to(project)) for path in project.glob("tests/**/test_*.py"))
    quick = [test for test in every if not test.removeprefix("tests/").startswith(SLOW)]
    found = [
        *(str(path) for path in paths if str(path) in every),
        *(test for path in paths for test in quick if _is_named_after(test, path) or _is_below_conftest(test, path)),
        *(test for test in quick if modules & _imported(project / test)),
    ]
    return list(dict.fromkeys([ALWAYS, *found]))


def _is_named_after(test: str, module: PurePosixPath) -> bool:
    """Tell whether `tests/ROOM/.../test_NAME*.py` stands for `triaged/ROOM/.../NAME.py`."""
    if module.parts[0] != "triaged" or module.suffix != ".py" or module.stem == "__init__":
        return False
    own = PurePosixPath(test)
    return own.parts[1] == module.parts[1] and f"{own.stem}_".startswith(f"test_{module.stem}_")


def _is_below_conftest(test: str, conftest: PurePosixPath) -> bool:
    """Tell whether fixtures of one room changed; those of the whole project would be every test."""
    return conftest.name == "conftest.py" and len(conftest.parts) > 2 and test.startswith(f"{conftest.parent}/")


@cache
def _imported(path: Path) -> frozenset[str]:
    return frozenset(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _git(project: Path, *arguments: str) -> list[str]:
    run = subprocess.run(["git", *arguments, "-z"], cwd=project, stdout=subprocess.PIPE, text=True, check=True)
    return [path for path in run.stdout.split("\0") if path]


if __name__ == "__main__":
    print("\n".join(belonging(changed_files(PROJECT, *(sys.argv[1:2] or ["HEAD"])), PROJECT)))  # noqa: T201
