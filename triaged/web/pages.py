"""The pages for people: the worklist, one study, and the state of the daemon; they only read.

Knows no DICOM network, no settings and no clock. Every text is escaped by the templates: names come from outside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Self
from urllib.parse import quote

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.acting import Readers
from triaged.steps.feedback import Feedback
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.people.accounts import Account
from triaged.store.studies.history import History
from triaged.store.studies.publications import Publications
from triaged.store.studies.second_results import SecondResults
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import DerivedObject, WorklistEntry
from triaged.web.beside import earlier_study
from triaged.web.brief import Brief, brief_of
from triaged.web.columns import offered, shown
from triaged.web.destinations import destinations, receivers
from triaged.web.entries import REVISION_WORDS, STATE_WORDS, STYLES, Row, as_ended, as_row
from triaged.web.flow import Step, next_study
from triaged.web.offers import last_undoable, offers, taken_over
from triaged.web.options import WebOptions
from triaged.web.outcomes import as_line, as_lines, as_results, as_undelivered, resend_commands
from triaged.web.pictures import Picture, Turning, described, picture_of, turned_view, turning
from triaged.web.seconds import as_count_lines, as_second_lines
from triaged.web.seen_beside import SeenBeside
from triaged.web.templating import Templates
from triaged.web.timeline import Done, folded, timeline
from triaged.web.verdicts import verdict_form
from triaged.web.view import (
    CLASS_WORDS,
    MODALITY_WORDS,
    ORDER_WORDS,
    SORTED_WORDS,
    WHOLE,
    View,
    Whose,
    kept_view,
)
from triaged.web.viewing import viewer_link
from triaged.web.visitor import Visitor, visitor

_MOST_LINES = 200


class Pages:
    """What the templates show, from the store."""

    def __init__(
        self,
        worklist: Worklist,
        history: History,
        publications: Publications,
        seconds: SecondResults,
        outbox: Outbox,
        pushes: Notifications,
        spool: Spool,
        peers: Peers,
        readers: Readers,
        feedback: Feedback,
        templates: Templates,
        *,
        options: WebOptions,
        clock: Callable[[], datetime],
        notices: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._notices = notices
        self._worklist = worklist
        self._history = history
        self._publications = publications
        self._seconds = seconds
        self._outbox = outbox
        self._pushes = pushes
        self._spool = spool
        self._peers = peers
        self._readers = readers
        self._feedback = feedback
        self._clock = clock
        self._options = options
        self._visitor = Visitor()
        self._templates = templates

    def seen_by(self, visitor: Visitor) -> Self:
        """Return the same pages as somebody sees them who is named on them."""
        seen = copy.copy(self)
        seen._visitor, seen._worklist = visitor, self._worklist.within(visitor.sites)
        return seen

    def begun(self, view: View, *, asked: bool) -> View:
        """Return the view that was asked for; where none was, the one that this person begins with."""
        kept = self._templates.choices(self._visitor).view
        if kept:
            view = replace(view, whole=WHOLE) if asked else kept_view(kept)
        return view if view.site in self._options.choices(self._visitor.sites) else replace(view, site="")

    def worklist(self, view: View) -> Response:
        """Return one page of a part of the list."""
        chosen, every = self._templates.choices(self._visitor).columns, offered(self._options.sites)
        version, rows_per_page = self._worklist.version(), self._options.rows_per_page
        of_list = self._worklist.total()
        part = self._part(view)
        total = self._worklist.total(part)
        pages = max(1, -(-total // rows_per_page))
        number = min(view.number, pages)
        entries = self._worklist.entries(rows_per_page, (number - 1) * rows_per_page, part, order=view.order)
        return self._page(
            "worklist",
            version=version,
            view=view,
            of_list=of_list,
            below=self._worklist.below(),
            ignored=self._worklist.total(Part(Shown.IGNORED)),
            total=total,
            left_out=self._worklist.total(Part(view.shown)) - total if view.is_filtered else 0,
            number=number,
            pages=pages,
            rows=[(self._row(entry), self._brief(entry), offers(entry, self._visitor.name)) for entry in entries],
            columns=shown(chosen, every),
            chosen=chosen,
            every=every,
            sites=self._options.choices(self._visitor.sites),
            titles=self._options.sites,
            group_of_site=self._options.group_of_site,
            sorted_words=SORTED_WORDS,
            revision_words=REVISION_WORDS,
            classes=[(STYLES[member], member, CLASS_WORDS[member]) for member in TriageClass],
            states=STATE_WORDS,
            orders=ListOrder,
            shown=Shown,
            modalities=MODALITY_WORDS,
            whose=Whose,
            scheme=self._options.scheme,
            threshold=self._options.identification_threshold,
            address=self._options.address,
            order_words=ORDER_WORDS[self._options.discipline],
            worth=self._options.worth,
            banner=self._worklist.banner(),
        )

    def beside(self, view: View, uid: str, step: Step) -> str:
        """Return the address of the next study of a view: after or before one, or the first that nobody else reads."""
        found = next_study(self._worklist, self._part(view), view.order, uid, step, self._visitor.name)
        return view.address() if found is None else f"/studies/{quote(found, safe='')}"

    def study(self, uid: str) -> Response:
        """Return what is known of one study, and how it came to its place."""
        version = self._worklist.version()
        entry = self._worklist.entry(uid)
        if entry is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "No study with this Study Instance UID is on the worklist.")
        deliveries, derived = self._outbox.deliveries(uid), self._history.derived(uid)
        pictures, away = self._described([item for item in derived if item.kind.is_picture])
        decisions = self._history.series_decisions(uid)
        actions, said = self._readers.actions(uid), self._feedback.verdicts(uid)
        done: list[Done] = [*actions, *said, *self._feedback.assignments(uid)]
        seen = SeenBeside(self._worklist, self._history, self._visitor.sites)
        return self._page(
            "study",
            version=version,
            total=self._worklist.total(),
            row=self._row(entry),
            offers=offers(entry, self._visitor.name),
            last=last_undoable(actions),
            taken=taken_over(actions),
            is_mine=entry.read_state is ReadState.READING and entry.read_by == self._visitor.name,
            pictures=[(uid, picture) for uid, picture in pictures if picture is not None],
            lost_pictures=sum(picture is None for _, picture in pictures),
            pictures_away=away,
            turning=self._turning(derived),
            removed=self._history.removed(uid),
            results=as_results(self._publications.results(uid)),
            seconds=as_second_lines(self._seconds.of_study(uid)),
            decisions=decisions,
            deliveries=as_lines(deliveries),
            commands=resend_commands(deliveries, study_uid=uid),
            conflicts=seen.conflicts(each for each in self._history.conflicts() if each.study_uid == uid),
            verdict=verdict_form(entry, said, self._visitor.name, self._options.assignees(self._visitor.name)),
            history=folded(timeline(seen.events(uid), seen.moves(uid), done, _MOST_LINES)),
            earlier=seen.study(earlier_study(self._publications.priors(uid), entry.finding)),
            contradicting=seen.study(self._publications.contradicting(uid)),
            viewer_url=viewer_link(self._options, uid, entry.patient.accession_number),
        )

    def picture(self, uid: str, sop_instance_uid: str) -> Response:
        """Return a result picture of a study as PNG."""
        return picture_of(self._history.derived(uid), sop_instance_uid, self._spool)

    def view(self, uid: str, sop_instance_uid: str, number: int) -> Response:
        """Return one of the views of the lungs that turn, from 1, as PNG."""
        return turned_view(self._history.derived(uid), sop_instance_uid, number, self._spool)

    def status(self) -> Response:
        """Return counts, and everything that waits for a person."""
        version = self._worklist.version()
        undelivered = [*self._outbox.refused_items(_MOST_LINES), *self._outbox.dead_items(_MOST_LINES)]
        return self._page(
            "status",
            version=version,
            banner=self._worklist.banner(),
            counts=[(STATE_WORDS[state], studies) for state, studies in self._history.counts().items()],
            destinations=destinations(self._outbox.counts(), self._outbox.awaiting_commitment(), self._peers.all()),
            free_mb=self._free_mb(),
            notices=self._notices(),
            failures=[as_ended(study, now=self._clock()) for study in self._worklist.ended(_MOST_LINES)],
            receivers=receivers(self._pushes.counts()),
            untold=[as_undelivered(push) for push in self._pushes.undelivered(_MOST_LINES)],
            undelivered=[as_line(delivery) for delivery in undelivered],
            commands=resend_commands(undelivered),
            second_counts=as_count_lines(self._seconds.counts()),
            quarantined=self._history.quarantined(_MOST_LINES),
            conflicts=self._history.conflicts(_MOST_LINES),
        )

    def problem(self, request: Request, status: HTTPStatus, words: str) -> Response:
        """Return a page that says what went wrong, also while the store is unreachable."""
        seen = self.seen_by(visitor(request))
        return seen._page("problem", status=status, version="", title=status.phrase, words=words)

    def sign_in(
        self, request: Request, *, wanted: str, words: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        """Return the form for signing in; `words` say why it is shown again, `wanted` where to go afterwards."""
        oidc = self._options.access.oidc
        seen, sign_on = self.seen_by(visitor(request)), "" if oidc is None else oidc.label
        return seen._page("sign_in", status=status, wanted=wanted, words=words, sign_on=sign_on)

    def signed_out(self, request: Request, elsewhere: str) -> Response:
        """Return the page that leads to where single sign-on is left, too."""
        return self.seen_by(visitor(request))._page("signed_out", elsewhere=elsewhere)

    def people(self, request: Request, accounts: Sequence[Account]) -> Response:
        """Return the page of who may sign in."""
        return self.seen_by(visitor(request))._page("people", version="", accounts=accounts)

    def _described(self, shown: Sequence[DerivedObject]) -> tuple[list[tuple[str, Picture | None]], str]:
        """Return what is to be said of each picture, or none and why, while the spool is away: none of them is lost."""
        try:
            return [(item.sop_instance_uid, described(self._spool.absolute(item.path))) for item in shown], ""
        except TryLater as later:
            return [], str(later)

    def _turning(self, derived: Sequence[DerivedObject]) -> Turning | None:
        """Return the views of the lungs that turn, where they have been drawn."""
        views = next((item for item in derived if item.kind == ObjectKind.TURNING), None)
        try:
            return None if views is None else turning(views.sop_instance_uid, self._spool.absolute(views.path))
        except TryLater:
            return None

    def _free_mb(self) -> int | None:
        try:
            return self._spool.free_mb()
        except TryLater:
            return None

    def _part(self, view: View) -> Part:
        names = self._options.names_of(self._visitor.name) if view.whose is Whose.MINE else frozenset()
        return Part(
            view.shown,
            view.search,
            view.classes,
            view.states,
            view.modality,
            names,
            view.sites,
            self._options.sites_of(names),
        )

    def _row(self, entry: WorklistEntry) -> Row:
        return as_row(entry, now=self._clock(), threshold=self._options.threshold_for(entry.finding))

    def _brief(self, entry: WorklistEntry) -> Brief:
        return brief_of(entry, now=self._clock(), options=self._options.policy)

    def _page(self, name: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        return self._templates.page(name, self._visitor, status=status, **values)
