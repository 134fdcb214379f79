"""DICOMweb beside Orthanc's plugin, in one run: `-m tests.bench.dicomweb [SLICES]`, by default 300 slices of 512 x 512.

Each server has the same CT study. A client on this machine asks for the metadata of the series, and for the frame of
every slice, one after the other on one connection and eight at a time, as viewers do; the first answer and the median
of the next ones. Last, a search for studies among 10,000, and how many files it opened.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import numpy as np
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from tests.browser.serving import served
from tests.web.dicomweb.conftest import open_scene
from tests.web.dicomweb.site import chest, odd_image, part10, receive
from tests.wire.orthanc import PLUGIN
from tests.wire.peers import orthanc_process
from triaged.spool.files import Spool
from triaged.store.tables.database import migrate, open_database

_REPEATS = 5
_AT_ONCE = 8
_STUDY, _SERIES = "1.2.826.0.1.3680043.8.498.900", "1.2.826.0.1.3680043.8.498.901"
_FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


def main() -> None:
    """Print a table of both servers, and the search; as `serve FOLDER`, serve a store until the input ends."""
    if sys.argv[1:2] == ["serve"]:
        _serve(Path(sys.argv[2]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    files = _slices(count)
    settings = {"Plugins": [str(PLUGIN)], "DicomModalities": {}, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        database = open_database(f"sqlite:///{folder}/triaged.db")
        migrate(database)
        database.close()
        scene = open_scene(Path(folder))
        receive(scene, files)
        scene.database.close()
        with _serving(folder) as url, orthanc_process(Path(other), settings) as there:
            for content in files:
                request = urllib.request.Request(f"{there.url}/instances", content, method="POST")
                urllib.request.urlopen(request, timeout=30).close()
            _compare({"triaged": f"{url}/dicom-web", "Orthanc": f"{there.url}/dicom-web"}, count)
        _measure_search(Path(folder))


def _serve(folder: Path) -> None:
    scene = open_scene(folder)
    with served(scene.app()) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def _serving(folder: str) -> Iterator[str]:
    """Serve a store from a process of its own, as the daemon does."""
    command = [sys.executable, "-m", "tests.bench.dicomweb", "serve", folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("")


def _slices(count: int) -> list[bytes]:
    """Return a series of noisy slices with the headers of the tests' chest."""
    header = dcmread(BytesIO(chest()[1][0]))
    noise = np.random.default_rng(5)
    files = []
    for number in range(1, count + 1):
        pixels = noise.integers(0, 2000, (512, 512), np.uint16)
        image = odd_image(1, pixels)
        for element in header:
            if element.tag.group < 0x0028 or element.keyword == "PixelSpacing":
                image.add(element)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID = _STUDY, _SERIES, _instance(number)
        image.InstanceNumber = number
        files.append(part10(image, ExplicitVRLittleEndian))
    return files


def _instance(number: int) -> str:
    return f"{_SERIES}.{number}"


def _compare(servers: dict[str, str], count: int) -> None:
    """Ask both servers in turn, so that whatever else this machine does meets both."""
    works: dict[str, Callable[[str], object]] = {
        f"metadata of {count} slices": lambda series: _get(f"{series}/metadata", "application/dicom+json"),
        f"{count} frames, one after the other": lambda series: _frames(series, count),
        f"{count} frames, {_AT_ONCE} at a time": lambda series: _frames_together(series, count),
    }
    for what, work in works.items():
        taken: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(_REPEATS + 1):
            for name, base in servers.items():
                series = f"{base}/studies/{_STUDY}/series/{_SERIES}"
                taken[name].append(_timed(partial(work, series)))
        for name in servers:
            _tell(name, what, taken[name])


def _frames(series: str, count: int, first: int = 1, step: int = 1) -> None:
    """Ask for frames on one connection."""
    where = urlsplit(series)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    for number in range(first, count + 1, step):
        connection.request("GET", f"{where.path}/instances/{_instance(number)}/frames/1", headers={"Accept": _FRAME})
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, response.status
        assert len(content) > 512 * 512 * 2
    connection.close()


def _frames_together(series: str, count: int) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda first: _frames(series, count, first, _AT_ONCE), range(1, _AT_ONCE + 1)))


def _measure_search(folder: Path) -> None:
    """Search 10,000 studies for one patient, and for all of one day, and count the files that are opened."""
    scene = open_scene(folder)
    for number in range(1, 10_001):
        scene.arrive(number, minutes=number, name=f"Roe^Jane {number}")
    opened: list[str] = []
    absolute = Spool.absolute

    def counting(spool: Spool, relative: str) -> Path:
        opened.append(relative)
        return absolute(spool, relative)

    with mock.patch.object(Spool, "absolute", counting), served(scene.app()) as url:
        for query in ("PatientID=P-5000", "PatientName=*7777", "limit=100", "StudyDate=19990101"):
            opened.clear()
            taken = [_timed(lambda q=query: _get(f"{url}/dicom-web/studies?{q}", "application/dicom+json"))]  # type: ignore[misc]
            files = len(opened)
            taken += [_timed(lambda q=query: _get(f"{url}/dicom-web/studies?{q}", "application/dicom+json"))]  # type: ignore[misc]
            _tell("triaged", f"search of 10,000 studies: {query}, {files} files", taken)
    scene.database.close()


def _get(url: str, accept: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=60) as response:
        return bytes(response.read())


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)


def _tell(name: str, what: str, taken: list[float]) -> None:
    first, *rest = taken
    sys.stdout.write(f"{name:8} {what:60} first {first:7.0f} ms   then {statistics.median(rest):7.0f} ms\n")


if __name__ == "__main__":
    main()
