"""Runs model packages with ONNX Runtime, whose only importer this is.

Must not know torch, DICOM or what the probabilities are used for.
"""

import contextlib
import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NotImplemented,
    RuntimeException,
)

from triaged.errors import ModelRefused
from triaged.inference.manifest import Manifest, NetworkFile, Shape, read_manifest
from triaged.inference.predictor import LesionMaps
from triaged.inference.pyramid import SMALLEST_AXIS, pool_over_slices

UNREADABLE_GRAPH: Final = (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotImplemented, RuntimeException)
CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"
FATAL_ONLY: Final = 4
SLICES_AT_ONCE: Final = 8
"""Bounds memory: activations of 8 slices stay below 200 MiB, however long the series is."""

Device: TypeAlias = Literal["auto", "cpu", "cuda"]


class OnnxCtNetworks:
    """The `CtNetworks` of one package, loaded and checked."""

    def __init__(self, manifest: Manifest, sessions: Mapping[str, onnxruntime.InferenceSession]) -> None:
        self._manifest = manifest
        self._lungs = sessions["lungs"]
        self._backbone = sessions["backbone"]
        self._head = sessions["head"]

    @property
    def manifest(self) -> Manifest:
        """The package that the networks come from."""
        return self._manifest

    @property
    def device(self) -> str:
        """Where the networks run: cuda or cpu."""
        return "cuda" if CUDA in self._lungs.get_providers() else "cpu"

    def lung_probability(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of lung per pixel; see `CtNetworks`."""
        logits = [_run(self._lungs, batch)[0][:, 0] for batch in _batches(slices)]
        return _sigmoid(np.concatenate(logits))

    def lesions(self, slices: NDArray[np.float32]) -> LesionMaps:
        """Return lesion probability and pyramid cells; see `CtNetworks`."""
        _, rows, columns = slices.shape
        results = [_run(self._backbone, batch) for batch in _batches(_at_least_eight(slices))]
        logits = np.concatenate([logits[:, 0, :rows, :columns] for logits, _ in results])
        return LesionMaps(_sigmoid(logits), np.concatenate([cells for _, cells in results]))

    def identification(self, cells: NDArray[np.float32]) -> float:
        """Return the probability of disease at balanced prior odds; see `CtNetworks`."""
        (logit,) = _run(self._head, pool_over_slices(cells)[np.newaxis])
        prior = self._manifest.training_prior
        return float(_sigmoid(logit.ravel() - np.float32(math.log(prior / (1 - prior))))[0])


def load_package(folder: Path, device: Device, threads: int) -> OnnxCtNetworks:
    """Return the networks of the model package in `folder`, ready to run.

    `auto` takes CUDA where it works and the CPU otherwise; `cuda` never falls back. `threads` bounds the CPU threads
    of one network; 0 leaves the number to the runtime.

    Raises:
        ModelRefused: a file is missing, its digest or its tensors are not those of the manifest, or CUDA was asked for
            and does not work here.
    """
    manifest = read_manifest(folder)
    networks = {
        "lungs": manifest.networks.lungs,
        "backbone": manifest.networks.backbone,
        "head": manifest.networks.head,
    }
    sessions = {name: _open(network, device, threads) for name, network in networks.items()}
    return OnnxCtNetworks(manifest, sessions)


def _open(network: NetworkFile, device: Device, threads: int) -> onnxruntime.InferenceSession:
    content = _verified(network)
    session = _session(content, network.path, device, threads)
    if device == "cuda" and CUDA not in session.get_providers():
        raise ModelRefused(
            f"inference.device: expected CUDA, as configured, found only {', '.join(session.get_providers())}; "
            f"install onnxruntime-gpu[cuda,cudnn] and the NVIDIA driver, or set device to auto or cpu"
        )
    _check_tensors(network.path, "input", network.inputs, session.get_inputs())
    _check_tensors(network.path, "output", network.outputs, session.get_outputs())
    return session


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
    providers = [CPU]
    if device != "cpu" and CUDA in onnxruntime.get_available_providers():
        _find_cuda_libraries()
        providers = [CUDA, CPU]
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except UNREADABLE_GRAPH as error:
        raise ModelRefused(f"{path}: expected an ONNX graph that the runtime reads, found {error}") from error


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


def _batches(slices: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield (slice, 1, row, column) pieces of (slice, row, column)."""
    for start in range(0, len(slices), SLICES_AT_ONCE):
        yield slices[start : start + SLICES_AT_ONCE, np.newaxis]


def _run(session: onnxruntime.InferenceSession, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    feed = {session.get_inputs()[0].name: np.ascontiguousarray(values, dtype=np.float32)}
    return [np.asarray(output, dtype=np.float32) for output in session.run(None, feed)]


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = 0.5 * (1 + np.tanh(0.5 * logits))
    return result.astype(np.float32)


def _at_least_eight(slices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extend rows and columns to 8 by repetition: the pyramid has no smaller cells."""
    missing = [(0, max(0, SMALLEST_AXIS - size)) for size in slices.shape[1:]]
    return np.pad(slices, ((0, 0), *missing), mode="edge")
