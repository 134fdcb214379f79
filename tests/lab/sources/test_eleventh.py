"""The patient whose slices lie upside down comes out with the spine at the bottom, as all others."""

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the lab needs torch: pip install triaged[lab]")

import torch

from triaged.errors import ConfigError
from triaged.lab.sources.inversion import CurveNetwork
from triaged.lab.sources.slices import write_eleventh


def test_slices_and_masks_are_turned_over(tmp_path: Path) -> None:
    lung, lesion, grey = (np.zeros((256, 256), dtype=np.uint8) for _ in range(3))
    lung[60:160, 40:110], lung[60:160, 150:220] = 255, 255
    lesion[60:80, 40:110] = 255  # near the top of the picture, where its spine is
    grey[...] = 90
    for kind, picture in (("ct", grey), ("lung", lung), ("lesion", lesion)):
        (tmp_path / kind).mkdir()
        for index in range(2):
            cv2.imwrite(str(tmp_path / kind / f"{index:04d}.png"), picture)
    torch.manual_seed(0)
    path = write_eleventh(tmp_path, CurveNetwork().eval(), tmp_path / "out")
    with np.load(path) as archive:
        rows = np.flatnonzero(archive["lesion"].any(axis=(0, 2)))
        assert archive["voxels"].shape == archive["lesion"].shape
        assert str(archive["patient"]) == "slices-10"
        assert rows.min() > archive["lesion"].shape[1] / 2
        assert archive["right"].any()
        assert archive["left"].any()


def test_a_folder_without_slices_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected slices in ct/, found none"):
        write_eleventh(tmp_path, CurveNetwork().eval(), tmp_path / "out")
