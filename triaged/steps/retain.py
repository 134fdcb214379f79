"""Deletes files that nobody needs here any more, by the site's rules: of studies that are done, whose results all are
where they should be, those first that were done first. Rows stay.

Nothing is deleted that is unread, on its way or analysed. Knows no settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from triaged.spool.files import Spool
from triaged.spool.survey import Survey
from triaged.steps.options import RetentionOptions
from triaged.store.studies.deletable import Files, Rule, Whose
from triaged.store.studies.retention import Due, Removal, Retention

log = structlog.get_logger()

AT_ONCE: Final = 20
"""Files that go while the study is locked, so that senders wait for some milliseconds at most."""
_PAGE = 200
_MIB = 1024 * 1024
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_LOW = "the disk has less than {} MiB free"


@dataclass(frozen=True, slots=True)
class Planned:
    """What would go, by a rule; `bytes_by_row` of what rows know the size of, `held_back` how many studies stay why."""

    rule: Rule
    due: tuple[Due, ...]
    held_back: Mapping[str, int]


class Retaining:
    """What the clock does now and then; raises `TryLater` while the store or the spool is away."""

    def __init__(
        self,
        retention: Retention,
        spool: Spool,
        options: RetentionOptions,
        *,
        monotonic: Callable[[], float],
        at_most_s: float = 2.0,
    ) -> None:
        self._retention = retention
        self._spool = spool
        self._survey = Survey(spool)
        self._options = options
        self._monotonic = monotonic
        self._at_most_s = at_most_s
        self._said = ""

    def tick(self, *, now: datetime) -> int:
        """Delete for a moment; return how many studies, or files in quarantine, lost files."""
        self._spool.check_present()
        until = self._monotonic() + self._at_most_s
        for removal in self._retention.unfinished():
            self._delete(removal, now=now)
        begun = 0
        for rule, one in self._due(now):
            if self._monotonic() >= until:
                return begun
            begun_one = self._retention.begin(rule, one.name, now=now)
            if begun_one is not None:
                self._delete(begun_one, now=now)
                begun += 1
                log.info("files deleted", files=one.files, what=rule.files.value, of=one.name, why=rule.why)
        if self._options.history_days is not None:
            self._retention.forget(now - timedelta(days=self._options.history_days))
        return begun

    def planned(self, *, now: datetime) -> list[Planned]:
        """Return what the next rounds would delete, and what stays although it is old enough; nothing is changed."""
        found = []
        for rule in self._rules(now):
            due = tuple(self._all(rule))
            found.append(Planned(rule, due, self._retention.held_back(rule)))
        short = self._short_bytes()
        if short > 0:
            rule = self._pressing(now)
            due = tuple(_first_bytes(self._freeing(rule), short))
            found.append(Planned(rule, due, self._retention.held_back(rule)))
        return found

    def size_bytes(self, rule: Rule, due: Due) -> int:
        """Return how much disk the files take; of results as they lie in the spool."""
        if rule.files is not Files.RESULTS:
            return due.size_bytes
        return sum(found.size_bytes for found in self._survey.files(f"{due.name}/results"))

    def _due(self, now: datetime) -> Iterator[tuple[Rule, Due]]:
        for rule in self._rules(now):
            yield from ((rule, one) for one in self._all(rule))
        short = self._short_bytes()
        if short > 0:
            rule = self._pressing(now)
            found = False
            for one in _first_bytes(self._freeing(rule), short):
                found = True
                yield rule, one
            self._say("" if found else "the disk is nearly full, and no study may be deleted")

    def _rules(self, now: datetime) -> list[Rule]:
        """Return what goes by its age, whatever is free."""
        options = self._options
        ages = (
            (Files.IMAGES, Whose.DONE, options.images_days, "images_days"),
            (Files.IMAGES, Whose.IGNORED, options.ignored_days, "ignored_days"),
            (Files.RESULTS, Whose.DONE, options.results_days, "results_days"),
            (Files.QUARANTINE, Whose.DONE, options.quarantine_days, "quarantine_days"),
        )
        return [
            replace(self._rule(files, now - timedelta(days=age), now, _older(age, key)), whose=whose)
            for files, whose, age, key in ages
            if age is not None
        ]

    def _pressing(self, now: datetime) -> Rule:
        return self._rule(Files.IMAGES, now, now, _LOW.format(self._options.start_at_free_mb))

    def _rule(self, files: Files, before: datetime, now: datetime, why: str) -> Rule:
        promised = self._options.promised_days
        promised_before = _EVER if promised is None else now - timedelta(days=promised)
        return Rule(files, before, promised_before, self._options.committing, why)

    def _all(self, rule: Rule) -> Iterator[Due]:
        last: Due | None = None
        while some := self._retention.due(rule, _PAGE, after=last):
            yield from some
            last = some[-1]

    def _freeing(self, rule: Rule) -> Iterator[Due]:
        """Return what is due and gives back its disk: not what a back-up on the same disk has by a hard link."""
        linked = 0
        for one in self._all(rule):
            path = self._retention.a_path(one.name)
            if path is not None and self._survey.has_other_names(path):
                linked += 1
            else:
                yield one
        if linked:
            self._say(f"deleting {linked} more studies would free nothing: a back-up has hard links to their files")

    def _short_bytes(self) -> int:
        """Return how much has to go until enough is free; a round deletes that much, and then it is measured again."""
        start = self._options.start_at_free_mb
        return 0 if start is None else (start - self._spool.free_mb()) * _MIB

    def _delete(self, removal: Removal, *, now: datetime) -> None:
        paths = self._retention.paths(removal)
        size_bytes = 0
        for some in _in_parts(paths):
            with self._retention.deleting(removal, some) as gone:
                if gone is None:
                    return  # a later round goes on
                size_bytes += sum(map(self._survey.size, gone))
                self._survey.remove_all(gone)
        self._survey.remove_empty(paths)
        self._retention.finish(removal, now=now, size_bytes=size_bytes if removal.files is Files.RESULTS else 0)

    def _say(self, words: str) -> None:
        """Log it once, and again after something else."""
        if words and words != self._said:
            log.warning("little disk is free", why=words)
        self._said = words


def _older(days: float, key: str) -> str:
    return f"older than {days:g} day{'' if days == 1 else 's'}, retention.{key}"


def _first_bytes(due: Iterator[Due], enough: int) -> Iterator[Due]:
    """Return as many, one at least, as have so many bytes together."""
    for one in due:
        yield one
        enough -= one.size_bytes
        if enough <= 0:
            return


def _in_parts(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    return (paths[start : start + AT_ONCE] for start in range(0, len(paths), AT_ONCE))
