"""The kind `ct-ensemble`: several packages that read one CT together, and vote on every voxel (CoRSAI).

It has no graphs of its own. `reader`, a `ct-multitask` package, finds the lungs and the probability of disease and may
vote; `lungs`, where there is one, names the sides by itself; every other part is a member of the vote. Must not know
how volumes are prepared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from triaged.errors import ModelRefused
from triaged.inference.graphs import Graph
from triaged.inference.kinds.ct_lesions import CT_LESIONS, CtLesions
from triaged.inference.kinds.ct_lungs import CT_LUNGS, CtLungs
from triaged.inference.kinds.ct_multitask import CT_MULTITASK, CtMultitask
from triaged.inference.kinds.kind import Kind
from triaged.inference.kinds.reader import READER
from triaged.inference.manifest import Manifest
from triaged.inference.strict_mapping import StrictMapping
from triaged.inference.vote import Group, Rule

LUNGS: Final = "lungs"
PLACES: Final = {READER: CT_MULTITASK.name, LUNGS: CT_LUNGS.name}
"""The kind of the part of a name; all others are `ct-lesions`."""


@dataclass(frozen=True, slots=True)
class EnsembleSettings:
    """How the members vote."""

    vote: tuple[Group, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """The parts that vote, each once, in the order of the vote."""
        return tuple(dict.fromkeys(member for group in self.vote for member in group.members))

    @property
    def identity(self) -> tuple[str, ...]:
        """What of it makes another model; see `Settings`."""
        return tuple(
            f"{' '.join(group.members)} {group.rule} for {group.least_for} against {group.most_against}"
            for group in self.vote
        )


class CtEnsemble:
    """The networks of one package and of its parts, loaded and checked."""

    def __init__(self, manifest: Manifest[EnsembleSettings], _: Mapping[str, Graph], parts: Mapping[str, Any]) -> None:
        self._manifest = manifest
        self.reader: CtMultitask = parts[READER]
        self.lungs: CtLungs | None = parts.get(LUNGS)
        self.members: Mapping[str, CtLesions] = {name: part for name, part in parts.items() if name not in PLACES}

    @property
    def manifest(self) -> Manifest[EnsembleSettings]:
        """The package that names the parts."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return self.reader.device

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The probability from which each voting part, by itself, calls a voxel lesion."""
        own = {name: member.manifest.settings.lesion for name, member in self.members.items()}
        own[READER] = self.reader.manifest.settings.thresholds.lesion
        return {name: own[name] for name in self.manifest.settings.members}


def _settings(section: StrictMapping) -> EnsembleSettings:
    names = section.section("parts").names()
    if READER not in names:
        raise section.refusal("parts", f"expected a part {READER}, found {', '.join(names) or 'none'}")
    voters = tuple(name for name in names if name != LUNGS)
    vote = tuple(_group(group, voters) for group in section.sections("vote"))
    if all(group.least_for is None for group in vote):
        raise section.refusal("vote", "expected a group that can vote for lesion, found none: the sum never exceeds 0")
    settings = EnsembleSettings(vote)
    if silent := [name for name in voters if name != READER and name not in settings.members]:
        raise section.refusal("vote", f"expected every member in a group, found none with {', '.join(silent)}")
    return settings


def _group(section: StrictMapping, voters: tuple[str, ...]) -> Group:
    members = section.some_of("members", voters)
    rule = Rule(section.one_of("rule", tuple(Rule)))
    least_for, most_against = (section.share(key) if key in section.names() else None for key in ("for", "against"))
    if least_for is None and most_against is None:
        raise section.refusal("for", "expected for or against, found neither")
    if least_for is not None and most_against is not None and not most_against < least_for:
        raise section.refusal("against", f"expected less than for, {least_for}, found {most_against}")
    section.close()
    return Group(members, rule, least_for, most_against)


def _demand_parts(manifest: Manifest[EnsembleSettings], parts: Mapping[str, Manifest[Any]]) -> None:
    """Refuse a part of another kind than its place has, and a member that sees other pixels than the reader."""
    for name, part in parts.items():
        expected = PLACES.get(name, CT_LESIONS.name)
        if part.kind != expected:
            raise _refusal(manifest, name, f"a package of kind {expected}", f"{part.name} of kind {part.kind}")
    reader = parts[READER].settings
    for name, part in parts.items():
        if name in PLACES:
            continue
        for key in ("spacing_mm", "window_hu"):
            wanted, found = getattr(reader, key), getattr(part.settings, key)
            if wanted != found:
                raise _refusal(manifest, name, f"{key} {_listed(wanted)}, as of the reader", f"{_listed(found)}")


def _refusal(manifest: Manifest[EnsembleSettings], part: str, expected: str, found: str) -> ModelRefused:
    return ModelRefused(f"{manifest.parts[part].where}: expected {expected}, found {found}")


def _listed(pair: tuple[float, float]) -> str:
    return f"[{pair[0]:g}, {pair[1]:g}]"


CT_ENSEMBLE: Final = Kind(
    "ct-ensemble", "Ensemble of networks", (), _settings, CtEnsemble, parts="any", demand_parts=_demand_parts
)
