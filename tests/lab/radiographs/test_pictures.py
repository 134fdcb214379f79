"""Pictures come in as light, and the command writes them as radiographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from triaged.cli.program import app
from triaged.exams.xray.decoding.radiograph import decode_radiograph
from triaged.lab.radiographs.pictures import grey_of


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_picture_of_either_depth_is_light(tmp_path: Path, kind: type, top: int) -> None:
    values: NDArray[Any] = np.linspace(0, top, 600).astype(kind).reshape(20, 30)
    Image.fromarray(values).save(tmp_path / "picture.png")
    np.testing.assert_allclose(grey_of(tmp_path / "picture.png"), values / top, atol=1e-6)


def test_a_small_picture_is_enlarged_and_keeps_its_shape(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(100, dtype=np.uint8), (50, 1))).save(tmp_path / "picture.png")
    enlarged = grey_of(tmp_path / "picture.png", least_side=200)
    assert enlarged.shape == (200, 400)
    np.testing.assert_allclose(enlarged.mean(), 49.5 / 255, atol=1e-3)


def test_the_command_writes_what_the_picture_shows(tmp_path: Path) -> None:
    row, column = np.ogrid[:600, :520]
    shown = (128 + 60 * np.sin(row / 40) + 60 * np.cos(column / 30)).astype(np.uint8)
    Image.fromarray(shown).save(tmp_path / "picture.png")
    arguments = ["radiograph", str(tmp_path / "picture.png"), "--out", str(tmp_path / "image.dcm"), "--kind", "cr"]
    ran = CliRunner().invoke(app, [*arguments, "--view", "AP", "--inverse", "--compression", "jpeg-ls"])
    assert ran.exit_code == 0, ran.output
    found = decode_radiograph(tmp_path / "image.dcm")
    assert np.abs(found.grey - shown / 255).max() < 1e-3
    assert found.view == "AP"
