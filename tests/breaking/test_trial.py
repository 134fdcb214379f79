"""A trial can fail: a broken promise is counted, shown, and ends it with an error."""

from __future__ import annotations

import pytest

from tests.breaking.trial import Trial


def test_a_kept_promise_passes_and_a_broken_one_fails_with_the_figures() -> None:
    trial = Trial("example", seed=1, seconds=5)
    trial.count("kills", 2)
    trial.count("kills")
    trial.highest("wait_s", 2)
    trial.highest("wait_s", 1)
    trial.expect(True, "an instance is there")
    trial.verify()
    trial.expect([], "expected 1.2.3 in the spool, found nothing")
    with pytest.raises(AssertionError, match=r"seed 1.*\n  kills +3\n  wait_s +2\n  BROKEN: expected 1\.2\.3"):
        trial.verify()


def test_the_same_seed_gives_the_same_trial_and_time_runs_out() -> None:
    first, again = Trial("example", 7, 5), Trial("example", 7, 0)
    assert [first.random.random() for _ in range(3)] == [again.random.random() for _ in range(3)]
    assert first.left_s > again.left_s == 0
