"""A decoder that lacks memory says that the image is damaged, or ends the process: it must not be begun then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from tests.dicom.factory import ct_slice

READ = """
import resource, sys
from pathlib import Path
from triaged.daemon.heap import give_memory_back
from triaged.dicom.files import read_header_only
from triaged.dicom.pixels import stored_frames

give_memory_back()
small, large, more_mib = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
next(stored_frames(small, read_header_only(small)))
held = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (held + more_mib * 1024 * 1024, resource.RLIM_INFINITY))
try:
    print(next(stored_frames(large, read_header_only(large))).shape[0], flush=True)
except BaseException as error:
    print(type(error).__name__, flush=True)
"""
"""Warms the decoder up with a small image, and reads a large one with so much more memory than is held then."""


@pytest.mark.parametrize("more_mib", [2, 8, 14, 400])
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name
)
def test_want_of_memory_is_never_called_damage_of_the_image(tmp_path: Path, syntax: UID, more_mib: int) -> None:
    paths = [written(tmp_path / f"{size}.dcm", size, syntax) for size in (32, 1400)]
    arguments = [sys.executable, "-c", READ, *map(str, paths), str(more_mib)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) in {(0, "MemoryError"), (0, "1400")}, done.stderr
    assert more_mib < 400 or done.stdout.strip() == "1400"


def written(path: Path, size: int, syntax: UID) -> Path:
    hu = np.random.default_rng(1).integers(-1000, 1000, (size, size)).astype(np.int16)
    image = ct_slice(0, hu)
    image.PixelRepresentation = 0
    if syntax != ExplicitVRLittleEndian:
        image.compress(syntax, generate_instance_uid=False)
    image.save_as(path, enforce_file_format=True)
    return path
