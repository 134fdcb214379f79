"""What an older version left behind is opened, migrated and shown as that version showed it, and goes on working."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.golden.comparing import differences
from tests.golden.old.keeping import EXPECTED_OF_OLD, unpack
from tests.golden.outputs import afterwards, seen
from tests.golden.scenario import END, NEVER_STORED
from tests.golden.wiring import Clinic


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """The clinic that the older version left."""
    folder = tmp_path_factory.mktemp("old")
    unpack(folder)
    opened = Clinic(folder, now=END)
    yield opened
    opened.close()


def test_what_an_older_version_wrote_is_shown_as_it_was(clinic: Clinic) -> None:
    shown = {name: text for name, text in seen(clinic).items() if name not in NEVER_STORED}
    different = differences(shown, EXPECTED_OF_OLD)
    assert not different, different


def test_what_was_due_goes_a_follow_up_finds_its_prior_and_every_order_is_the_same(clinic: Clinic) -> None:
    different = differences(afterwards(clinic), EXPECTED_OF_OLD)
    assert not different, different
