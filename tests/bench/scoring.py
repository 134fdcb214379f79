"""What reading a CT costs beside its networks: `python -m tests.bench.scoring [ENGINE] [REPEATS]`.

One generated CT of 300 slices of 512 x 512 pixels is read from its files in one process. The peer in the same run are
the networks alone: the time that passes in `InferenceSession.run` for the same tensors. Once all is done after the last
slice, and once what single slices allow was done while they came, as a lone worker does.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from onnxruntime import InferenceSession

from tests.bench.flow import enlarged
from triaged.config.loading import load
from triaged.config.shipped import shipped
from triaged.daemon.examinations import engine_and_pipeline
from triaged.daemon.heap import keep_little_memory
from triaged.exams.ct.examination import ChestCt
from triaged.lab.phantom.dicom_writer import write_study
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import PhantomOptions

_EVERY = 32
"""A study that arrives is prepared each time that so many instances have come."""
_MIB = 1024 * 1024


def main() -> None:
    """Print processor time and ratio, medians of the repeats, and the peak of the memory."""
    engine = sys.argv[1] if len(sys.argv) > 1 else "ct-open"
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    keep_little_memory(large=2 * _MIB)
    examination = ChestCt(*engine_and_pipeline(load(shipped("config.yaml")), engine))
    with tempfile.TemporaryDirectory() as name:
        writing = multiprocessing.get_context("spawn").Process(target=_write, args=(Path(name),))
        writing.start()  # elsewhere: what that takes is not the reading's
        writing.join()
        instances = sorted(Path(name).iterdir())
        for ahead in (False, True):
            found = [_read(examination, instances, ahead=ahead) for _ in range(repeats)]
            whole, networks = (median(each) for each in zip(*found, strict=True))
            when = "after the last slice, others ahead of it" if ahead else "all after the last slice"
            ratio = median(of_all / of_networks for of_all, of_networks in found)
            words = "" if ahead else f", {ratio:.2f} times as much"
            sys.stdout.write(f"{when}: {whole:.2f} s of CPU, of which {networks:.2f} in networks{words}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(f"peak {peak} MiB\n")


def _write(folder: Path) -> None:
    write_study(enlarged(generate(PhantomOptions(5, severity="moderate", matrix=256, pixel_mm=1.4))), folder)


def _read(examination: ChestCt, instances: list[Path], *, ahead: bool) -> tuple[float, float]:
    """Return the processor time of a reading, and of the networks in it, in seconds."""
    if ahead:
        for number in range(_EVERY, len(instances) + 1, _EVERY):
            examination.prepare(instances[:number])
    with _in_networks() as taken:
        began = time.process_time()
        examination.read(instances, lambda: None)
        return time.process_time() - began, sum(taken)


@contextmanager
def _in_networks() -> Iterator[list[float]]:
    taken: list[float] = []
    run = InferenceSession.run

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return run(*arguments, **named)
        finally:
            taken.append(time.process_time() - began)

    with mock.patch.object(InferenceSession, "run", timed):
        yield taken


if __name__ == "__main__":
    main()
