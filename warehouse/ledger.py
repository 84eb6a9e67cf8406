"""The office's own ledgers: funds, incidents, surveys, spot checks; what was imported, by whom, why, and undone.

Nothing is overwritten: an entry that changed gets its next version, one that did not is left alone. To undo an import
is to write the versions before it once more, as the next ones. An entry is known by its `id` column, or where there is
none by its content (then a correction is a new entry). Times are local to the estate.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from clickhouse_driver import Client
from msgspec import Struct

from infra.errors import UserError
from infra.events import derived_id
from infra.site import Site
from warehouse.client import ask_tables, identifier, placed
from warehouse.ledger_files import (
    LEDGERS,
    Entry,
    Fund,
    Incident,
    Kind,
    MistakesError,
    SpotCheck,
    Survey,
    parse_entries,
    read_entries,
)

__all__ = [
    "LEDGERS",
    "Entry",
    "Fund",
    "Incident",
    "Kind",
    "MistakesError",
    "SpotCheck",
    "Survey",
    "parse_entries",
    "read_entries",
]

Content = dict[str, object]
Said = tuple[object, ...]


@dataclass(frozen=True)
class Imported:
    """What an import did: entries that are new, that got a new version, that were as before."""

    new: int
    changed: int
    unchanged: int


@dataclass(frozen=True)
class Note:
    """Who imports, when and why."""

    at: datetime
    by: str = ""
    why: str = ""


@dataclass(frozen=True)
class Planned:
    """An entry that is to be imported, what becomes of it, and what it said before (none: nothing, or taken out)."""

    entry_id: str
    content: Content
    does: Literal["new", "changed", "unchanged"]
    before: Said | None


def import_ledger(
    client: Client, kind: Kind, path: Path, site: Site, now: datetime, *, by: str = "", why: str = ""
) -> Imported:
    """Import a file into its ledger, as role `office`, by whom and why.

    Raises UserError listing every mistake, or where entries would be corrected without a reason; then nothing is
    imported.
    """
    return import_entries(client, kind, read_entries(path, LEDGERS[kind][1], site), site, Note(now, by, why))


def import_entries(client: Client, kind: Kind, entries: Iterable[Entry], site: Site, note: Note) -> Imported:
    """Import entries into their ledger, as role `office`. Raises UserError where a correction has no reason."""
    table = LEDGERS[kind][0]
    contents = identified(entries)
    rows = list(new_versions(contents, latest(client, table, site.estate.id)))
    changed = sum(version > 1 for (_, version), _ in rows)
    if changed and note.by and not note.why:
        raise UserError(
            f"{changed} entries of {kind} correct earlier ones", "say why with --why, it is kept in the history"
        )
    _insert(client, table, site, rows, note)
    return Imported(len(rows) - changed, changed, len(contents) - len(rows))


def planned(client: Client, kind: Kind, entries: Iterable[Entry], site: Site) -> list[Planned]:
    """What an import of these entries would do with each."""
    known = latest(client, LEDGERS[kind][0], site.estate.id)
    contents = identified(entries)
    versions = {entry_id: version for (entry_id, version), _ in new_versions(contents, known)}
    before = {entry_id: said for entry_id, (_, said) in known.items()}
    return [
        Planned(entry_id, content, _does(versions.get(entry_id)), before.get(entry_id))
        for entry_id, content in contents.items()
    ]


def _does(version: int | None) -> Literal["new", "changed", "unchanged"]:
    return "unchanged" if version is None else "new" if version == 1 else "changed"


def latest(client: Client, table: str, estate: str) -> dict[str, tuple[int, Said | None]]:
    """For each entry its latest version and what that says; None where it was taken out."""
    rows = ask_tables(client, "latest_entries", {"table": table}, estate=estate)
    return {
        str(entry_id): (int(str(version)), None if removed else tuple(said))
        for entry_id, version, removed, *said in rows
    }


def new_versions(
    entries: dict[str, Content], known: Mapping[str, tuple[int, Said | None]]
) -> Iterator[tuple[tuple[str, int], Content]]:
    """What is to be written: entries that are not known or say something else than before."""
    for entry_id, content in entries.items():
        version, said = known.get(entry_id, (0, None))
        if said != tuple(content.values()):
            yield (entry_id, version + 1), content


def identified(entries: Iterable[Entry]) -> dict[str, Content]:
    """Contents by entry id; two equal entries without an id are two entries."""
    found: dict[str, Content] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        content = entry.content()
        told = tuple(map(str, content.values()))
        seen[told] += 1
        found[entry.id or derived_id(*told, seen[told])] = content
    return found


class Import(Struct, frozen=True):
    """One import of a ledger, an undo included."""

    import_id: str
    imported_at: datetime
    imported_by: str
    reason: str
    new: int
    changed: int
    removed: int


def history(client: Client, kind: Kind, estate: str) -> list[Import]:
    """All imports of a ledger, the latest first."""
    rows = ask_tables(client, "ledger_imports", _table(kind), estate=estate)
    return [msgspec.convert(dict(zip(Import.__struct_fields__, row, strict=True)), Import) for row in rows]


def entry_history(client: Client, kind: Kind, estate: str, entry_id: str) -> tuple[list[str], list[Said]]:
    """Columns, and every version of one entry, the first first. Raises UserError where there is none."""
    rows, columns = client.execute(
        placed("entry_versions", _table(kind)), {"estate": estate, "entry": entry_id}, with_column_types=True
    )
    if not rows:
        raise UserError(f"{kind} has no entry {entry_id!r}", f"see `anfang ledger history {kind}`")
    return [name for name, _ in columns], rows


def undo(client: Client, kind: Kind, site: Site, note: Note, import_id: str = "") -> Imported:
    """Take back an import, by default the last one (an undo is an import too: undone, it is as before).

    Raises UserError where there is none, or where a later import corrected one of its entries.
    """
    estate = site.estate.id
    imports = [found for found in history(client, kind, estate) if import_id in ("", found.import_id)]
    if not imports:
        raise UserError(f"{kind} has no import {import_id}".rstrip(), f"see `anfang ledger history {kind}`")
    undone = imports[0].import_id
    if not undone:
        raise UserError(f"the last import of {kind} is older than the history", "import a corrected file instead")
    rows = ask_tables(client, "versions_of_import", _table(kind), estate=estate, import_id=undone)
    fields = list(LEDGERS[kind][1].model_fields)[1:]
    back = list(_versions_back(rows, fields, undone, kind))
    why = note.why or f"undo of {undone}"
    _insert(client, _table(kind)["table"], site, back, Note(note.at, note.by, why))
    removed = sum("removed" in content for _, content in back)
    return Imported(removed, len(back) - removed, 0)


def _versions_back(
    rows: Iterable[Said], fields: list[str], undone: str, kind: Kind
) -> Iterator[tuple[tuple[str, int], Content]]:
    """For each entry of the import the version before it as its next; a removal where there was none.

    `rows` are all versions of those entries, in order: (entry_id, version, import_id, removed, *content).
    """
    versions: dict[str, list[Said]] = {}
    for row in rows:
        versions.setdefault(str(row[0]), []).append(row)
    later = [entry for entry, known in versions.items() if known[-1][2] != undone]
    if later:
        raise UserError(
            f"{kind}: later imports corrected entries of {undone}: {', '.join(later[:5])}", "undo those first"
        )
    for entry, known in versions.items():
        before = known[-2] if len(known) > 1 else None
        content = dict(zip(fields, (before or known[-1])[4:], strict=True))
        gone = before is None or bool(before[3])
        yield (entry, int(str(known[-1][1])) + 1), {**content, "removed": 1} if gone else content


def _table(kind: Kind) -> dict[str, str]:
    return {"table": LEDGERS[kind][0]}


def _insert(client: Client, table: str, site: Site, rows: list[tuple[tuple[str, int], Content]], note: Note) -> None:
    if not rows:
        return
    import_id = derived_id(table, note.at.isoformat(), *sorted(f"{entry} {version}" for (entry, version), _ in rows))
    about = {"imported_at": note.at, "import_id": import_id[:12], "imported_by": note.by, "reason": note.why}
    written = [
        {"estate_id": site.estate.id, "entry_id": entry, "version": version, "removed": 0, **about, **content}
        for (entry, version), content in rows
    ]
    names = ", ".join(map(identifier, written[0]))
    client.execute(f"INSERT INTO {identifier(table)} ({names}) VALUES", written)
