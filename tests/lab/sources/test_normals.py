from __future__ import annotations

from pathlib import Path

import pytest

from triaged.errors import ConfigError
from triaged.lab.sources.normals import normals_in


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found none at .*away"):
        next(normals_in(tmp_path / "away"))


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "p1").mkdir()
    with pytest.raises(ConfigError, match=r"found none in .*p1"):
        list(normals_in(tmp_path))
