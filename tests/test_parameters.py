"""Every process of a run sees the same tests: what a test is called does not depend on the moment or on the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
OF_THE_MOMENT = {"getpid", "monotonic", "now", "time", "time_ns", "today", "urandom", "uuid1", "uuid4"}


def _of_the_moment(tree: ast.Module) -> Iterator[int]:
    """Yield the lines on which parameters of a test ask for the time, the process or chance."""
    for test in ast.walk(tree):
        for decorator in test.decorator_list if isinstance(test, ast.FunctionDef) else ():
            for call in ast.walk(decorator):
                if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in OF_THE_MOMENT:
                    yield call.lineno


def test_parameters_of_the_moment_are_found() -> None:
    parametrized = "@pytest.mark.parametrize('end', [{'exp': int(time.time()) - 60}])\ndef test(end): pass"
    assert list(_of_the_moment(ast.parse(parametrized))) == [1]
    assert list(_of_the_moment(ast.parse("def test(): time.time()"))) == []


def test_no_test_is_called_by_the_moment_in_which_it_was_found() -> None:
    found = {
        str(path.relative_to(TESTS)): lines
        for path in sorted(TESTS.rglob("test_*.py"))
        if (lines := list(_of_the_moment(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {}
