"""Peers as slots know them, and what becomes of each; knows no limits and no clock."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Peers:
    """Who had to leave, how fast each gets on with its work, and who has said something that was not read yet."""

    gone: list[str] = field(default_factory=list)
    paces: dict[str, tuple[float, int]] = field(default_factory=dict)
    speaking: set[str] = field(default_factory=set)


@dataclass
class Peer:
    """The connection of one of them."""

    among: Peers
    name: str

    def dismiss(self, why: str) -> None:
        """Take in that it has to leave."""
        del why
        self.among.gone.append(self.name)

    def pace(self) -> tuple[float, int]:
        """Return seconds and bytes of its present work."""
        return self.among.paces.get(self.name, (0.0, 0))

    def has_input(self) -> bool:
        """Tell whether it has said something that was not read yet."""
        return self.name in self.among.speaking
