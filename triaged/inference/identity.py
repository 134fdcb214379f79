"""Says by what an engine is known, not how it runs: derived UIDs rest on it, so nothing here may change its form."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from triaged.inference.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Engine:
    """What reads the images, as the results name it.

    `settings_digest` changes with every setting that alters a result (cut-offs, head starts, scheme), so that objects
    made under other settings get other UIDs; `device_uid` changes with every retraining.
    """

    name: str
    version: str
    model_sha256: str
    device_uid: str
    software_version: str
    settings_digest: str

    @property
    def algorithm(self) -> str:
        """Name and version, by which results of the same engine are known."""
        return f"{self.name} {self.version}"


def model_sha256(manifest: Manifest[Any]) -> str:
    """Return one digest for a package: any change of a graph, of a part or of what its settings identify changes it."""
    graphs = (graph.sha256 for graph in manifest.graphs.values())
    parts = (part.sha256 for part in manifest.parts.values())
    return sha256("\n".join([*graphs, *parts, *manifest.settings.identity]).encode()).hexdigest()
