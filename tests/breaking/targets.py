"""What reads bytes or text from outside, each as a function of one argument: it returns, or raises none but our errors.

For property tests, for coverage-guided fuzzing, and for the corpus that it left; must not know who makes the input.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from pydicom import Dataset

from triaged.config.loading import load
from triaged.dicom.elements import Encoding, read_elements, sniff_encoding
from triaged.dicom.files import read_header_only
from triaged.dicom.header import holds_header, read_header
from triaged.dicom.pixels import stored_frames
from triaged.dicom.quiet import without_warnings
from triaged.dimse.command import decode_command
from triaged.dimse.negotiation import decode_request
from triaged.errors import ConfigError, UnreadableInstance, UnreadableStudy
from triaged.exams.ct.decoding.frames import frames_of
from triaged.notify.mllp import outcome_of

SYNTAXES = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
_FOLDER = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())

Target = Callable[[bytes], None]


def header(content: bytes) -> None:
    """Read the header of a data set as a receiver does; the first byte chooses the transfer syntax."""
    syntax, encoded = SYNTAXES[content[0] % len(SYNTAXES)] if content else SYNTAXES[0], content[1:]
    holds_header(encoded, transfer_syntax_uid=syntax)
    try:
        read_header(encoded, transfer_syntax_uid=syntax, sop_class_uid="1.2.3", sop_instance_uid="1.2.3.4")
    except UnreadableInstance:
        return


@without_warnings()
def elements(content: bytes) -> None:
    """Pick values of every kind out of a data set; the first byte says which encoding is tried."""
    encodings = (sniff_encoding(content), Encoding(explicit=True, little_endian=True), Encoding(False, False))
    encoding = encodings[content[0] % len(encodings)] if content else encodings[0]
    found = read_elements(content[1:], encoding, last="PixelData")
    found.is_cut()
    for keyword in ("PatientName", "ImageType", "SOPInstanceUID"):
        found.text(keyword), found.texts(keyword), found.has(keyword)
    for keyword in ("ImagePositionPatient", "InstanceNumber"):
        found.numbers(keyword, 3), found.integer(keyword), found.unsigned(keyword)
    for item in found.items("SharedFunctionalGroupsSequence"):
        for inner in item.items("PixelMeasuresSequence"):
            inner.number("SliceThickness")


def association(content: bytes) -> None:
    """Decode the payload of an A-ASSOCIATE-RQ."""
    try:
        decode_request(content)
    except ValueError:
        return


def command(content: bytes) -> None:
    """Decode a command set."""
    try:
        decode_command(content)
    except ValueError:
        return


def file(content: bytes) -> None:
    """Read a file of the spool: its header, its frames' places, and its pixels."""
    path = _FOLDER / f"triaged-fuzzed-{id(content)}"
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read: Dataset = read_header_only(path)
            frames_of([read])
            for _ in stored_frames(path, read):
                pass
    except UnreadableStudy:
        return
    finally:
        path.unlink()


def configuration(content: bytes) -> None:
    """Load a configuration."""
    path = _FOLDER / f"triaged-fuzzed-{id(content)}.yaml"
    path.write_bytes(content)
    try:
        load(path)
    except ConfigError:
        return
    finally:
        path.unlink()


def acknowledgement(content: bytes) -> None:
    """Read what a receiver of HL7 answers."""
    outcome_of(content, "1")


TARGETS: Mapping[str, Target] = {
    each.__name__: each for each in (header, elements, association, command, file, configuration, acknowledgement)
}
