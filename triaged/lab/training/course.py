"""Gathers what a course of training needs: the loop and the default tasks, under the names that its users know.

Must not know more than where each is defined.
"""

from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.loop import Task, train
from triaged.lab.training.schedule import Schedule
from triaged.lab.training.tasks import LESION_CROP, LUNG_CROP, POSITIVE_SHARE, LungTask, MultitaskTask

__all__ = [
    "CHECKPOINT",
    "LESION_CROP",
    "LUNG_CROP",
    "POSITIVE_SHARE",
    "LungTask",
    "MultitaskTask",
    "Schedule",
    "Task",
    "train",
]
