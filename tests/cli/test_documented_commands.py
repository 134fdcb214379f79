"""docs/commands.md is what the program says of them: `python -m tests.cli.test_documented_commands` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from triaged.cli.program import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD = """# Commands

`triaged COMMAND --help` has every option. Nearly all take `--config FILE`, so several daemons can run on one machine.
`. .venv/bin/activate` puts `triaged` on the path. Those of `triaged model` need the extra `lab` (`deploy/setup lab`).

Written by `python -m tests.cli.test_documented_commands`.

| command | what it does |
|---|---|
"""


def document() -> str:
    """Return the document."""
    rows = sorted(_commands(typer.main.get_command(app)))
    return _HEAD + "".join(f"| `triaged {name}` | {words} |\n" for name, words in rows)


def _commands(command: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each command with the first paragraph of its help."""
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield name, " ".join((command.help or "").split("\n\n")[0].split()).replace("|", "\\|")
        return
    for each, sub in subcommands.items():
        yield from _commands(sub, f"{name} {each}".strip())


def test_the_document_is_what_the_program_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_every_command_says_what_it_does() -> None:
    assert not [name for name, words in _commands(typer.main.get_command(app)) if len(words) < 10]


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
