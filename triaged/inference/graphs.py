"""Opens, verifies and runs ONNX graphs with ONNX Runtime, which nothing else runs; knows not what they are for."""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from triaged.inference.runtime import onnxruntime

# isort: split
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
)

from triaged.errors import ModelRefused
from triaged.inference.manifest import NetworkFile, Shape

UNREADABLE_GRAPH: Final = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"
FATAL_ONLY: Final = 4
_NO_MEMORY = re.compile(r"bad_alloc|bad allocation|failed to allocate|out of memory", re.IGNORECASE)

Device: TypeAlias = str
"""`auto`, `cpu`, `cuda`, or one of several GPUs: `cuda:0`, `cuda:1` and so on."""


class Graph:
    """One ONNX graph, opened and checked."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._first = session.get_inputs()[0].name

    @property
    def device(self) -> str:
        """Where the graph runs: cuda or cpu."""
        return "cuda" if CUDA in self._session.get_providers() else "cpu"

    def run(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the outputs of a graph of one input, in its order; MemoryError where there is too little memory."""
        return list(self.run_named({self._first: values}).values())

    def run_named(self, values: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Return the outputs by name, in the order of the graph, for its inputs by name; as `run` otherwise."""
        feed = {name: np.ascontiguousarray(each, dtype=np.float32) for name, each in values.items()}
        names = [output.name for output in self._session.get_outputs()]
        try:
            found = self._session.run(names, feed)
        except (Fail, RuntimeException) as error:
            if _NO_MEMORY.search(str(error)):  # the runtime has no error of its own for this
                raise MemoryError(str(error)) from None
            raise
        return {name: np.asarray(output, dtype=np.float32) for name, output in zip(names, found, strict=True)}


def load_graphs(files: Mapping[str, NetworkFile], device: Device, threads: int) -> dict[str, Graph]:
    """Return graphs by name, ready to run.

    `auto` takes CUDA where it works and the CPU otherwise; `cuda`, and one GPU by its number, never fall back.
    `threads` bounds the CPU threads of one graph; 0 leaves the number to the runtime.

    Raises:
        ModelRefused: a file is missing, its digest or its tensors are not those of the manifest, or CUDA was asked for
            and does not work here.
    """
    return {name: _open(file, device, threads) for name, file in files.items()}


def _open(network: NetworkFile, device: Device, threads: int) -> Graph:
    content = _verified(network)
    session = _session(content, network.path, device, threads)
    if device.startswith("cuda") and CUDA not in session.get_providers():
        raise ModelRefused(
            f"inference.device: expected {device}, as configured, found only {', '.join(session.get_providers())}; "
            f"install onnxruntime-gpu[cuda,cudnn] and the NVIDIA driver, or set device to auto or cpu"
        )
    _check_tensors(network.path, "input", network.inputs, session.get_inputs())
    _check_tensors(network.path, "output", network.outputs, session.get_outputs())
    return Graph(session)


def _verified(network: NetworkFile) -> bytes:
    """Return the file's bytes, so that what was checked is what runs."""
    try:
        content = network.path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{network.path}: expected the network named in the manifest, found {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != network.sha256:
        raise ModelRefused(f"{network.path}: expected sha256 {network.sha256}, found {found}")
    return content


def _session(content: bytes, path: Path, device: Device, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning take the cores from the receiver: a third more CPU time, and slower under load.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = FATAL_ONLY
    providers: list[str | tuple[str, dict[str, str]]] = [CPU]
    if device != "cpu" and CUDA in onnxruntime.get_available_providers():
        _find_cuda_libraries()
        _, _, number = device.partition(":")
        providers = [(CUDA, {"device_id": number}) if number else CUDA, CPU]
    try:
        with _as_file(content) as name:
            return onnxruntime.InferenceSession(name, options, providers=providers)
    except UNREADABLE_GRAPH as error:
        raise ModelRefused(f"{path}: expected an ONNX graph that the runtime reads, found {error}") from error


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give a name to bytes while a session is opened: one that is opened with bytes keeps them for ever."""
    with os.fdopen(os.memfd_create("triaged-graph", os.MFD_CLOEXEC), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _find_cuda_libraries() -> None:
    """Load CUDA and cuDNN from their wheels; without them the provider is left out, which the caller checks.

    The runtime prints what it misses, and logs it as an error although `auto` then rightly takes the CPU.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()


def _check_tensors(path: Path, side: str, expected: Mapping[str, Shape], found: Sequence[Any]) -> None:
    shapes = {tensor.name: tuple(tensor.shape) for tensor in found}
    if shapes != dict(expected):
        raise ModelRefused(f"{path}: expected {side}s {_listed(expected)}, found {_listed(shapes)}")


def _listed(shapes: Mapping[str, Shape]) -> str:
    return "; ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())
