"""Runs the steps of a training: rates, gradients, measurements, checkpoints; can be stopped and resumed at any step.

Must not know what a network learns or from what. Everything that a step draws is decided by the schedule's seed and the
step's number, so that a resumed training ends with the weights of an unbroken one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn

from triaged.lab.training.checkpoints import CHECKPOINT, resume, save
from triaged.lab.training.metrics import METRICS, listed, record
from triaged.lab.training.place import CPU, Place
from triaged.lab.training.schedule import Schedule

LARGEST_GRADIENT: Final = 1.0
"""Norm to which the gradient of all parameters together is clipped."""


class Task(Protocol):
    """What a network learns."""

    network: nn.Module

    def loss(self, progress: float, batch: int, rng: Generator, /) -> Tensor:
        """Draw a batch and return the loss on it; `progress` runs from 0 to 1 over the training."""
        ...

    def measure(self) -> dict[str, float]:
        """Return figures on held-out series, unvaried, with the network in evaluation mode."""
        ...


def never_stop(_done: int) -> bool:
    """Return False: train to the end."""
    return False


def train(
    task: Task,
    schedule: Schedule,
    folder: Path,
    clock: Callable[[], float],
    report: Callable[[str], None],
    *,
    place: Place = CPU,
    stop: Callable[[int], bool] = never_stop,
) -> int:
    """Train to the end of the schedule, from the checkpoint in `folder` where there is one; return the steps done.

    Writes `checkpoint.pt` and `metrics.csv` there, and reports a line with the time left at each measurement. `stop` is
    asked after each step with the number of steps done; when it says so, the training is saved and ends early.

    Raises:
        ConfigError: the checkpoint is that of another network or optimiser.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task.network.to(place.device)
    learner = _Learner(task, schedule, place)
    first = resume(learner.parts(), folder / CHECKPOINT)
    started = clock()
    losses: list[float] = []
    for step in range(first, schedule.steps):
        losses.append(learner.step(step))
        done = step + 1
        is_asked_to_stop = stop(done)
        if done % schedule.measure_every == 0 or done == schedule.steps:
            spent = clock() - started
            figures = {"loss": float(np.mean(losses)), **_measured(task)}
            losses.clear()
            save(learner.parts(), done, folder / CHECKPOINT)
            record(folder / METRICS, done, spent, figures)
            left = spent / (done - first) * (schedule.steps - done)
            report(f"step {done}/{schedule.steps}, {left / 60:.1f} min left, {listed(figures)}")
        elif is_asked_to_stop:
            save(learner.parts(), done, folder / CHECKPOINT)
        if is_asked_to_stop:
            return done
    return max(first, schedule.steps)


class _Learner:
    """A network with its optimiser, and the scaler of its gradients where the precision needs one."""

    def __init__(self, task: Task, schedule: Schedule, place: Place) -> None:
        self._task = task
        self._schedule = schedule
        self._optimiser = _optimiser(schedule, task.network)
        self._scaler = torch.amp.GradScaler(place.device, enabled=place.scales_gradients)

    def parts(self) -> dict[str, Any]:
        """Return what a checkpoint holds, by name; the scaler only where it does something."""
        parts = {"network": self._task.network, "optimiser": self._optimiser}
        return {**parts, "scaler": self._scaler} if self._scaler.is_enabled() else parts

    def step(self, step: int) -> float:
        """Change the weights once, and return the loss before that."""
        self._task.network.train()
        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.rate(step)
        torch.manual_seed(self._schedule.seed + step)
        rng = np.random.default_rng([self._schedule.seed, step])
        loss = self._task.loss(step / self._schedule.steps, self._schedule.batch, rng)
        self._optimiser.zero_grad()
        torch.autograd.backward(self._scaler.scale(loss))
        self._scaler.unscale_(self._optimiser)
        nn.utils.clip_grad_norm_(self._task.network.parameters(), LARGEST_GRADIENT)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return loss.item()


def _optimiser(schedule: Schedule, network: nn.Module) -> torch.optim.Optimizer:
    if schedule.optimiser == "sgd":
        return torch.optim.SGD(network.parameters(), lr=schedule.learning_rate)
    return torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, fused=True)


def _measured(task: Task) -> dict[str, float]:
    task.network.eval()
    with torch.no_grad():
        return task.measure()
