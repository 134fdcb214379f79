"""Says what a kind of network is: what its packages hold, and what runs them; must not know any one kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from triaged.inference.graphs import Graph
from triaged.inference.manifest import Manifest, S, Tensors
from triaged.inference.strict_mapping import StrictMapping


class Networks(Protocol):
    """The networks of a package of whatever kind, ready to run."""

    @property
    def manifest(self) -> Manifest[Any]:
        """The package that the networks come from."""

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""


N_co = TypeVar("N_co", bound=Networks, covariant=True)


@dataclass(frozen=True, slots=True)
class Kind(Generic[S, N_co]):
    """One kind of network: one row of the table of kinds.

    `method` is the paper's name for it where a package gives none; `graphs` may depend on the settings; `read_settings`
    reads the kind's own keys from the top of the manifest; `load` gets graphs and loaded parts by name. `any` parts:
    one or more, named by the manifest; `demand_parts` refuses parts that do not fit, by their manifests, before
    anything is loaded. Graphs in `tensors` have one input and one output, of these shapes.
    """

    name: str
    method: str
    graphs: tuple[str, ...] | Callable[[S], tuple[str, ...]]
    read_settings: Callable[[StrictMapping], S]
    load: Callable[[Manifest[S], Mapping[str, Graph], Mapping[str, Any]], N_co]
    parts: tuple[str, ...] | Literal["any"] = ()
    demand_parts: Callable[[Manifest[S], Mapping[str, Manifest[Any]]], None] = lambda _manifest, _parts: None
    tensors: Mapping[str, Tensors] = field(default_factory=dict)


Kinds: TypeAlias = Mapping[str, Kind[Any, N_co]]
