"""Studies with some instances spoilt, by a seed: bit flips, cuts, absurd counts, bombs of every codec, real odd files.

Must not know how they are sent, nor what becomes of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from tests.breaking.mutations import MUTATIONS, deflated
from tests.breaking.seeds import encoded
from tests.dicom.factory import ct_slice, enhanced_ct

Count = Callable[[str], None]
"""Takes the name of what was done once more."""
NATIVE = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
COMPRESSED = (RLELossless, JPEG2000Lossless, JPEGLSLossless)
SLICES = 8
_INTEROP = Path(__file__).parents[3] / "shared" / "data" / "interop"
_row, _column = np.mgrid[:64, :64]
_DISC = np.where((_row - 32) ** 2 + (_column - 32) ** 2 < 24**2, 40 + _row % 11, -1000).astype(np.int16)


def spoilt_study(number: int, chance: random.Random, count: Count) -> Iterator[tuple[bytes, str]]:
    """Yield the encoded instances of a study, one to all of them spoiled."""
    syntax = chance.choice([*NATIVE, *COMPRESSED, "bomb", "enhanced", "real"])
    images = list(_images(number, syntax, chance, count))
    how_many = min(chance.choice((1, 1, 2, SLICES)), len(images))
    spoiled = set(chance.sample(range(len(images)), how_many))
    for index, (image, uid) in enumerate(images):
        content = image if isinstance(image, bytes) else encoded(image, uid)
        if index in spoiled and content:
            for _ in range(chance.choice((1, 1, 3))):
                mutation = chance.choice(MUTATIONS)
                count(f"spoiled: {mutation.__name__}")
                content = mutation(content, chance).ljust(8, b"\0")
        yield content, uid


def _images(number: int, syntax: str, chance: random.Random, count: Count) -> Iterator[tuple[Dataset | bytes, str]]:
    if syntax == "enhanced":
        yield _named(enhanced_ct(), number, 0), NATIVE[0]
        return
    if syntax == "real":
        paths = sorted(_INTEROP.glob("*_testImages/**/*.dcm"))
        path = chance.choice(paths) if paths else None
        if path is not None:
            yield _data_set_of(path)
            return
    for index in range(SLICES):
        image = _named(ct_slice(index, _DISC), number, index)
        if syntax in COMPRESSED:
            image.PixelRepresentation = 0
            image.compress(UID(syntax), generate_instance_uid=False)
            yield image, syntax
        elif syntax == "bomb":
            yield _bomb(image, index, chance, count)
        elif syntax == NATIVE[3]:
            yield deflated(encoded(image, NATIVE[0])), syntax
        else:
            yield image, syntax if syntax in NATIVE else NATIVE[0]


def _bomb(image: Dataset, index: int, chance: random.Random, count: Count) -> tuple[Dataset | bytes, str]:
    """Return an instance that announces or unpacks to much more than it is."""
    kind = chance.choice(("deflate", "jpeg", "j2k", "jpeg-ls", "rle", "frames", "rows"))
    count(f"bomb: {kind}")
    if index != SLICES // 2:
        return image, NATIVE[0]
    if kind == "deflate":
        return deflated(encoded(image, NATIVE[0]), 200 << 20), NATIVE[3]
    if kind in ("frames", "rows"):
        image.NumberOfFrames = 1_000_000_000 if kind == "frames" else 1
        image.Rows = 65535 if kind == "rows" else image.Rows
        return image, NATIVE[0]
    syntax = {"jpeg": JPEGLosslessSV1, "j2k": JPEG2000Lossless, "jpeg-ls": JPEGLSLossless, "rle": RLELossless}[kind]
    frame = b"\xff\xd8\xff\xc3\x00\x0b\x10" + b"\xff" * 4 + b"\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
    if kind != "jpeg":
        image.compress(UID(syntax), generate_instance_uid=False)
        frame = next(iter(generate_frames(image.PixelData, number_of_frames=1)))
        marker = {"j2k": b"\xff\x51", "jpeg-ls": b"\xff\xf7"}.get(kind)
        if marker is None:
            image.Rows = image.Columns = 65535
        else:
            at = frame.index(marker) + (6 if kind == "j2k" else 5)
            frame = frame[:at] + b"\x7f\xff\xff\xff" + frame[at + 4 :]
    image.PixelData = encapsulate([frame])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    return image, syntax


def _named(image: Dataset, study: int, index: int) -> Dataset:
    image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.3.{study}", f"1.2.3.{study}.1"
    image.SOPInstanceUID = f"1.2.3.{study}.1.{index + 1}"
    return image


def _data_set_of(path: Path) -> tuple[bytes, str]:
    meta = dcmread(path, specific_tags=[], stop_before_pixels=True, force=True).file_meta
    length = int(meta.get("FileMetaInformationGroupLength", 0))
    return path.read_bytes()[144 + length :], str(meta.get("TransferSyntaxUID", NATIVE[1]))
