"""Senders as they are: names in every script of the standard, and headers that lack or garble what it asks for.

The bytes are from PS3.5 annexes H to K or made by Python's own codecs, never by pydicom. Each function edits a header
as its sender might have written it.
"""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from tests.results.ct_study import put

Change = Callable[[Dataset], None]

IDENTIFYING = (
    ("PatientName", b"PN"),
    ("PatientID", b"LO"),
    ("IssuerOfPatientID", b"LO"),
    ("AccessionNumber", b"SH"),
    ("StudyID", b"SH"),
    ("StudyDescription", b"LO"),
    ("ReferringPhysicianName", b"PN"),
    ("PatientComments", b"LT"),
)
"""What a sender's text identifies or describes a study by, with its value representation."""

SCRIPTS: dict[str, tuple[bytes, bytes, str]] = {
    "cyrillic": (b"ISO_IR 144", "Иванова^Мария".encode("iso8859_5"), "Иванова^Мария"),
    "greek": (b"ISO_IR 126", "Διονυσιος^Α".encode("iso8859_7"), "Διονυσιος^Α"),
    "arabic": (b"ISO_IR 127", "قباني^لنزار".encode("iso8859_6"), "قباني^لنزار"),
    "hebrew": (b"ISO_IR 138", "שרון^דבורה".encode("iso8859_8"), "שרון^דבורה"),
    "thai": (b"ISO_IR 166", "สมชาย^ใจดี".encode("tis-620"), "สมชาย^ใจดี"),
    "latin 2": (b"ISO_IR 101", "Wałęsa^Ščepán".encode("iso8859_2"), "Wałęsa^Ščepán"),
    "latin 5": (b"ISO_IR 148", "Çavuşoğlu".encode("iso8859_9"), "Çavuşoğlu"),
    "utf-8": (b"ISO_IR 192", "Wang^XiaoDong=王^小東=".encode(), "Wang^XiaoDong=王^小東="),
    "gb18030": (b"GB18030", "Wang^XiaoDong=王^小东=".encode("gb18030"), "Wang^XiaoDong=王^小东="),
    "japanese": (
        b"\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "half-width": (
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "half-width alone": (b"ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "korean": (
        b"\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "chinese": (
        b"\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
}
"""For each script: Specific Character Set and a name, both as they are sent, and what a reader makes of the name."""

WRONG: dict[str, tuple[bytes, bytes, str | None]] = {
    "no character set": (b"", "Иванова^Мария".encode("iso8859_5"), None),
    "no such character set": (b"KLINGON", "Иванова^Мария".encode("koi8-r"), None),
    "misspelt": (b"iso-ir 144", "Иванова^Мария".encode("iso8859_5"), "ISO_IR 144"),
    "python's name": (b"ISO 8859-5", "Иванова^Мария".encode("iso8859_5"), "ISO_IR 144"),
    "extended where none may be": (b"ISO_IR 192\\ISO 2022 IR 87", "山田^太郎".encode(), "ISO_IR 192"),
    "without extensions": (b"ISO_IR 100\\ISO_IR 144", "Jérôme".encode("latin-1"), "ISO 2022 IR 100\\ISO 2022 IR 144"),
    "one of several bytes alone": (b"ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B", "\\ISO 2022 IR 87"),
    "another than declared": (b"ISO_IR 192", "Jérôme".encode("latin-1"), "ISO_IR 192"),
    "a backslash within a letter": (b"GB18030", b"Wang^Xiao=\x81\x5c^\x82\x5c", "GB18030"),
}
"""Likewise, but what is sent breaks the standard; last the character set that our objects declare, or None."""


def signed(character_set: bytes, name: bytes) -> Change:
    """Return a change that writes `name` into everything that identifies, in this character set."""

    def change(header: Dataset) -> None:
        if character_set:
            put(header, "SpecificCharacterSet", character_set + b" " * (len(character_set) % 2))
        for keyword, _ in IDENTIFYING:
            put(header, keyword, name + b" " * (len(name) % 2))

    return change


def bare(header: Dataset) -> None:
    """Leave out all that our objects need and an image may lack."""
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        delattr(header, keyword)
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "FrameOfReferenceUID"):
        delattr(header, keyword)
    del header.SeriesNumber


def no_accession(header: Dataset) -> None:
    """Leave the accession number out."""
    del header.AccessionNumber


def invalid(header: Dataset) -> None:
    """Write UIDs, dates and codes that are none."""
    put(header, "SeriesInstanceUID", b"6f1ed3b2-8a3e-4b5a-9f50-0d3a6a8a6a11")
    put(header, "FrameOfReferenceUID", b"0.00.1")
    put(header, "SOPInstanceUID", f"instance {int(header.InstanceNumber):03d} ".encode())
    put(header, "StudyDate", b"2026-3-4")
    put(header, "PatientSex", b"X ")
    put(header, "PatientBirthDate", b"unknown ")
    put(header, "PatientAge", b"65")
    put(header, "PatientWeight", b"about 70")
    put(header, "TimezoneOffsetFromUTC", b"CET ")


CARELESS: dict[str, Change] = {"bare": bare, "no accession number": no_accession, "invalid": invalid}
SENDERS: dict[str, Change] = {
    **{script: signed(terms, name) for script, (terms, name, _) in SCRIPTS.items()},
    **{wrong: signed(terms, name) for wrong, (terms, name, _) in WRONG.items()},
    **CARELESS,
}
"""All of them, for a judge to look over the objects that come of each."""
