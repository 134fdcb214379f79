"""Small files that want to be large: each ends with a reason, and the process stays small."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from tests.breaking.seeds import encoded
from tests.dicom.factory import enhanced_ct, write_series
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.decoding.slices import read_slices

DEFLATED = "1.2.840.10008.1.2.1.99"
MIB = 1024 * 1024
ALLOWED_MIB = 200


def _meta(path: Path, syntax: str) -> bytes:
    """Return what is in front of the data set of a file, for this transfer syntax."""
    image = dcmread(path)
    image.file_meta.TransferSyntaxUID = UID(syntax)
    image.save_as(path, enforce_file_format=False)
    content = path.read_bytes()
    return content[: 144 + int(dcmread(path, stop_before_pixels=True).file_meta.FileMetaInformationGroupLength)]


def _deflated(path: Path, before: bytes, zeros: int, after: bytes = b"") -> None:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    with path.open("r+b") as file:
        meta = _meta(path, DEFLATED)
        file.seek(0)
        file.truncate()
        file.write(meta + packer.compress(before))
        for _ in range(zeros // MIB):
            file.write(packer.compress(bytes(MIB)))
        file.write(packer.compress(after) + packer.flush())


def deflated_pixels(path: Path) -> None:
    image = dcmread(path)
    del image.PixelData
    length = (700 * MIB).to_bytes(4, "little")
    _deflated(path, encoded(image, "1.2.840.10008.1.2.1") + b"\xe0\x7f\x10\x00OW\0\0" + length, 700 * MIB)


def deflated_header(path: Path) -> None:
    image = dcmread(path)
    length = (700 * MIB).to_bytes(4, "little")
    _deflated(path, encoded(image, "1.2.840.10008.1.2.1")[:60] + b"\x09\x00\x10\x10OB\0\0" + length, 700 * MIB)


def nested_items(path: Path) -> None:
    image = dcmread(path)
    content = encoded(image, "1.2.840.10008.1.2.1")
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * (4 * MIB)
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff" + items + b"\xfe\xff\xdd\xe0\0\0\0\0"
    path.write_bytes(_meta(path, "1.2.840.10008.1.2.1") + content[:60] + sequence + content[60:])


def huge_private_element(path: Path) -> None:
    image = dcmread(path)
    content = encoded(image, "1.2.840.10008.1.2.1")
    meta = _meta(path, "1.2.840.10008.1.2.1")
    private = b"\x09\x00\x10\x10OB\0\0" + (300 * MIB).to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(meta + content[:60] + private)
        file.seek(300 * MIB, 1)  # a hole: read as zeros, and no memory here
        file.write(content[60:])


def compressed(syntax: str, frame: bytes) -> Callable[[Path], None]:
    def bomb(path: Path) -> None:
        image = dcmread(path)
        image.file_meta.TransferSyntaxUID = UID(syntax)
        image.PixelData = encapsulate([frame])
        image["PixelData"].VR = "OB"
        image["PixelData"].is_undefined_length = True
        image.save_as(path)

    return bomb


def jpeg(start_of_frame: int) -> bytes:
    """Return the beginning of a JPEG codestream of 65535 x 65535."""
    frame = bytes([0xFF, start_of_frame]) + bytes.fromhex("000b 10 ffff ffff 01 01 11 00")
    return b"\xff\xd8" + frame + bytes.fromhex("ffda 0008 01 01 00 01 00 00") + bytes(64)


def jpeg_2000(columns: int, rows: int, tile: int) -> bytes:
    """Return the beginning of a JPEG 2000 codestream of one component of 16 bits."""
    siz = struct.pack(">HH8LH", 41, 0, columns, rows, 0, 0, tile, tile, 0, 0, 1) + b"\x0f\x01\x01"
    cod = bytes.fromhex("ff52 000c 00 00 0001 00 01 04 04 00 01 ff5c 0007 40 80 88 88 90")
    return (
        b"\xff\x4f\xff\x51" + siz + cod + bytes.fromhex("ff90 000a 0000 00000000 00 01 ff93") + bytes(64) + b"\xff\xd9"
    )


def header_says(**values: int) -> Callable[[Path], None]:
    def bomb(path: Path) -> None:
        image = dcmread(path)
        for keyword, value in values.items():
            setattr(image, keyword, value)
        image.save_as(path)

    return bomb


def rle_of_65535(path: Path) -> None:
    compressed(RLELossless, bytes(64))(path)
    header_says(Rows=65535, Columns=65535)(path)


BOMBS: Mapping[str, tuple[Callable[[Path], None], str]] = {
    "deflated pixels": (deflated_pixels, ""),
    "deflated header": (deflated_header, "too-large"),
    "nested items": (nested_items, "too-large"),
    "huge private element": (huge_private_element, "too-large"),
    "RLE of 65535 x 65535": (rle_of_65535, "too-large"),
    "JPEG of 65535 x 65535": (compressed(JPEGLosslessSV1, jpeg(0xC3)), "undecodable-pixels"),
    "JPEG-LS of 65535 x 65535": (compressed(JPEGLSLossless, jpeg(0xF7)), "undecodable-pixels"),
    "JPEG 2000 of 65535 x 65535": (compressed(JPEG2000Lossless, jpeg_2000(65535, 65535, 65535)), "undecodable-pixels"),
    "JPEG 2000 of a tile for every pixel": (compressed(JPEG2000Lossless, jpeg_2000(20, 16, 1)), ""),
    "65535 rows and columns": (header_says(Rows=65535, Columns=65535), "too-large"),
    "a billion frames": (header_says(NumberOfFrames=1_000_000_000), "too-large"),
}
"""How a bomb is made of one slice, and the reason with which its series ends; empty where it may be readable."""


def explode(folder: Path) -> dict[str, tuple[str, float]]:
    """Return, for each bomb, how reading ended, and by how many MiB the process grew at its largest."""
    ended = {}
    for name in BOMBS:
        paths = sorted((folder / name).iterdir())
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _peak_mib()
        codes = []
        for read in (decode_series, lambda given: [one.path for one in read_slices(given).slices]):
            try:
                read(paths)
                codes.append("")
            except UnreadableStudy as refused:
                codes.append(refused.code)
        ended[name] = (codes[0], _peak_mib() - before)
    return ended


def _peak_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


@pytest.fixture(scope="module")
def exploded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, float]]:
    folder = tmp_path_factory.mktemp("bombs")
    for name, (bomb, _) in BOMBS.items():
        (folder / name).mkdir()
        bomb(sorted(write_series(folder / name))[4])
    code = "import json, sys, pathlib; from tests.exams.test_bombs import explode; "
    code += "import warnings; warnings.simplefilter('ignore'); print(json.dumps(explode(pathlib.Path(sys.argv[1]))))"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True, timeout=300)
    found: dict[str, tuple[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_with_a_reason_and_takes_no_memory(exploded: dict[str, tuple[str, float]], name: str) -> None:
    code, grown_mib = exploded[name]
    assert code == BOMBS[name][1] or not BOMBS[name][1]
    assert grown_mib < ALLOWED_MIB


def test_an_enhanced_ct_of_many_frames_announces_its_size(tmp_path: Path) -> None:
    image = enhanced_ct()
    image.NumberOfFrames = 2_000_000
    image.save_as(tmp_path / "image", enforce_file_format=True)
    with pytest.raises(UnreadableStudy, match=f"expected at most 400000000 voxels, found {2_000_000 * 320}"):
        decode_series([tmp_path / "image"])
