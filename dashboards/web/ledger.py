"""The office's ledgers in the browser: a file is looked through, shown, and imported when it is confirmed; or undone.

A file is never written to a disk: until it is confirmed it waits in memory, for one session and a quarter of an hour.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePath
from typing import Final, TypeVar

from clickhouse_driver import Client
from clickhouse_driver.errors import Error
from fastapi import Request, Response
from msgspec import Struct
from starlette.datastructures import UploadFile

from dashboards.web.desk import Desk
from dashboards.web.guard import Refused, form, printable
from dashboards.web.sessions import Session, check
from dashboards.web.users import MAY_KEEP_LEDGERS
from dashboards.web.words import Lang
from infra.clock import MINUTE_MS
from infra.errors import UserError
from infra.settings import Settings
from infra.site import Site
from warehouse.client import connect
from warehouse.ledger import (
    LEDGERS,
    Entry,
    Import,
    Kind,
    MistakesError,
    Note,
    Planned,
    history,
    import_entries,
    parse_entries,
    planned,
    undo,
)
from warehouse.ledger_words import COLUMNS, WORDS

WAITS_MS: Final = 15 * MINUTE_MS
MOST_WAITING: Final = 20
MOST_SHOWN: Final = 200
MOST_WHY: Final = 200
ENDINGS: Final = (".csv", ".xlsx")
CHINESE: Final = {english: chinese for chinese, english in WORDS.items()}

Answer = TypeVar("Answer")


class Waiting(Struct, frozen=True):
    """A file that was looked through and is to be confirmed by the same session."""

    csrf: str
    estate: str
    kind: Kind
    name: str
    entries: list[Entry]
    since_ms: int


class Ledgers:
    """The addresses `/e/{estate}/ledger/…`, for role `office` only."""

    def __init__(self, desk: Desk, settings: Settings, sites: Mapping[str, Site]) -> None:
        self._desk, self._settings, self._sites = desk, settings, sites
        self._waiting: OrderedDict[str, Waiting] = OrderedDict()
        self._one_at_a_time = asyncio.Semaphore(1)

    async def shown(self, request: Request, estate: str, kind: str) -> Response:
        """What was imported into a ledger, and a form for the next file."""
        session, site, ledger = self._allowed(request, estate, kind)
        self._desk.note(request, "read", session.user.name, 200)
        return await self._page(request, session, site, ledger)

    async def preview(self, request: Request, estate: str, kind: str) -> Response:
        """Look a file through: what it would do, or every mistake in it. Nothing is imported yet."""
        session, site, ledger = self._allowed(request, estate, kind)
        fields = await request.form(max_files=1, max_fields=2)
        check(session, {name: value for name, value in fields.items() if isinstance(value, str)})
        file = fields.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refused(400, "no file")
        name, content = _shown_name(file.filename), await file.read()
        try:
            entries = await asyncio.to_thread(_parsed, name, content, ledger, site)
            plan = await self._asked(lambda client: planned(client, ledger, entries, site))
        except MistakesError as error:
            return await self._page(request, session, site, ledger, 422, name=name, mistakes=error.mistakes)
        except UserError as error:
            return await self._page(request, session, site, ledger, 422, name=name, problem=error.problem)
        token = self._keep(Waiting(session.csrf, estate, ledger, name, entries, self._desk.clock.now_ms()))
        self._desk.note(request, "looked through", session.user.name, 200, f"{ledger}: {name}")
        return await self._page(request, session, site, ledger, name=name, plan=plan, token=token)

    async def confirm(self, request: Request, estate: str, kind: str) -> Response:
        """Import what was looked through."""
        session, site, ledger = self._allowed(request, estate, kind)
        fields = await form(request)
        check(session, fields)
        token = fields.get("token", "")
        waiting = self._found(session, token, estate, ledger)
        note = self._note_of(session, fields)
        try:
            done = await self._asked(lambda client: import_entries(client, ledger, waiting.entries, site, note))
        except UserError as error:  # it corrects entries, and nobody said why
            plan = await self._asked(lambda client: planned(client, ledger, waiting.entries, site))
            about = {"name": waiting.name, "plan": plan, "token": token, "problem": error.problem}
            return await self._page(request, session, site, ledger, 422, **about)
        self._waiting.pop(token, None)
        told = f"{ledger}: {waiting.name}: {done.new} new, {done.changed} changed, {done.unchanged} unchanged"
        self._desk.note(request, "imported", session.user.name, 200, told)
        return self._desk.to(f"/e/{estate}/ledger/{ledger}")

    async def undo(self, request: Request, estate: str, kind: str) -> Response:
        """Take an import back."""
        session, site, ledger = self._allowed(request, estate, kind)
        fields = await form(request)
        check(session, fields)
        undone, note = fields.get("import", ""), self._note_of(session, fields)
        if not undone:
            raise Refused(400, "no import was named")
        try:
            await self._asked(lambda client: undo(client, ledger, site, note, undone))
        except UserError as error:
            return await self._page(request, session, site, ledger, 422, problem=error.problem)
        self._desk.note(request, "undone", session.user.name, 200, f"{ledger}: {undone[:64]}")
        return self._desk.to(f"/e/{estate}/ledger/{ledger}")

    def _allowed(self, request: Request, estate: str, kind: str) -> tuple[Session, Site, Kind]:
        session = self._desk.session_at(request, estate, self._sites, MAY_KEEP_LEDGERS)
        ledger = next((known for known in LEDGERS if known == kind), None)
        if ledger is None:
            raise Refused(404, "no such ledger")
        return session, self._sites[estate], ledger

    async def _page(
        self, request: Request, session: Session, site: Site, kind: Kind, status: int = 200, **about: object
    ) -> Response:
        imports: list[Import] = await self._asked(lambda client: history(client, kind, site.estate.id))
        shown = {"name": "", "plan": None, "mistakes": [], "problem": "", "token": ""} | about
        plan: list[Planned] | None = shown["plan"]  # type: ignore[assignment]
        return self._desk.page(
            request,
            "ledger.html",
            status,
            session=session,
            site=site,
            kind=kind,
            kinds=list(LEDGERS),
            columns=list(LEDGERS[kind][1].model_fields)[1:],
            needed=[name for name, about in LEDGERS[kind][1].model_fields.items() if about.is_required()],
            column_words=COLUMNS,
            cell=lambda value: _cell(value, site, self._desk.lang_or_default(request)),
            imports=imports,
            counted={does: sum(one.does == does for one in plan or []) for does in ("new", "changed", "unchanged")},
            most_shown=MOST_SHOWN,
            **shown,
        )

    async def _asked(self, ask: Callable[[Client], Answer]) -> Answer:
        """Ask the warehouse as the office. Raises Refused where it does not answer."""

        def asked() -> Answer:
            try:
                client = connect(self._settings, "office")
            except UserError as error:
                raise Refused(503, error.problem[:200]) from error
            with client:
                return ask(client)

        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(asked)
            except (Error, EOFError, OSError) as error:
                raise Refused(503, f"ClickHouse: {error}"[:200]) from error

    def _note_of(self, session: Session, fields: Mapping[str, str]) -> Note:
        why = printable(fields.get("why", ""), MOST_WHY)
        return Note(datetime.fromtimestamp(self._desk.clock.now_ms() / 1000, UTC), session.user.name, why)

    def _keep(self, waiting: Waiting) -> str:
        """A token for it. Of one session the last file waits; of too many the oldest goes."""
        for token in [token for token, other in self._waiting.items() if other.csrf == waiting.csrf]:
            del self._waiting[token]
        token = secrets.token_urlsafe(24)
        self._waiting[token] = waiting
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        return token

    def _found(self, session: Session, token: str, estate: str, kind: Kind) -> Waiting:
        """What waits under a token. Raises Refused where it is another's, or waited too long."""
        waiting = self._waiting.get(token)
        if waiting is None or (waiting.csrf, waiting.estate, waiting.kind) != (session.csrf, estate, kind):
            raise Refused(404, "no file waits under this token")
        if self._desk.clock.now_ms() - waiting.since_ms > WAITS_MS:
            del self._waiting[token]
            raise Refused(410, "the file waited too long")
        return waiting


def _shown_name(name: str) -> str:
    """A file's name without folders, and short."""
    plain = "".join(c for c in PurePath(name.replace("\\", "/")).name if c.isprintable())
    return plain[-80:]


def _cell(value: object, site: Site, lang: Lang) -> str:
    """A value of an entry as people read it: times local, words in their language."""
    match value:
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(site.tz).strftime("%Y-%m-%d %H:%M")
        case str() if lang == "zh":
            return CHINESE.get(value, value)
        case Decimal():
            return f"{value:.2f}"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)


def _parsed(name: str, content: bytes, kind: Kind, site: Site) -> list[Entry]:
    if not name.lower().endswith(ENDINGS):
        raise UserError(f"{name}: {' / '.join(ENDINGS)}", "save it as .xlsx or as CSV")
    entries = parse_entries(name, content, LEDGERS[kind][1], site)
    if not entries:
        raise UserError(f"{name}: 没有数据行 / no rows", "give a file with rows below its header")
    return entries
