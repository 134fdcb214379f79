"""A bad edit does not keep a daemon down that ran before: the last version that ran is kept, and used in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.daemon.versions import keep, kept_at, last_good, version_of, version_to_run
from triaged.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with which a daemon can run."""
    path = tmp_path / "config.yaml"
    path.write_text("workers: 2\nstorage: {path: spool}\n")
    return path


def test_a_good_file_is_used_as_it_is(config: Path) -> None:
    version = version_to_run(config)
    assert (version.config.worker_count, version.rejected) == (2, "")


def test_a_first_start_with_a_bad_file_is_refused(config: Path) -> None:
    config.write_text("workers:\n\t2\n")
    with pytest.raises(ConfigError, match=r"config.yaml:2: expected YAML"):
        version_to_run(config)


@pytest.mark.parametrize("bad", ["workers:\n\t2\n", "workres: 3\n", "a: &a [1]\nb: *a\n", "\xff", None])
def test_a_bad_edit_gives_the_version_that_ran_last_and_says_why(config: Path, bad: str | None) -> None:
    ran = version_of(config)
    keep(ran)
    if bad is None:
        config.unlink()
    else:
        config.write_bytes(bad.encode("latin-1"))
    version = version_to_run(config)
    assert version.config == ran.config
    assert version.config.storage.path == config.parent / "spool"  # still relative to the file's folder
    assert version.rejected.startswith(str(config))


def test_a_kept_version_is_for_its_owner_alone(config: Path) -> None:
    keep(version_of(config))
    kept = kept_at(config)
    assert kept == config.parent / "var" / "config.yaml.last-good"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == config.read_text()
    assert list(kept.parent.iterdir()) == [kept]


def test_a_service_keeps_it_in_its_state_folder(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path / 'state'}:/other")
    keep(version_of(config))
    assert (tmp_path / "state" / "config.yaml.last-good").exists()


def test_where_nothing_can_be_kept_the_daemon_runs_all_the_same(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/proc/nowhere")
    keep(version_of(config))
    assert last_good(config, "bad") is None


def test_a_kept_version_that_this_release_does_not_understand_is_none(config: Path) -> None:
    keep(version_of(config))
    kept_at(config).write_text("setting_of_another_release: 1\n")
    config.write_text("workres: 1\n")
    with pytest.raises(ConfigError, match="workres"):
        version_to_run(config)
