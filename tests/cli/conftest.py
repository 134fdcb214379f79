"""The site that most commands are tried at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.site import Site


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    """A clinic whose studies came just now, with objects for a PACS that the configuration does not name."""
    made = Site(tmp_path)
    made.configure()
    made.fill(migrated_sqlite)
    return made
