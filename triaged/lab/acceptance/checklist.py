"""The questions that no image answers: how the cases were chosen and read (after PROBAST, Wolff et al. 2019).

Must not know figures. What a site does not say is "not stated", never assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from triaged.errors import ConfigError

QUESTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "same_population": "Do cases with and without the disease come from the same hospital, scanners and time?",
        "consecutive": "Were cases taken one after the other, rather than picked?",
        "two_raters": "Were references made by at least two readers, without knowing the program's result?",
        "study_level": "Is each study one case, and none of its slices or series another?",
        "hold_out": "Was no patient of these cases used to train, tune or choose this package?",
    }
)


class Answer(StrEnum):
    """What a site says."""

    YES = "yes"
    NO = "no"
    NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Point:
    """One question with the site's answer and its own words."""

    key: str
    question: str
    answer: Answer
    detail: str = ""


def unanswered() -> tuple[Point, ...]:
    """Return all questions, none of them answered."""
    return tuple(Point(key, question, Answer.NOT_STATED) for key, question in QUESTIONS.items())


def read_checklist(path: Path) -> tuple[Point, ...]:
    """Return all questions with the answers of a YAML file: `two_raters: yes`, or `{answer: yes, detail: words}`.

    Raises:
        ConfigError: the file cannot be read, or holds an unknown question or answer.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise ConfigError(f"{path}: expected YAML, found {error}") from error
    if content is None:
        return unanswered()
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected questions with answers, found {type(content).__name__}")
    unknown = [str(key) for key in content if key not in QUESTIONS]
    if unknown:
        raise ConfigError(f"{path}: expected the questions {', '.join(QUESTIONS)}, found {', '.join(unknown)}")
    return tuple(_points(content, path))


def _points(content: Mapping[str, Any], path: Path) -> Iterator[Point]:
    for key, question in QUESTIONS.items():
        said = content.get(key)
        answer, detail = (said.get("answer"), said.get("detail", "")) if isinstance(said, dict) else (said, "")
        yield Point(key, question, _answer(answer, f"{path}: {key}"), str(detail or ""))


def _answer(said: object, where: str) -> Answer:
    if said is None:
        return Answer.NOT_STATED
    if isinstance(said, bool):
        return Answer.YES if said else Answer.NO
    try:
        return Answer(str(said).strip().lower())
    except ValueError:
        raise ConfigError(f"{where}: expected yes or no, found {said!r}") from None
