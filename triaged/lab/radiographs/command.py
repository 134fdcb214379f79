"""The command `triaged radiograph`: parses, calls, prints.

Must not know how a radiograph is written; what writes is imported when the command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

KindName = Literal["cr", "dx", "raw"]
VoiName = Literal["none", "window", "exact", "sigmoid", "table"]
CompressionName = Literal["none", "rle", "jpeg-ls", "jpeg2000"]
ViewName = Literal["PA", "AP", "LL", "RL", ""]
PositionName = Literal["erect", "supine", ""]


def radiograph(
    picture: Annotated[
        Path, typer.Argument(help="PNG or JPEG in grey, dense tissue bright; no name of a patient in it.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the DICOM file is written.")],
    kind: Annotated[KindName, typer.Option(help="CR, DX for presentation, or DX for processing.")] = "dx",
    view: Annotated[ViewName, typer.Option(help="View Position; empty leaves it out.")] = "PA",
    position: Annotated[PositionName, typer.Option(help="How the patient is said to be placed.")] = "",
    voi: Annotated[VoiName, typer.Option(help="How values become light.")] = "window",
    bits: Annotated[int, typer.Option(min=8, max=16, help="Bits stored.")] = 12,
    inverse: Annotated[bool, typer.Option("--inverse", help="As MONOCHROME1.")] = False,
    compression: Annotated[CompressionName, typer.Option(help="Without loss.")] = "none",
    body_part: Annotated[str, typer.Option(help="Body Part Examined; empty leaves it out.")] = "CHEST",
    description: Annotated[str, typer.Option(help="Series Description.")] = "Chest",
    study: Annotated[str, typer.Option(metavar="TEXT", help="Equal texts make one study.")] = "radiograph",
    number: Annotated[int, typer.Option(min=1, help="Series and Instance Number within the study.")] = 1,
    acquired: Annotated[str, typer.Option(metavar="YYYYMMDDHHMMSS", help="When it was exposed.")] = "20240115101500",
    least_side: Annotated[int, typer.Option(min=1, help="A smaller picture is enlarged to this.")] = 512,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Not needed here.")] = Path("config.yaml"),
) -> None:
    """Write a picture as the radiograph that a device would send, to try the daemon with."""
    del config  # every command takes it; this one needs nothing from it
    from triaged.lab.radiographs.dicom_writer import Writing, write_radiograph
    from triaged.lab.radiographs.pictures import grey_of

    writing = Writing(
        kind=kind,
        bits=bits,
        inverse=inverse,
        voi=voi,
        compression=compression,
        view=view,
        position=position,
        body_part=body_part,
        description=description,
        key=study,
        series=number,
        number=number,
        acquired=acquired,
        spacing_mm=None,
        patient_id=study[:64],
    )
    typer.echo(f"{write_radiograph(grey_of(picture, least_side), out, writing)}")
