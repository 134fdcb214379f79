"""Each role has a limit of memory that it sets itself, and the documents say which."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from triaged.daemon.memory import LIMITS_MIB
from triaged.daemon.roles import Role

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
_ASK_FOR_MORE = """
import resource
from triaged.daemon.memory import LIMITS_MIB, limit_memory
from triaged.daemon.roles import Role
resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(limit_memory(Role.CLOCK, 'cpu'))
try:
    bytearray(LIMITS_MIB[Role.CLOCK] << 20)
except MemoryError:
    print("refused")
resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, resource.RLIM_INFINITY))
print(limit_memory(Role.CLOCK, 'cpu'))
"""


def test_what_asks_for_more_gets_an_error_and_a_lower_limit_of_the_site_holds() -> None:
    run = subprocess.run([sys.executable, "-c", _ASK_FOR_MORE], capture_output=True, text=True, timeout=60)
    assert run.stdout.split() == [str(LIMITS_MIB[Role.CLOCK]), "refused", "300"], run.stderr


def test_every_role_has_the_limit_that_the_documents_say() -> None:
    said = dict(re.findall(r"(?m)^\| (\w+) \| (\d+) \| \d+, \d+ \|$", OPERATIONS.read_text()))
    assert said == {role.value: str(limit) for role, limit in LIMITS_MIB.items()}
