"""Writes the analytic study of the results' tests to a folder, pixels included."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.results.ct_study import SPACING_MM, CtStudy, encoded


def written_study(study: CtStudy, folder: Path) -> list[Path]:
    """Write a study with its pixels, under names that are in nobody's order; return the files in the names' order."""
    stored = study.reorientation.undo(study.volume.voxels) + 1024
    frames_down = len(study.sources) == 1
    paths = []
    for number, header in enumerate(study.sources):
        header.PixelData = (stored[::-1] if frames_down else stored[number]).astype(np.uint16).tobytes()
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.RescaleSlope, header.RescaleIntercept = 1, -1024
        if frames_down:
            header.ImageOrientationPatient, header.PixelSpacing = [1, 0, 0, 0, 1, 0], list(SPACING_MM[1:])
        header["PixelData"].VR = "OW"
        path = folder / f"{(number * 7) % 97:02d}-{number}.dcm"
        path.write_bytes(encoded(header))
        paths.append(path)
    return sorted(paths)
