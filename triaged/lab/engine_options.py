"""Options that several commands of the lab have in common: which engine reads, on what, and under which settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EngineThreads = Annotated[int | None, typer.Option(min=0, help="CPU threads of a network; 0: the runtime's choice.")]
ConfigFile = Annotated[Path, typer.Option(envvar="TRIAGED_CONFIG", metavar="FILE", help="The configuration file.")]
PipelineName = Annotated[str | None, typer.Option(metavar="NAME", help="threshold: the engine without networks.")]
