"""With which studies one without a score is counted."""

from __future__ import annotations

import pytest

from triaged.study.modalities import Stratum, stratum_of


@pytest.mark.parametrize(
    ("read", "came", "stratum"),
    [
        ("CT", ["CT", "DX"], Stratum.VOLUME),
        ("DX", ["CT", "DX"], Stratum.RADIOGRAPH),
        ("RG", ["RG"], Stratum.RADIOGRAPH),
        ("OT", ["DX"], Stratum.VOLUME),
        (None, ["CR", "DX"], Stratum.RADIOGRAPH),
        (None, ["CR", "SR", "PR"], Stratum.RADIOGRAPH),
        (None, ["CT", "CR"], Stratum.VOLUME),
        ("", ["DX"], Stratum.RADIOGRAPH),
        (None, ["MR"], Stratum.VOLUME),
        (None, [], Stratum.VOLUME),
    ],
)
def test_what_was_to_be_read_counts_and_else_what_came(read: str | None, came: list[str], stratum: Stratum) -> None:
    assert stratum_of(read, came) is stratum
