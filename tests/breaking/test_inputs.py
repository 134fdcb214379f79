"""The short form of `inputs`, the corpus that fuzzing left, and text and bytes of any kind for whatever reads them."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.breaking.fuzzing import CORPUS
from tests.breaking.inputs import inputs
from tests.breaking.inputs_daemon import inputs_daemon
from tests.breaking.mutations import MUTATIONS
from tests.breaking.seeds import seeds_of
from tests.breaking.targets import TARGETS
from tests.breaking.trial import Trial

LONGEST_S = 1.0
"""Of computing, for one input: a machine that is busy with other tests lets everything take longer by the clock."""

ANY = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.filterwarnings("ignore")
def test_spoiled_images_end_with_a_reason_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    trial = Trial("inputs", seed=7, seconds=10)
    inputs(trial, tmp_path)
    trial.expect(trial.figures.get("acknowledged digests"), "expected acknowledged instances, found none")
    trial.verify()


def test_a_whole_daemon_takes_spoiled_images_and_triages_sound_ones_between_them(tmp_path: Path) -> None:
    trial = Trial("inputs_daemon", seed=7, seconds=4)
    inputs_daemon(trial, tmp_path)
    trial.expect(trial.number("hostile studies") >= 3, "expected hostile studies, found too few")
    trial.expect(trial.number("sound studies"), "expected sound studies, found none")
    trial.verify()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_what_fuzzing_found_is_read_or_refused(target: str) -> None:
    for path in _kept(target):
        _read(target, path.read_bytes())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", sorted(TARGETS))
@ANY
@given(content=st.binary(max_size=4096))
def test_any_bytes_are_read_or_refused(target: str, content: bytes) -> None:
    _read(target, content)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", sorted(TARGETS))
@ANY
@given(data=st.data(), chance=st.randoms(use_true_random=False))
def test_any_spoiled_input_is_read_or_refused(target: str, data: st.DataObject, chance: random.Random) -> None:
    content = data.draw(st.sampled_from(seeds_of(target)))
    for mutation in data.draw(st.lists(st.sampled_from(MUTATIONS), max_size=3)):
        content = mutation(content, chance).ljust(8, b"\0")
    _read(target, content)


@pytest.mark.filterwarnings("ignore")
@ANY
@given(text=st.text(st.characters(codec="utf-8"), max_size=500))
def test_any_text_is_a_configuration_or_refused(text: str) -> None:
    _read("configuration", text.encode())


def _read(target: str, content: bytes) -> None:
    begun = time.thread_time()
    TARGETS[target](content)
    assert time.thread_time() - begun < LONGEST_S


def _kept(target: str) -> Iterator[Path]:
    folder = CORPUS / target
    if not folder.is_dir():
        pytest.skip("nothing was kept of this target")
    return folder.iterdir()
